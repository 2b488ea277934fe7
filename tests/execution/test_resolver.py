"""Resolvers run once per wave, call what they declare, and are refused early when they are written wrongly."""

import asyncio
from collections.abc import Sequence
from random import Random

import msgspec
import pytest
import strawberry
from graphql import graphql

from bff import Context, Upstream, UpstreamError, batched, field, resolver, serves
from bff.clock import SystemClock
from bff.context import Deadline, Operation
from bff.events import ignore
from bff.execution.resolver import METADATA_KEY, FieldResolver, WrongSignature
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.upstream.client import open_upstreams
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome


class WireDish(msgspec.Struct, frozen=True):
    id: str
    name: str


class Line(msgspec.Struct):
    dish_id: str


catalog = Upstream("catalog")
dishes = catalog.batch("/dishes", ids="ids", returns=list[WireDish], key="id")
LINES = [Line("a"), Line("b"), Line("a"), Line("c")]


@resolver(calls=[])
async def get_lines(context: Context) -> Sequence[Line]:
    return LINES


@batched(calls=[dishes])
async def get_dish(parents: Sequence[Line], context: Context) -> Sequence[object]:
    return await dishes.many(context, [line.dish_id for line in parents])


@batched(calls=[])
async def get_label(parents: Sequence[Line], context: Context, prefix: str = "") -> Sequence[object]:
    WAVES.append(len(parents))
    return [ValueError("no label for c") if line.dish_id == "c" else prefix + line.dish_id for line in parents]


@resolver(calls=[])
async def get_sneaky(parent: Line, context: Context) -> object:
    return await dishes.one(context, parent.dish_id)


@resolver(calls=[])
async def get_broken(parent: Line, context: Context) -> object:
    raise asyncio.CancelledError


@batched(calls=[])
async def get_short(parents: Sequence[Line], context: Context) -> Sequence[object]:
    return []


WAVES: list[int] = []


@strawberry.interface
class Thing:
    id: strawberry.ID


@strawberry.type
class Dish(Thing):
    is_type_of = serves(WireDish)
    name: str


@strawberry.type(name="Line")
class LineType:
    dish: Dish | None = field(get_dish, description="The dish, null with an error when catalog fails.")
    thing: Thing | None = field(get_dish)
    label: str | None = field(get_label, deprecation_reason="Use dish.")
    sneaky: Dish | None = field(get_sneaky)
    broken: str | None = field(get_broken)
    short: str | None = field(get_short)


@strawberry.type
class Query:
    lines: list[LineType | None] | None = field(get_lines)


SCHEMA = strawberry.Schema(Query)


class Catalog:
    """Stands for the service behind the transport port."""

    def __init__(self):
        self.targets = []

    async def send(self, request):
        self.targets.append(request.target)
        ids = request.target.partition("ids=")[2].split(",")
        body = msgspec.json.encode([WireDish(one, one.upper()) for one in ids])
        return Response(200, {"content-type": "application/json"}, body)

    async def close(self):
        pass


async def run(query):
    clock, service = SystemClock(), Catalog()
    upstreams = open_upstreams(
        {"catalog": UpstreamPolicy(hosts=("http://127.0.0.1:9102",))},
        OperationsPolicy(),
        open_transport=lambda limits: service,
        clock=clock,
        rng=Random(1),
        notify=ignore,
    )
    context = Context(Operation("r", Deadline.after(5, clock), upstreams))
    result = await graphql(SCHEMA._schema, query, context_value=context)
    return result, service


async def test_a_batched_field_is_resolved_once_for_all_parents():
    result, service = await run("{ lines { dish { id name } } }")

    assert result.errors is None
    assert [line["dish"]["name"] for line in result.data["lines"]] == ["A", "B", "A", "C"]
    assert service.targets == ["/dishes?ids=a,b,c"]


async def test_two_fields_of_one_wave_share_the_call():
    """Design: one call per wave and endpoint."""
    _, service = await run("{ lines { dish { id } thing { __typename id } again: dish { name } } }")

    assert service.targets == ["/dishes?ids=a,b,c"]


async def test_a_wire_struct_stands_in_an_interface():
    result, _ = await run("{ lines { thing { __typename id } } }")

    assert result.data["lines"][1]["thing"] == {"__typename": "Dish", "id": "b"}


async def test_each_set_of_arguments_is_a_wave_of_its_own():
    WAVES.clear()
    result, _ = await run('{ lines { label one: label(prefix: "1") two: label(prefix: "1") } }')

    assert result.data["lines"][0] == {"label": "a", "one": "1a", "two": "1a"}
    assert sorted(WAVES) == [4, 8]


