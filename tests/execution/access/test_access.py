"""Who may not see a field reads null and one error; nobody is asked for it, and its siblings stand (AU-11)."""

import asyncio

import pytest

from bff.codes import Code
from bff.context import ANONYMOUS
from bff.events import ErrorTold
from bff.execution.messages import GraphQLRequest
from bff.testing import principal


async def test_a_denied_field_of_a_list_is_null_in_each_object_and_costs_no_call(world, shop, codes):
    """Must-show 4: the batch form is not called, and its siblings stand."""
    answer = await world(shop.schema).ask("{ things { name stock } }")

    assert answer.body["data"] == {"things": [{"name": f"t{place}", "stock": None} for place in range(3)]}
    assert codes(answer) == {f"things.{place}.stock": "UNAUTHENTICATED" for place in range(3)}
    assert shop.resolved == []


async def test_who_may_gets_everything(world, shop):
    caller = principal("ann", scopes=["suppliers:read", "costs:read"])

    answer = await world(shop.schema).ask(
        "{ things(count: 1) { stock supplier margin cost note } }", principal=caller
    )

    assert answer.body == {
        "data": {"things": [{"stock": 3, "supplier": "Ada", "margin": 7, "cost": 1, "note": "n"}]}
    }


@pytest.mark.parametrize(
    ("scopes", "code"),
    [
        ((), "FORBIDDEN"),
        (("costs:write",), "FORBIDDEN"),
        (("admin",), "FORBIDDEN"),
        (("costs:read",), None),
        (("admin", "audit", "more"), None),
    ],
)
async def test_all_scopes_of_one_of_the_lists_are_needed(world, shop, codes, scopes, code):
    caller = principal("ann", scopes=scopes)

    answer = await world(shop.schema).ask("{ things(count: 1) { cost } }", principal=caller)

    assert codes(answer) == ({"things.0.cost": code} if code else {})


async def test_what_an_interface_requires_holds_for_its_implementations(world, shop, codes, ann):
    """Asked through the interface, through the type, and through a fragment."""
    document = "{ items { name cost } things(count: 1) { ...on Item { cost } } }"

    answer = await world(shop.schema).ask(document, principal=ann)

    assert answer.body["data"] == {"items": [{"name": "t", "cost": None}], "things": [{"cost": None}]}
    assert codes(answer) == {"items.0.cost": "FORBIDDEN", "things.0.cost": "FORBIDDEN"}


async def test_a_denied_field_that_may_not_be_null_takes_its_parent(world, shop, codes):
    """As GraphQL says; one error tells why."""
    answer = await world(shop.schema).ask("{ things(count: 1) { name margin stock } }")

    assert answer.body["data"] == {"things": [None]}
    assert codes(answer) == {"things.0.margin": "UNAUTHENTICATED"}


async def test_a_field_that_brings_a_denied_type_is_denied_itself(world, shop, codes):
    """Nobody fetches an order for somebody who may not see any."""
    answer = await world(shop.schema).ask("{ order { id } things(count: 1) { name } }")

    assert answer.body["data"] == {"order": None, "things": [{"name": "t0"}]}
    assert codes(answer) == {"order": "UNAUTHENTICATED"}
    assert shop.resolved == []


async def test_an_object_of_a_denied_type_among_others_is_null_with_one_error(world, shop, codes):
    """Not an error for each of its fields, and not even its type is told."""
    document = "{ found { __typename ...on Thing { name } ...on Order { id } } }"

    answer = await world(shop.schema).ask(document)

    assert answer.body["data"] == {"found": [{"__typename": "Thing", "name": "t"}, None]}
    assert codes(answer) == {"found.1": "UNAUTHENTICATED"}


async def test_a_denied_mutation_does_nothing_and_the_others_go_on(world, shop, codes, ann):
    answer = await world(shop.schema).ask("mutation { ship send }", principal=ann)

    assert answer.body["data"] == {"ship": None, "send": "shipped"}
    assert codes(answer) == {"ship": "FORBIDDEN"}
    assert shop.resolved == ["ship"]


