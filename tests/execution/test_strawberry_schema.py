"""Any Strawberry schema works, and one whose promises cannot be kept is refused at start."""

import asyncio
import enum
from typing import Any

import pytest
import strawberry
from graphql import GraphQLError, ValidationRule, build_schema
from strawberry.directive import DirectiveLocation, DirectiveValue
from strawberry.extensions import AddValidationRules, FieldExtension, MaskErrors, SchemaExtension
from strawberry.permission import BasePermission
from strawberry.schema.config import StrawberryConfig

from bff.codes import Code
from bff.execution.strawberry_schema import UnsupportedSchema


class LoggedIn(BasePermission):
    message = "Log in first"
    error_extensions = {"code": "UNAUTHENTICATED"}  # noqa: RUF012 - as Strawberry's documentation writes it

    async def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        await asyncio.sleep(0)
        return bool(info.context.principal.subject)


class Upper(FieldExtension):
    async def resolve_async(self, next_: Any, source: Any, info: strawberry.Info, **kwargs: Any) -> Any:
        return str(await next_(source, info, **kwargs)).upper()


@strawberry.enum
class Colour(enum.Enum):
    RED = "red"


@strawberry.input
class Paint:
    colour: Colour
    coats: int = 1


@strawberry.type
class Query:
    @strawberry.field(permission_classes=[LoggedIn])
    async def secret(self) -> str | None:
        return "for you"

    @strawberry.field(extensions=[Upper()])
    async def loud(self) -> str:
        return "quiet"

    @strawberry.field
    def paint(self, paint: Paint) -> str:
        return f"{paint.coats} x {paint.colour.value}"

    @strawberry.field
    def plain(self) -> str:
        return "plain"

    @strawberry.field
    def list_of(self, ids: list[int | None]) -> list[int | None]:
        return ids


@strawberry.directive(locations=[DirectiveLocation.FIELD])
def shout(value: DirectiveValue[str]) -> str:
    return value + "!"


class Recording(SchemaExtension):
    steps: list[str]

    def on_operation(self) -> Any:
        self.steps.append(f"operation {self.execution_context.operation_name}")
        yield
        self.steps.append("operation over")

    async def on_execute(self) -> Any:
        self.steps.append("execute")
        yield

    def resolve(self, _next: Any, root: Any, info: Any, *args: Any, **kwargs: Any) -> Any:
        self.steps.append(info.field_name)
        return _next(root, info, *args, **kwargs)


async def test_permissions_say_no_in_their_own_words(world):
    it = world(strawberry.Schema(Query))

    answer = await it.ask("{ secret plain }")

    assert answer.body["data"] == {"secret": None, "plain": "plain"}
    assert answer.body["errors"][0]["message"] == "Log in first"
    assert answer.body["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_field_extensions_inputs_and_enums_work(world):
    it = world(strawberry.Schema(Query))

    answer = await it.ask("query($p: Paint!) { loud paint(paint: $p) }", {"p": {"colour": "RED", "coats": 2}})

    assert answer.body["data"] == {"loud": "QUIET", "paint": "2 x red"}


async def test_custom_directives_work(world):
    it = world(strawberry.Schema(Query, directives=[shout]))

    answer = await it.ask("{ plain @shout }")

    assert answer.body["data"] == {"plain": "plain!"}


async def test_schema_extensions_lie_around_operation_and_resolvers(world):
    steps: list[str] = []

    class Mine(Recording):
        pass

    Mine.steps = steps
    it = world(strawberry.Schema(Query, extensions=[Mine]))
    await it.ask("query Screen { plain }")

    assert steps == ["operation Screen", "execute", "plain", "operation over"]


async def test_an_extension_may_stop_an_operation(world):
    """What an extension guards must stay guarded here."""

    class Closed(SchemaExtension):
        def on_execute(self) -> Any:
            raise PermissionError("closed on Sundays")
            yield

    it = world(strawberry.Schema(Query, extensions=[Closed]))
    answer = await it.ask("{ plain }")

    assert answer.body["data"] is None
    assert answer.body["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert "closed on Sundays" in it.told[0].detail


async def test_added_validation_rules_hold(world):
    class NoPlain(ValidationRule):
        def enter_field(self, node: Any, *_: Any) -> None:
            if node.name.value == "plain":
                self.report_error(GraphQLError("not that one"))

    it = world(strawberry.Schema(Query, extensions=[lambda: AddValidationRules([NoPlain])]))

    assert (await it.ask("{ plain }")).refused is Code.GRAPHQL_VALIDATION_FAILED
    assert (await it.ask("{ loud }")).refused is None


async def test_extensions_that_rewrite_the_result_change_nothing(world):
    it = world(strawberry.Schema(Query, extensions=[MaskErrors]))

    answer = await it.ask("{ secret }")

    assert answer.body["errors"][0]["message"] == "Log in first"


@pytest.mark.parametrize("hook", ["on_parse", "on_validate"])
def test_an_extension_that_would_not_run_is_refused(world, hook):
    def nothing(self: Any) -> Any:
        yield

    extension = type("Watching", (SchemaExtension,), {hook: nothing})

    with pytest.raises(UnsupportedSchema, match=f"Watching uses {hook}"):
        world(strawberry.Schema(Query, extensions=[extension]))


def test_incremental_delivery_is_refused(world):
    config = StrawberryConfig(enable_experimental_incremental_execution=True)

    with pytest.raises(UnsupportedSchema, match="incremental"):
        world(strawberry.Schema(Query, config=config))


@pytest.mark.parametrize(
    ("query", "variables", "words"),
    [
        ("query($p: Paint!) { paint(paint: $p) }", None, "$p"),
        ("query($p: Paint!) { paint(paint: $p) }", {"p": {"colour": "REDD"}}, "REDD"),
        ("query($p: Paint!) { paint(paint: $p) }", {"p": {"coats": 1}}, "colour"),
        ("query($p: Paint!) { paint(paint: $p) }", {"p": {"colour": "RED", "coat": 1}}, "coat"),
        ("query($i: [Int]!) { listOf(ids: $i) }", {"i": ["x"]}, "$i"),
        ("query($i: [Int]!) { listOf(ids: $i) }", {"i": [2**40]}, "$i"),
        ("query($i: [Int]!) { listOf(ids: $i) }", {"i": [float("nan")]}, "$i"),
    ],
)
@pytest.mark.parametrize("introspection", ["allow", "deny"])
async def test_variables_that_do_not_fit_are_refused(world, query, variables, words, introspection):
    it = world(strawberry.Schema(Query), introspection=introspection)

    answer = await it.ask(query, variables)

    assert answer.refused is Code.BAD_USER_INPUT
    message = answer.body["errors"][0]["message"]
    assert words in message
    if introspection == "deny":
        assert "Did you mean" not in message


async def test_many_bad_variables_are_not_all_told(world):
    it = world(strawberry.Schema(Query), max_errors=5)

    answer = await it.ask("query($i: [Int]!) { listOf(ids: $i) }", {"i": ["x"] * 5000})

    assert len(answer.body["errors"]) == 6


async def test_an_argument_that_shows_itself_wrong_while_running_is_the_clients(world, codes):
    """A nullable variable with a default fits by its type, and may still be null in the end."""
    it = world(build_schema("type Query { a(x: Int! = 1): Int }"))

    answer = await it.ask("query($x: Int = 2) { a(x: $x) }", {"x": None})

    assert codes(answer) == {"a": "BAD_USER_INPUT"}