async def test_an_exception_for_one_parent_costs_only_its_field():
    result, _ = await run("{ lines { label } }")

    assert [line["label"] for line in result.data["lines"]] == ["a", "b", "a", None]
    assert [error.path for error in result.errors] == [["lines", 3, "label"]]


async def test_an_undeclared_call_never_reaches_the_service():
    result, service = await run("{ lines { sneaky { id } } }")

    assert service.targets == []
    assert "test_resolver.get_sneaky calls catalog.dishes without declaring it" in result.errors[0].message


async def test_a_cancellation_from_within_becomes_an_error_at_its_field():
    """PD-14: it would abort the whole answer."""
    result, _ = await run("{ lines { broken label } }")

    assert [line["broken"] for line in result.data["lines"]] == [None] * 4
    assert result.data["lines"][0]["label"] == "a"
    assert {error.original_error.outcome for error in result.errors if error.path[2] == "broken"} == {
        Outcome.LOCAL_BUG
    }


async def test_too_few_values_are_an_error_at_each_parent():
    result, _ = await run("{ lines { short } }")

    assert len(result.errors) == 4
    assert "test_resolver.get_short returned 0 values for 4 keys" in result.errors[0].message


def test_the_schema_shows_arguments_descriptions_and_deprecations():
    sdl = SCHEMA.as_str()

    assert 'label(prefix: String! = ""): String @deprecated(reason: "Use dish.")' in sdl
    assert "The dish, null with an error when catalog fails." in sdl


def test_tools_find_what_a_field_calls():
    """Metadata is how checks and explanations read the schema."""
    definition = SCHEMA._schema.type_map["Line"].fields["dish"].extensions["strawberry-definition"]
    found = definition.metadata[METADATA_KEY]

    assert isinstance(found, FieldResolver)
    assert (found.calls, found.batched) == (frozenset([dishes]), True)
    assert found.name.endswith("test_resolver.get_dish")


@strawberry.input
class Filter:
    prefix: str


@resolver(calls=[])
async def get_filtered(context: Context, by: object) -> str:
    return f"by {by.prefix}"


async def test_a_schema_type_stands_in_for_an_argument_that_resolvers_cannot_import():
    @strawberry.type
    class Root:
        filtered: str | None = field(get_filtered, arguments={"by": Filter})

    schema = strawberry.Schema(Root)._schema
    clock = SystemClock()
    context = Context(Operation("r", Deadline.after(5, clock), None))

    result = await graphql(schema, '{ filtered(by: {prefix: "x"}) }', context_value=context)

    assert result.data == {"filtered": "by x"}


async def test_what_is_made_without_a_call_is_not_kept_also_where_each_parent_is_asked_for_itself():
    """Nobody knows for how long it is good; permissions make each parent ask for itself."""
    operation = Operation("r", Deadline.after(5, SystemClock()), None)

    assert await get_label.resolve(Line("a"), Context(operation), {}) == "a"

    assert (operation.max_age, operation.private) == (0, True)


async def with_two_before(a: object, b: object, context: Context) -> None: ...


async def without_context(parent: object) -> None: ...


def not_async(parent: object, context: Context) -> None: ...


async def root_only(context: Context) -> None: ...


@pytest.mark.parametrize(
    ("decorate", "function", "message"),
    [
        (resolver, with_two_before, "2 parameters stand before the context"),
        (resolver, without_context, "no parameter is annotated `Context`"),
        (resolver, not_async, "not an `async def`"),
        (batched, root_only, "0 parameters stand before the context"),
    ],
)
def test_a_wrong_signature_is_refused_with_the_right_one(decorate, function, message):
    with pytest.raises(WrongSignature) as refused:
        decorate(calls=[])(function)

    assert message in str(refused.value)
    assert "write async def name(" in str(refused.value)


def test_a_field_of_an_ordinary_function_names_both_ways_out():
    with pytest.raises(WrongSignature, match=r"strawberry\.field\(resolver=\.\.\.\)"):
        field(without_context)


def test_an_override_of_an_argument_that_is_not_there_is_refused():
    with pytest.raises(WrongSignature, match="has no argument 'with'"):
        field(get_filtered, arguments={"with": Filter})


def test_upstream_errors_are_public_api():
    assert UpstreamError.__module__ == "bff.upstream.errors"
