"""As the executor of a `strawberry.Schema`: resolvers, permissions, extensions and directives work as before."""

import asyncio
from collections.abc import AsyncIterator
from enum import Enum
from typing import Annotated

import pytest
import strawberry
from strawberry.extensions import FieldExtension, SchemaExtension
from strawberry.permission import BasePermission

from bff.execution.compiler import CompiledExecutor


@strawberry.enum
class Color(Enum):
    RED = "r"
    GREEN = "g"


@strawberry.interface
class Node:
    id: strawberry.ID


@strawberry.type
class Cat(Node):
    color: Color
    lives: int | None = None


@strawberry.type
class Dog(Node):
    name: str


class Nobody(BasePermission):
    message = "nobody"

    def has_permission(self, source, info, **kwargs):
        return False


class Shout(FieldExtension):
    def resolve(self, next_, source, info, **kwargs):
        return next_(source, info, **kwargs).upper()


@strawberry.input
class Filter:
    text: str
    color: Color = Color.RED


@strawberry.type
class Query:
    @strawberry.field
    def nodes(self) -> list[Node]:
        return [Cat(id="1", color=Color.GREEN), Dog(id="2", name="d")]

    @strawberry.field
    async def either(self, dog: bool) -> Annotated[Cat | Dog, strawberry.union("Either")]:  # noqa: FBT001 - an argument of the schema
        await asyncio.sleep(0)
        return Dog(id="3", name="either") if dog else Cat(id="4", color=Color.RED, lives=9)

    @strawberry.field(permission_classes=[Nobody])
    def secret(self) -> str | None:
        return "secret"

    @strawberry.field(extensions=[Shout()])
    def shout(self, filter: Filter) -> str:  # noqa: A002 - a name that clients see
        return f"{filter.text} {filter.color}"

    @strawberry.field
    def info(self, info: strawberry.Info) -> str:
        return f"{info.path.as_list()} {info.field_name} {info.input_extensions}"

    @strawberry.field
    def fails(self) -> int:
        raise ValueError("no")

    plain: str = "plain"
    closed: str | None = strawberry.field(default="closed", permission_classes=[Nobody])


@strawberry.type
class Mutation:
    @strawberry.mutation
    async def add(self, n: int) -> int:
        return n + 1


@strawberry.type
class Subscription:
    @strawberry.subscription
    async def count(self, to: int) -> AsyncIterator[int]:
        for i in range(to):
            yield i


class Counting(SchemaExtension):
    calls = 0

    def resolve(self, next_, root, info, *args, **kwargs):
        type(self).calls += 1
        return next_(root, info, *args, **kwargs)


def schema(executor=None, **options):
    return strawberry.Schema(
        Query, Mutation, Subscription, types=[Cat, Dog], execution_context_class=executor, **options
    )


QUERIES = [
    "{ nodes { __typename id ... on Cat { color lives } ... on Dog { name } } plain }",
    "{ a: either(dog: true) { ... on Dog { name } } b: either(dog: false) { ... on Cat { lives color } } }",
    "{ secret plain closed }",
    '{ shout(filter: {text: "x", color: GREEN}) }',
    "{ info fails }",
    "mutation { a: add(n: 1) b: add(n: 2) }",
    "{ __schema { types { name fields { name type { name ofType { name } } } } } }",
    "query ($x: Boolean!) { plain @include(if: $x) nodes @skip(if: $x) { id } }",
]


@pytest.mark.parametrize("extensions", [[], [Counting]])
@pytest.mark.parametrize("query", QUERIES)
async def test_answers_are_those_of_its_own_executor(oracle, query, extensions):
    options = {"root_value": Query(), "variable_values": {"x": True}, "operation_extensions": {"x": 1}}
    Counting.calls = 0
    expected = await schema(extensions=extensions).execute(query, **options)
    calls, Counting.calls = Counting.calls, 0
    actual = await schema(CompiledExecutor, extensions=extensions).execute(query, **options)

    assert actual.data == expected.data
    assert sorted(map(oracle.seen, actual.errors or ()), key=repr) == sorted(
        map(oracle.seen, expected.errors or ()), key=repr
    )
    assert Counting.calls == calls


def test_synchronous_execution():
    result = schema(CompiledExecutor).execute_sync("{ plain nodes { id } }", root_value=Query())

    assert result.data == {"plain": "plain", "nodes": [{"id": "1"}, {"id": "2"}]}


async def test_subscriptions():
    stream = await schema(CompiledExecutor).subscribe("subscription { count(to: 3) }")

    assert [event.data["count"] async for event in stream] == [0, 1, 2]
