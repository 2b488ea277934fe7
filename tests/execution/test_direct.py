"""A resolver that is called itself brings what it brings through Strawberry's wrapper; others keep the wrapper."""

import asyncio
import enum
from collections.abc import AsyncIterator, Sequence

import pytest
import strawberry
from hypothesis import given, settings
from hypothesis import strategies as st
from strawberry.extensions import FieldExtension, SchemaExtension
from strawberry.permission import BasePermission
from strawberry.relay import GlobalID
from strawberry.types.field import StrawberryField

from bff import Context, batched, field, resolver
from bff.execution.compiled import compiled_run_of
from bff.execution.direct import directs
from bff.execution.strawberry_schema import run_of


@strawberry.enum
class Size(enum.Enum):
    SMALL = "s"
    LARGE = "l"


@strawberry.input
class Filter:
    text: str = "any"


class Nobody(BasePermission):
    message = "nobody"

    def has_permission(self, source, info, **kwargs):
        return False


class Shout(FieldExtension):
    def resolve(self, next_, source, info, **kwargs):
        return str(next_(source, info, **kwargs)).upper()


class Doubling(StrawberryField):
    """Its fields do more than call their function."""

    def get_result(self, source, info, args, kwargs):
        return super().get_result(source, info, args, kwargs) * 2


class Ours:
    def __init__(self, name):
        self.name = name


@resolver(calls=[])
async def get_ours(context: Context, times: int = 1, size: Size = Size.SMALL) -> list[Ours]:
    return [Ours(f"{size.value}{number}") for number in range(times)]


@resolver(calls=[])
async def get_lost(parent: Ours, context: Context) -> str:
    raise asyncio.CancelledError


@resolver(calls=[])
async def get_of_input(parent: Ours, context: Context, wanted: Filter) -> str:
    return f"{parent.name} {wanted.text}"


@batched(calls=[])
async def get_long(parents: Sequence[Ours], context: Context, more_text: str = "") -> Sequence[object]:
    return [ValueError("one") if one.name.endswith("1") else one.name + more_text for one in parents]


@strawberry.type
class Item:
    name: str
    long: str | None = field(get_long)
    lost: str | None = field(get_lost)
    of_input: str | None = field(get_of_input)
    guarded: str | None = field(get_long, permission_classes=[Nobody])

    @strawberry.field
    def plain(self: Ours) -> str:
        return f"plain {self.name}"

    @strawberry.field
    async def of_root(root: Ours, and_more: str | None = None) -> str:  # noqa: N805 - Strawberry gives the parent by this name
        return f"{root.name} {and_more}"

    @strawberry.field
    def of_parent(parent: strawberry.Parent[Ours], size: Size = Size.LARGE) -> str:  # noqa: N805 - ditto
        return f"{parent.name} {size}"

    @strawberry.field
    def fails(self: Ours) -> str | None:
        if self.name.endswith("1"):
            raise ValueError("one")
        return self.name


@strawberry.type
class Query:
    items: list[Item] | None = field(get_ours)

    @strawberry.field
    def nothing(self) -> str | None:
        return None

    @staticmethod
    def _alone() -> int:
        return 3

    alone: int = strawberry.field(resolver=_alone.__func__)

    @strawberry.field
    def argued(self, some_text: str, number: int = 5, flag: bool | None = None) -> str:  # noqa: FBT001 - an argument of the schema
        return f"{some_text} {number} {flag}"

    @strawberry.field
    def of_list(self, numbers: list[int]) -> int:
        numbers.append(1)
        return sum(numbers)

    @strawberry.field
    def of_input(self, wanted: Filter) -> str:
        return wanted.text

    @strawberry.field
    def of_id(self, id: GlobalID) -> str:  # noqa: A002 - an argument of the schema
        return f"{id.type_name} {id.node_id}"

    @strawberry.field
    def of_maybe(self, text: strawberry.Maybe[str | None]) -> str:
        return repr(text)

    @strawberry.field
    def informed(self, info: strawberry.Info) -> str:
        return f"{info.field_name} {info.path.as_list()}"

    @strawberry.field(permission_classes=[Nobody])
    def secret(self) -> str | None:
        return "secret"

    @strawberry.field(extensions=[Shout()])
    def loud(self) -> str:
        return "loud"

    @strawberry.field
    def cancels(self) -> int | None:
        raise asyncio.CancelledError

    @strawberry.field
    def awaitable(self) -> int | None:
        future = asyncio.get_running_loop().create_future()
        future.set_result(7)
        return future

    doubled: int = Doubling(python_name="doubled")(lambda: 4)
    doubled.type_annotation = strawberry.annotation.StrawberryAnnotation(int)


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self) -> AsyncIterator[int]:
        yield 1


SCHEMA = strawberry.Schema(Query, subscription=Subscription)
DIRECT = {
    *("Query.items", "Query.nothing", "Query.alone", "Query.argued", "Query.cancels", "Query.awaitable"),
    *("Item.long", "Item.lost", "Item.plain", "Item.ofRoot", "Item.ofParent", "Item.fails"),
}


def named(*names, schema=SCHEMA):
    """Return the names of the fields of these types that have a function which is called itself."""
    direct_of = directs(schema)
    return {
        f"{name}.{key}"
        for name in names
        for key, definition in schema._schema.type_map[name].fields.items()
        if definition.resolve.__name__ != "_get_basic_result" and direct_of(definition) is not None
    }


