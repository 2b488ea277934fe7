"""Requirements stand in the schema that clients read, and nonsense is refused where it is written."""

import pytest
import strawberry

from bff import access_policy, authenticated, requires_auth, requires_policy, requires_scopes, with_policies
from bff.execution.access.policies import TwoPolicies


def test_directives_and_their_definitions_are_in_the_sdl(shop):
    sdl = shop.schema.as_str()

    assert "directive @authenticated on FIELD_DEFINITION | OBJECT | INTERFACE" in sdl
    assert "directive @policy(name: String!) on FIELD_DEFINITION | OBJECT | INTERFACE" in sdl
    assert "directive @requiresScopes(scopes: [[String!]!]!) on FIELD_DEFINITION | OBJECT | INTERFACE" in sdl
    assert "directive @requiresAuth(acr: [String!], maxAge: Int) on FIELD_DEFINITION | OBJECT | INTERFACE" in sdl
    assert "type Order @authenticated {" in sdl
    assert 'pin: String @requiresAuth(acr: ["mfa", "hwk"], maxAge: 300)' in sdl
    assert 'cost: Int @requiresScopes(scopes: [["costs:read"], ["admin", "audit"]])' in sdl
    assert 'note: String @policy(name: "nice")' in sdl


def test_only_what_was_said_is_printed():
    @strawberry.type
    class Query:
        recent: int | None = strawberry.field(default=1, directives=[requires_auth(max_age=0)])
        strong: int | None = strawberry.field(default=1, directives=[requires_auth(acr=["mfa"])])

    sdl = strawberry.Schema(Query).as_str()

    assert "recent: Int @requiresAuth(maxAge: 0)" in sdl
    assert 'strong: Int @requiresAuth(acr: ["mfa"])' in sdl


@pytest.mark.parametrize("scopes", [[], [[]], [["a"], []], "orders:write", ["orders:write"]])
def test_scopes_that_would_require_nothing_are_refused(scopes):
    """A plain list of names reads like AND to one and like OR to another."""
    with pytest.raises(ValueError, match="requires_scopes"):
        requires_scopes(scopes)


@pytest.mark.parametrize("settings", [{}, {"acr": []}, {"acr": "mfa"}, {"max_age": -1}])
def test_step_up_that_would_require_nothing_is_refused(settings):
    with pytest.raises(ValueError, match=r"requires_auth|max_age"):
        requires_auth(**settings)


def test_a_directive_knows_the_line_that_it_stands_on():
    """`bff check` points there."""
    for directive in (authenticated(), requires_policy("x"), requires_scopes([["a"]]), requires_auth(max_age=1)):
        assert directive.place.file == __file__


def test_two_policies_of_one_name_are_refused():
    @access_policy("nice")
    async def one(principal, asked):
        return True

    @strawberry.type
    class Query:
        x: int = 1

    schema = with_policies(strawberry.Schema(Query), one)

    with pytest.raises(TwoPolicies, match="nice"):
        with_policies(schema, one)


def test_a_policy_is_named_after_its_function():
    @access_policy()
    async def own_kitchen(principal, asked):
        return True

    assert own_kitchen.name == "own_kitchen"
