"""`onError` says what an error makes null; `@semanticNonNull` says what is null for no other reason."""

from collections.abc import Sequence

import pytest
import strawberry
from graphql import build_schema, parse

from bff import Context, batched, field, resolver
from bff.execution.messages import GraphQLRequest
from bff.execution.semantic import marked, semantic_fields
from bff.execution.strawberry_schema import graphql_schema_of

SCHEMA = build_schema(
    "type Query { shop: Shop other: String } type Shop { name: String! rows: [Row!]! } type Row { id: Int! }"
)
QUERY = "{ shop { name rows { id } } other }"
ROWS = [{"id": 1}, {"id": None}, {"id": 3}]


def failing(*_):
    raise RuntimeError("a bug")


SCHEMA.query_type.fields["shop"].resolve = lambda *_: {"name": failing, "rows": ROWS}
SCHEMA.query_type.fields["other"].resolve = lambda *_: "there"


async def answered(it, mode):
    return (await it.engine.execute(GraphQLRequest(QUERY, on_error=mode), it.ingress())).body


async def test_null_keeps_everything_but_what_failed(world):
    body = await answered(world(SCHEMA), "NULL")

    assert body["data"] == {"shop": {"name": None, "rows": [{"id": 1}, {"id": None}, {"id": 3}]}, "other": "there"}
    assert [error["path"] for error in body["errors"]] == [["shop", "name"], ["shop", "rows", 1, "id"]]


async def test_propagate_takes_what_is_around_it_up_to_the_first_nullable(world):
    body = await answered(world(SCHEMA), "PROPAGATE")

    assert body["data"] == {"shop": None, "other": "there"}
    assert len(body["errors"]) == 1


async def test_halt_takes_all_data_and_tells_one_error(world):
    body = await answered(world(SCHEMA), "HALT")

    assert body["data"] is None
    assert len(body["errors"]) == 1


async def test_halt_leaves_what_is_whole(world):
    it = world(SCHEMA)

    answer = await it.engine.execute(GraphQLRequest("{ other }", on_error="HALT"), it.ingress())

    assert answer.body == {"data": {"other": "there"}}


@resolver(calls=[])
async def get_always(context: Context) -> str:
    return "here"


@resolver(calls=[])
async def get_sometimes(context: Context) -> str | None:
    return None


@batched(calls=[])
async def get_each(parents: Sequence[object], context: Context) -> Sequence[str | Exception]:
    return ["here"] * len(parents)


@batched(calls=[])
async def get_some(parents: Sequence[object], context: Context) -> Sequence[str | None]:
    return [None] * len(parents)


@strawberry.type
class Query:
    always: str | None = field(get_always)
    sometimes: str | None = field(get_sometimes)
    promised: str = field(get_always)
    each: str | None = field(get_each)
    some: str | None = field(get_some)

    @strawberry.field
    def plain(self) -> str | None:
        return "says nothing"


def test_a_nullable_field_whose_resolver_never_returns_none_is_semantically_not_null():
    schema = strawberry.Schema(Query)

    fields = list(semantic_fields(graphql_schema_of(schema)))

    assert fields == [("Query", "always"), ("Query", "each")]
    text = marked(schema.as_str(), fields)
    assert "directive @semanticNonNull(levels: [Int!]! = [0]) on FIELD_DEFINITION" in text
    assert text.count("String @semanticNonNull") == 2
    parse(text)


@pytest.mark.parametrize("kept", ['"""What it says."""', "sometimes: String"])
def test_the_rest_of_the_schema_is_printed_as_it_was(kept):
    text = marked(
        'type Query {\n  """What it says."""\n  always: String\n  sometimes: String\n}', [("Query", "always")]
    )

    assert kept in text
