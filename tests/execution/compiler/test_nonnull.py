"""A null where none may be makes the nearest parent null that may be; what was found before is still told."""

import asyncio
from random import Random

import pytest
from graphql import build_schema, parse

from bff.execution.compiler import execute

SCHEMA = build_schema("""
type Query { a: A must: A! list: [A!] strict: [A!]! lists: [[A!]!] n: Int! m: Int! nullable: Int }
type A { a: A must: A! x: Int xx: Int! y: String yy: String! list: [Int!] strict: [Int!]! }
""")


def raises(_info):
    raise ValueError("sync")


async def later(info):
    await asyncio.sleep(Random(str(info.path.as_list())).random())
    raise ValueError("async")


async def nothing(_info):
    return None


async def five(_info):
    return 5


LEAVES = [None, 1, "wrong", raises, later, nothing, five, ValueError("returned")]


@pytest.mark.parametrize("x", LEAVES)
@pytest.mark.parametrize(
    "query",
    [
        "{ a { x } n }", "{ a { xx } n }", "{ a { y xx x } }", "{ must { xx } n }", "{ a { must { xx } x } n }",
        "{ list { x } }", "{ list { xx } n }", "{ strict { xx } }", "{ lists { xx } }",
        "{ a { a { must { xx } } x } }",
    ],
)  # fmt: skip
def test_a_leaf_of_any_kind_in_any_position(same, query, x):
    def node(depth=4):
        below = node(depth - 1) if depth else None
        return {"x": x, "xx": x, "y": "y", "a": below, "must": below}

    root = lambda: {  # noqa: E731
        "n": 1, "a": node(), "must": node(), "list": [node(), node()], "strict": [node()],
        "lists": [[node()], [node()]],
    }  # fmt: skip
    same(SCHEMA, query, root)


@pytest.mark.parametrize(
    "value", [None, [1, None], [None, 2], "text", 5, {}, [1, "x"], [[]], [1, ValueError("v")]]
)
@pytest.mark.parametrize("field", ["list", "strict"])
def test_lists_of_leaves(same, field, value):
    same(SCHEMA, f"{{ a {{ x {field} }} nullable }}", {"a": {"x": 1, field: value}})


def test_errors_beside_each_other_are_all_told(same):
    result = same(SCHEMA, "{ a { x y xx } nullable }", {"a": {"x": "a", "y": [], "xx": "b"}, "nullable": "c"})

    assert len(result.errors) == 4


def test_fields_after_a_lost_one_are_not_begun(same):
    """As in graphql-core: their parent is null already."""
    called = []
    root = {"a": {"xx": None, "y": lambda _info: called.append("y")}}

    result = same(SCHEMA, "{ a { xx y } }", root)

    assert result.data == {"a": None}
    assert called == []


def test_the_first_failure_in_time_is_the_cause(same):
    async def after(seconds):
        await asyncio.sleep(seconds)
        raise ValueError(str(seconds))

    root = lambda: {"a": {"xx": lambda _: after(2), "yy": lambda _: after(1)}}  # noqa: E731
    result = same(SCHEMA, "{ a { xx yy } }", root)

    assert [error.message for error in result.errors] == ["1"]


def test_failures_of_the_same_turn_of_the_loop(oracle):
    """A deviation: graphql-core tells both, because the parent becomes null a turn later than its field fails."""

    async def fails(_info):
        raise ValueError("x")

    root = {"a": {"xx": fails, "x": fails}}
    result, _ = oracle.run(lambda: execute(SCHEMA, parse("{ a { xx x } }"), root))

    assert result.data == {"a": None}
    assert [error.path for error in result.errors] == [["a", "xx"]]


def test_a_whole_answer_may_be_null(same):
    assert same(SCHEMA, "{ nullable n m }", {"n": None, "m": None}).data is None


def test_error_propagation_can_be_switched_off(same):
    """That experiment runs on graphql-core."""
    schema = build_schema("directive @experimental_disableErrorPropagation on QUERY\ntype Query { n: Int! }")
    result = same(schema, "query @experimental_disableErrorPropagation { n }", {"n": None})

    assert result.data == {"n": None}