async def test_after_a_denied_mutation_that_may_not_be_null_nothing_is_done(world, shop, codes, ann):
    answer = await world(shop.schema).ask("mutation { mustShip send }", principal=ann)

    assert answer.body["data"] is None
    assert codes(answer) == {"mustShip": "FORBIDDEN"}
    assert shop.resolved == []


async def test_an_access_policy_is_asked_once_for_an_operation(world, shop, ann):
    """However many objects and aliases there are."""
    document = "query Shelf { things { note } more: things { again: note } }"

    answer = await world(shop.schema).ask(document, principal=ann)

    assert "errors" not in answer.body
    assert [(one.fields, one.operation, one.kind) for one in shop.asked] == [(("Thing.note",), "Shelf", "query")]


async def test_an_access_policy_that_says_no_forbids(world, shop, codes, ann):
    shop.says["nice"] = False
    it = world(shop.schema)

    assert codes(await it.ask("{ things(count: 1) { note } }", principal=ann)) == {"things.0.note": "FORBIDDEN"}
    assert codes(await it.ask("{ things(count: 1) { note } }")) == {"things.0.note": "UNAUTHENTICATED"}


@pytest.mark.parametrize("answer", [ValueError("db-7.internal"), asyncio.CancelledError(), "yes", None, 1])
async def test_an_access_policy_that_fails_never_opens(world, shop, codes, ann, answer):
    """Whatever it does instead of saying yes or no."""

    async def misbehave():
        if isinstance(answer, BaseException):
            raise answer
        return answer

    shop.says["nice"] = misbehave
    it = world(shop.schema)

    told = await it.ask("{ things(count: 1) { name note } }", principal=ann)

    assert told.body["data"] == {"things": [{"name": "t0", "note": None}]}
    assert codes(told) == {"things.0.note": "AUTH_UNAVAILABLE"}
    assert "db-7" not in str(told.body)
    assert told.barred is None


async def test_an_access_policy_that_does_not_answer_is_given_up_at_the_deadline(world, shop, codes, ann):
    it = world(shop.schema)

    async def sleep():
        await it.clock.sleep(3600)

    shop.says["nice"] = sleep

    began = it.clock.now()

    answer = await it.timed("{ things(count: 1) { name note } }", principal=ann)

    assert answer.body["data"] == {"things": [{"name": "t0", "note": None}]}
    assert codes(answer) == {"things.0.note": "AUTH_UNAVAILABLE"}
    assert it.clock.now() - began <= 10.0


async def test_a_policy_that_does_not_exist_closes_its_field(world, shop, codes, ann):
    """Lesson 17: what cannot be built answers that, and is never open."""
    it = world(shop.schema)

    answer = await it.ask("{ locked }", principal=ann)

    assert codes(answer) == {"locked": "AUTH_UNAVAILABLE"}
    assert answer.barred is Code.AUTH_UNAVAILABLE
    assert "misspelt" in next(event.detail for event in it.events if isinstance(event, ErrorTold))
    assert shop.resolved == []


@pytest.mark.parametrize(
    ("claims", "age", "code"),
    [
        ({"acr": "mfa"}, 299, None),
        ({"acr": "hwk"}, 0, None),
        ({"acr": "mfa"}, 301, "STEP_UP_REQUIRED"),
        ({"acr": "pwd"}, 0, "STEP_UP_REQUIRED"),
        ({}, 0, "STEP_UP_REQUIRED"),
        ({"acr": "mfa"}, None, "STEP_UP_REQUIRED"),
        ({"acr": ["mfa"]}, 0, "STEP_UP_REQUIRED"),
    ],
)
async def test_a_login_must_be_strong_and_recent_enough(world, shop, codes, claims, age, code):
    """SU-1."""
    it = world(shop.schema)
    since = {} if age is None else {"auth_time": it.clock.wall() - age}

    answer = await it.ask("{ pin }", principal=principal("ann", **claims, **since))

    assert codes(answer) == ({"pin": code} if code else {})
    if code:
        told = answer.body["errors"][0]["extensions"]
        assert (told["acrValues"], told["maxAge"]) == (["mfa", "hwk"], 300)
        assert answer.barred is Code.STEP_UP_REQUIRED
        assert shop.resolved == []