@pytest.fixture
def both(world):
    """Return a function that brings data and codes of errors, the same from the wrapper and without it."""

    async def ask(query, variables=None):
        seen = []
        for run in (compiled_run_of, run_of):
            answer = await world(SCHEMA, run=run(SCHEMA, hide_suggestions=True)).ask(query, variables)
            errors = [(error["path"], error["extensions"]["code"]) for error in answer.body.get("errors", ())]
            seen.append((answer.body.get("data"), sorted(errors, key=repr)))
        assert seen[0] == seen[1]
        return seen[0]

    return ask


def test_what_needs_nothing_of_the_wrapper_goes_without_it():
    assert named("Query", "Item", "Subscription") == DIRECT


@pytest.mark.parametrize(
    ("query", "data"),
    [
        ("{ nothing alone }", {"nothing": None, "alone": 3}),
        ('{ argued(someText: "a") }', {"argued": "a 5 None"}),
        ('{ argued(someText: "a", number: 2, flag: true) }', {"argued": "a 2 True"}),
        ('{ argued(someText: "a", flag: null) }', {"argued": "a 5 None"}),
        ("{ ofList(numbers: [1, 2]) again: ofList(numbers: [1, 2]) }", {"ofList": 4, "again": 4}),
        ('{ ofInput(wanted: {text: "x"}) }', {"ofInput": "x"}),
        ('{ ofId(id: "SXRlbTox") }', {"ofId": "Item 1"}),
        ("{ ofMaybe }", None),
        ("{ informed }", {"informed": "informed ['informed']"}),
        ("{ secret loud doubled }", {"secret": None, "loud": "LOUD", "doubled": 8}),
        ("{ cancels awaitable }", {"cancels": None, "awaitable": 7}),
        ("{ items { plain ofRoot ofParent } }", {"items": [{"plain": "plain s0", "ofRoot": "s0 None",
                                                             "ofParent": "s0 Size.LARGE"}]}),
        ("{ items(times: 3) { fails long guarded } }", {"items": [
            {"fails": "s0", "long": "s0", "guarded": None}, {"fails": None, "long": None, "guarded": None},
            {"fails": "s2", "long": "s2", "guarded": None}]}),
        ('{ items(times: 2) { ofInput(wanted: {text: "t"}) lost } }', {"items": [
            {"ofInput": "s0 t", "lost": None}, {"ofInput": "s1 t", "lost": None}]}),
    ],
)  # fmt: skip
async def test_answers_are_those_through_the_wrapper(both, query, data):
    found, _ = await both(query)

    assert data is None or found == data


async def test_what_fails_fails_with_the_code_it_has_through_the_wrapper(both):
    _, errors = await both("{ cancels secret items(times: 2) { fails long lost } }")

    assert errors == [
        (["cancels"], "INTERNAL_SERVER_ERROR"),
        (["items", 0, "lost"], "INTERNAL_SERVER_ERROR"),
        (["items", 1, "fails"], "INTERNAL_SERVER_ERROR"),
        (["items", 1, "long"], "INTERNAL_SERVER_ERROR"),
        (["items", 1, "lost"], "INTERNAL_SERVER_ERROR"),
        (["secret"], "FORBIDDEN"),
    ]


SELECTIONS = [
    *("name", "long", 'l: long(moreText: "x")', "lost", "plain", "ofRoot", 'r: ofRoot(andMore: "y")'),
    *("ofParent(size: SMALL)", "fails", "guarded", "ofInput(wanted: {})"),
]


@given(
    st.lists(st.sampled_from(SELECTIONS), min_size=1, max_size=5, unique=True),
    st.integers(0, 3),
    st.sampled_from(["SMALL", "LARGE", None]),
)
@settings(max_examples=60, deadline=None)
def test_any_selection_is_answered_as_through_the_wrapper(make_world, fields, times, size):
    query = "query ($n: Int!, $s: Size! = LARGE) { items(times: $n, size: $s) { %s } }" % " ".join(fields)  # noqa: UP031 - braces
    variables = {"n": times} if size is None else {"n": times, "s": size}

    async def ask(run):
        world = make_world(SCHEMA, executor="compiled", run=run(SCHEMA, hide_suggestions=True))
        answer = await world.ask(query, variables)
        await asyncio.ensure_future(world.engine.close(0.0))
        return answer.body["data"], {
            (*error["path"], error["extensions"]["code"]) for error in answer.body.get("errors", ())
        }

    assert asyncio.run(ask(compiled_run_of)) == asyncio.run(ask(run_of))


async def test_a_resolver_that_somebody_has_wrapped_keeps_its_wrapper(world):
    schema = strawberry.Schema(Query, subscription=Subscription)
    definition = schema._schema.query_type.fields["alone"]
    inner = definition.resolve
    definition.resolve = lambda source, info: inner(source, info) + 1

    answer = await world(schema).ask("{ alone }")

    assert answer.body == {"data": {"alone": 4}}


async def test_extensions_of_the_schema_see_every_resolver(world):
    seen = []

    class Seeing(SchemaExtension):
        def resolve(self, next_, root, info, *args, **kwargs):
            seen.append(info.field_name)
            return next_(root, info, *args, **kwargs)

    schema = strawberry.Schema(Query, subscription=Subscription, extensions=[Seeing])
    await world(schema).ask("{ alone items { long } }")

    assert sorted(seen) == ["alone", "items", "long"]
