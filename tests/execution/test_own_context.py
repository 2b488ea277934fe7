"""Resolvers written for Strawberry's own router find what they are used to find in their context."""

import asyncio
from types import SimpleNamespace

import strawberry
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache

from bff.execution.own_context import own_context_of


@strawberry.type
class Post:
    id: int

    @strawberry.field
    async def author(self, info: strawberry.Info) -> str:
        return await info.context["authors"].load(self.id)


@strawberry.type
class Query:
    @strawberry.field
    def posts(self) -> list[Post]:
        return [Post(id=number) for number in range(3)]

    @strawberry.field
    def language(self, info: strawberry.Info) -> str | None:
        return info.context.language

    @strawberry.field
    def tenant(self, info: strawberry.Info) -> str | None:
        return info.context["tenant"]


SCHEMA = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])


async def test_loaders_of_a_context_getter_load_each_wave_once(world):
    batches = []

    async def load(keys):
        batches.append(list(keys))
        return [f"author {key}" for key in keys]

    it = world(SCHEMA, own_context=own_context_of(lambda: {"authors": DataLoader(load)}))

    for _ in range(2):
        answer = await it.ask("{ posts { author } }")
        assert answer.body["data"] == {"posts": [{"author": f"author {number}"} for number in range(3)]}
    assert batches == [[0, 1, 2]] * 2, "each operation has loaders of its own"


async def test_a_function_that_wants_it_gets_the_context(world):
    async def of(context):
        return SimpleNamespace(language=context.headers.get("accept-language"))

    it = world(SCHEMA, own_context=own_context_of(of))

    assert (await it.ask("{ language }", headers={"accept-language": "nl"})).body["data"] == {"language": "nl"}


async def test_what_the_application_did_not_put_there_is_told(world):
    it, none = world(SCHEMA, own_context=own_context_of(lambda: {"other": 1})), world(SCHEMA)

    for one in it, none:
        answer = await one.ask("{ tenant language }")
        assert answer.body["data"] == {"tenant": None, "language": None}
        assert len(answer.body["errors"]) == 2


async def test_a_function_that_fails_is_a_fault_and_no_field_runs(world):
    def fails():
        raise RuntimeError("secret")

    it = world(SCHEMA, own_context=own_context_of(fails))

    answer = await it.ask("{ posts { id } }")

    assert answer.body["data"] is None
    assert "secret" not in str(answer.body)


async def test_a_function_that_hangs_costs_the_operation_and_no_more_than_its_time(world):
    async def hangs():
        await asyncio.Event().wait()

    it = world(SCHEMA, own_context=own_context_of(hangs))

    answer = await it.timed("{ posts { id } }", seconds=2.0)

    assert answer.body["errors"][0]["extensions"]["code"] == "DEADLINE_EXCEEDED"