async def test_who_is_not_logged_in_is_not_told_to_log_in_again(world, shop, codes):
    answer = await world(shop.schema).ask("{ pin }", principal=ANONYMOUS)

    assert codes(answer) == {"pin": "UNAUTHENTICATED"}
    assert answer.barred is None


async def test_step_up_bars_nothing_where_anything_resolved(world, shop, ann):
    answer = await world(shop.schema).ask("{ pin things { name } }", principal=ann)

    assert answer.barred is None


async def test_the_log_says_what_was_missing_and_the_client_is_not_told(world, shop, ann):
    it = world(shop.schema)

    answer = await it.ask("{ things(count: 1) { cost } }", principal=ann)

    (told,) = it.told
    assert told.detail == "FieldDenied: needs scope admin+audit or costs:read"
    assert "costs:read" not in str(answer.body)


async def test_callers_with_different_rights_do_not_get_each_others_answers(world, shop, ann):
    """The same document, at the same time: what was compiled for one is not used for the other."""
    it = world(shop.schema)
    allowed = principal("bob", scopes=["costs:read"])
    document = "{ things(count: 1) { cost stock } }"

    answers = await asyncio.gather(
        *(
            it.engine.execute(GraphQLRequest(document), it.ingress(principal=who))
            for who in (ANONYMOUS, ann, allowed, ANONYMOUS, allowed)
        )
    )

    assert [answer.body["data"]["things"][0] for answer in answers] == [
        {"cost": None, "stock": None},
        {"cost": None, "stock": 3},
        {"cost": 1, "stock": 3},
        {"cost": None, "stock": None},
        {"cost": 1, "stock": 3},
    ]


async def test_skipped_fields_are_not_denied(world, shop):
    document = "query ($with: Boolean!) { things(count: 1) { name stock @include(if: $with) } }"

    answer = await world(shop.schema).ask(document, {"with": False})

    assert answer.body == {"data": {"things": [{"name": "t0"}]}}


async def test_an_operation_without_requirements_is_not_held_up(world, shop):
    answer = await world(shop.schema).ask("{ things(count: 1) { name price } }")

    assert answer.body == {"data": {"things": [{"name": "t0", "price": 0}]}}
    assert shop.asked == []


async def test_an_operation_that_requires_something_is_private(made, world, shop, ann):
    """What one caller may see must not be given to others by a cache in between."""
    answer = await world(shop.schema).ask("{ things { stock } }", principal=ann)

    assert answer.private


@pytest.mark.parametrize("scope", ["principal", "public"])
async def test_a_weak_login_does_not_ride_on_a_strong_one_of_the_same_person(world, shop, codes, scope):
    """Equal queries under way share an execution; who may see the answer is part of being equal."""
    it = world(shop.schema, sharing={"scope": scope})
    now = it.clock.wall()
    strong, weak = (principal("ann", acr=acr, auth_time=now) for acr in ("mfa", "pwd"))
    request = GraphQLRequest("{ pin things(count: 1) { stock } }")
    await it.engine.execute(request, it.ingress(principal=strong))

    answers = await asyncio.gather(
        *(it.engine.execute(request, it.ingress(principal=who)) for who in (strong, weak, strong, ANONYMOUS))
    )

    assert [answer.body["data"]["pin"] for answer in answers] == ["1234", None, "1234", None]
    assert codes(answers[1]) == {"pin": "STEP_UP_REQUIRED"}
    assert codes(answers[3]) == {"pin": "UNAUTHENTICATED", "things.0.stock": "UNAUTHENTICATED"}
