"""`@defer` and `@stream` run on graphql-core's own executor, with the same answers."""

import asyncio

import graphql
import pytest
from graphql import GraphQLError, build_schema, parse
from graphql.execution import ExperimentalIncrementalExecutionResults

from bff.execution.compiler import execute
from bff.execution.compiler import experimental_execute_incrementally as incrementally

SCHEMA = build_schema("""
directive @defer(if: Boolean! = true, label: String) on FRAGMENT_SPREAD | INLINE_FRAGMENT
directive @stream(if: Boolean! = true, label: String, initialCount: Int = 0) on FIELD
type Query { a: Int slow: Int box: Box numbers: [Int] }
type Box { n: Int slow: Int must: Int! }
""")


async def slow(_info):
    await asyncio.sleep(1)
    return 5


ROOT = {"a": 1, "slow": slow, "box": {"n": 2, "slow": slow, "must": None}, "numbers": [1, 2, 3]}


async def frames(function, query, **options):
    result = function(SCHEMA, parse(query), ROOT, **options)
    if asyncio.iscoroutine(result):
        result = await result
    if not isinstance(result, ExperimentalIncrementalExecutionResults):
        return [result.formatted]
    return [result.initial_result.formatted, *[one.formatted async for one in result.subsequent_results]]


@pytest.mark.parametrize(
    "query",
    [
        "{ a slow box { n slow } numbers }",
        "{ a ... @defer { slow } }",
        '{ a box { n ...F @defer(label: "later") } } fragment F on Box { slow }',
        "{ box { ... @defer { must } n } }",
        "{ numbers @stream(initialCount: 1) }",
        "query ($d: Boolean! = false) { a ... @defer(if: $d) { slow } numbers @stream(if: $d) }",
    ],
)  # fmt: skip
def test_frames(oracle, query):
    expected, _ = oracle.run(lambda: frames(graphql.experimental_execute_incrementally, query))
    actual, _ = oracle.run(lambda: frames(incrementally, query))

    assert actual == expected


def test_plain_execution_refuses_such_a_schema():
    with pytest.raises(GraphQLError, match="experimental directives"):
        execute(SCHEMA, parse("{ a }"))
