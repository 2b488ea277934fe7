"""Shadow mode answers with graphql-core and tells where the compiled executor differs."""

import asyncio

import pytest
from graphql import build_schema, parse

from bff.execution.compiler import shadow

SCHEMA = build_schema("type Query { n: Int later: Int } type Mutation { n: Int }")


class Counting:
    def __init__(self):
        self.calls = 0

    def n(self, _info):
        self.calls += 1
        return self.calls

    async def later(self, _info):
        return self.n(None)


def ask(query, root, **options):
    differences = []
    result = shadow(SCHEMA, parse(query), root, report=differences.append, **options)
    if asyncio.iscoroutine(result):

        async def wait():
            return await result

        result = asyncio.run(wait())
    return result, differences


@pytest.mark.parametrize("query", ["{ n }", "{ later n }"])
def test_equal_answers_are_not_reported(query):
    class Root:
        n = 5

        async def later(self, _info):
            return 6

    assert ask(query, Root())[1] == []


@pytest.mark.parametrize("query", ["{ n }", "{ later }"])
def test_a_difference_is_reported_with_both_answers(query):
    result, (difference,) = ask(query, Counting(), variable_values={"x": 1})

    assert list(result.data.values()) == [1]
    assert list(difference.expected[0].values()) == [1]
    assert list(difference.actual[0].values()) == [2]
    assert (difference.document, difference.variables) == (query, {"x": 1})


def test_a_mutation_runs_once():
    root = Counting()
    ask("mutation { n }", root)

    assert root.calls == 1


def test_the_second_execution_may_have_its_own_context():
    class Root:
        def n(self, info):
            return info.context.pop()

    assert ask("{ n }", Root(), context_value=[1], second_context=lambda: [1])[1] == []
