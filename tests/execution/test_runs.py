"""Runs of one operation have parts in common, but nothing that one of them can leave for another."""

import pytest
import strawberry
from graphql import build_schema

from bff import Principal, requires_scopes


async def test_what_a_resolver_does_to_its_variables_no_other_run_sees(world):
    schema = build_schema("type Query { seen: Int }")

    def seen(_, info):
        coerced = info.variable_values.coerced
        coerced[f"mine {len(coerced)}"] = True
        return len(coerced)

    schema.query_type.fields["seen"].resolve = seen
    it = world(schema)

    answers = [await it.ask("{ seen }") for _ in range(3)]

    assert [answer.body["data"]["seen"] for answer in answers] == [1, 1, 1]


async def test_each_run_has_its_own_variables_context_and_extensions(world):
    schema = build_schema("type Query { echo(text: String): String, me: String }")
    schema.query_type.fields["echo"].resolve = lambda _, info, text=None: f"{text} {info.variable_values.coerced}"
    schema.query_type.fields["me"].resolve = lambda _, info: info.context.headers.get("x-who")
    it = world(schema)

    answers = [
        await it.ask("query ($t: String) { echo(text: $t) me }", variables, headers={"x-who": str(variables)})
        for variables in ({"t": "a"}, {}, {"t": "b"}, {"t": None})
    ]

    assert [answer.body["data"]["echo"] for answer in answers] == [
        "a {'t': 'a'}",
        "None {}",
        "b {'t': 'b'}",
        "None {'t': None}",
    ]
    assert [answer.body["data"]["me"] for answer in answers] == ["{'t': 'a'}", "{}", "{'t': 'b'}", "{'t': None}"]


async def test_variables_that_do_not_fit_are_refused_the_second_time_too(world):
    schema = build_schema("type Query { echo(number: Int!): Int }")
    schema.query_type.fields["echo"].resolve = lambda *_, number: number
    it = world(schema)
    query = "query ($n: Int!) { echo(number: $n) }"

    whole = await it.ask(query, {"n": 1})
    refused = [(await it.ask(query, {"n": "one"})).refused for _ in range(2)]

    assert whole.body == {"data": {"echo": 1}}
    assert refused == ["BAD_USER_INPUT"] * 2


async def test_each_set_of_conditions_has_its_own_answer_every_time(world):
    schema = build_schema("type Query { a: Int b: Int }")
    schema.query_type.fields["a"].resolve = lambda *_: 1
    schema.query_type.fields["b"].resolve = lambda *_: 2
    it = world(schema)
    query = "query ($x: Boolean!, $y: Boolean = false) { a @include(if: $x) b @skip(if: $y) }"
    expected = {(True, True): {"a": 1}, (True, False): {"a": 1, "b": 2}, (False, False): {"b": 2}}

    for (x, y), data in [*expected.items()] * 3:
        assert (await it.ask(query, {"x": x, "y": y})).body == {"data": data}
    assert (await it.ask(query, {"x": True})).body == {"data": {"a": 1, "b": 2}}


async def test_operations_of_one_document_do_not_mix(world):
    schema = build_schema("type Query { a: Int b: Int }")
    schema.query_type.fields["a"].resolve = lambda *_: 1
    schema.query_type.fields["b"].resolve = lambda *_: 2
    it = world(schema)

    answers = [(await it.ask("query A { a } query B { b }", name=name)).body for name in ("A", "B", "A", "B")]

    assert answers == [{"data": {"a": 1}}, {"data": {"b": 2}}] * 2


@pytest.mark.parametrize("first", [True, False])
async def test_who_may_not_have_a_field_and_who_may_each_get_theirs(world, first):
    """Denied callers run another program of the same operation; whoever comes first prepares it for both."""

    @strawberry.type
    class Query:
        @strawberry.field
        def open(self) -> int | None:
            return 1

        @strawberry.field(directives=[requires_scopes([["read"]])])
        def closed(self, info: strawberry.Info) -> str | None:
            return info.field_name

    schema = strawberry.Schema(Query)
    it = world(schema)
    allowed = Principal("i", "s", scopes=frozenset({"read"}))

    for turn in (first, not first, first):
        answer = await it.ask("{ open closed }", principal=allowed if turn else Principal("i", "s"))
        assert answer.body["data"] == {"open": 1, "closed": "closed" if turn else None}
