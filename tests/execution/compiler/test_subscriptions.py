"""The source stream is graphql-core's; each event is executed compiled."""

import asyncio

import graphql
import pytest
from graphql import ExecutionResult, build_schema, parse

from bff.execution.compiler import subscribe

SCHEMA = build_schema("""
directive @defer(if: Boolean! = true, label: String) on FRAGMENT_SPREAD | INLINE_FRAGMENT
type Query { a: Int }
type Subscription { tick(n: Int = 3): Tick  must: Int!  broken: Int  absent: Int }
type Tick { n: Int! double: Int must: Int! }
""")
TICK = SCHEMA.type_map["Tick"].fields


async def double(source, _info):
    await asyncio.sleep(1)
    return source["n"] * 2


TICK["double"].resolve = double


async def ticks(_source, _info, n):
    for i in range(n):
        yield {"tick": {"n": i, "must": None if i == 1 else i}, "must": i or None}


async def broken(*_):
    raise ValueError("no stream")


FIELDS = SCHEMA.subscription_type.fields
FIELDS["tick"].subscribe = ticks
FIELDS["must"].subscribe = lambda *_: ticks(None, None, 2)
FIELDS["broken"].subscribe = broken
FIELDS["absent"].subscribe = lambda *_: 5


async def events(function, query, **options):
    stream = function(SCHEMA, parse(query), **options)
    if asyncio.iscoroutine(stream):
        stream = await stream
    return [stream] if isinstance(stream, ExecutionResult) else [event async for event in stream]


@pytest.mark.parametrize(
    "query",
    [
        "subscription { tick { n } }",
        "subscription { tick(n: 2) { n double must } }",
        "subscription ($n: Int) { t: tick(n: $n) { __typename ...F } } fragment F on Tick { must }",
        "subscription { must }",
        "subscription { broken }",
        "subscription { absent }",
        "subscription { tick { ... @defer { n } } }",
        "subscription { tick { ... @defer(if: false) { n } } }",
        "subscription ($x: Int!) { tick(n: $x) { n } }",
    ],
)
def test_events(oracle, query):
    expected, _ = oracle.run(lambda: events(graphql.subscribe, query))
    actual, left = oracle.run(lambda: events(subscribe, query))

    assert list(map(oracle.answer, actual)) == list(map(oracle.answer, expected))
    assert left == 0


def test_a_client_that_leaves_closes_the_source(oracle):
    closed = []

    async def source(*_, **__):
        try:
            while True:
                yield {"tick": {"n": 1}}
        finally:
            closed.append(True)

    async def main():
        stream = subscribe(SCHEMA, parse("subscription { tick { n } }"), {"tick": None}, context_value=1)
        await anext(stream)
        await stream.aclose()

    FIELDS["tick"].subscribe, before = source, FIELDS["tick"].subscribe
    try:
        oracle.run(main)
    finally:
        FIELDS["tick"].subscribe = before

    assert closed == [True]


def test_what_is_no_subscription():
    with pytest.raises(graphql.GraphQLError, match="Expected subscription"):
        subscribe(SCHEMA, parse("{ a }"))
