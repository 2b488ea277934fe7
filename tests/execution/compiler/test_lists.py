"""Lists of everything, from everything that can be iterated."""

from collections import deque

import pytest
from graphql import build_schema

SCHEMA = build_schema("""
type Query { ints: [Int] strict: [Int!]! grid: [[Int]] cube: [[[Box!]!]] boxes: [Box] must: [Box!]! id: [ID!] }
type Box { n: Int must: Int! boxes: [Box] }
""")


async def answers(value):
    if isinstance(value, Exception):
        raise value
    return value


async def stream(*values):
    for value in values:
        if isinstance(value, Exception):
            raise value
        yield value


def generator(*values):
    for value in values:
        if isinstance(value, StopAsyncIteration):
            raise RuntimeError("broken")  # noqa: TRY004 - it is the fault that is tested
        yield value


MAKERS = {
    "list": lambda *v: list(v),
    "tuple": lambda *v: v,
    "deque": lambda *v: deque(v),
    "generator": generator,
    "dict values": lambda *v: dict(enumerate(v)).values(),
    "stream": stream,
    "awaited list": lambda *v: answers(list(v)),
    "awaited items": lambda *v: [answers(one) for one in v],
    "mixed items": lambda *v: [answers(one) if i % 2 else one for i, one in enumerate(v)],
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("values", [(), (1, 2, 3), (1, None), (None,), (1, "x", 2), ("5", True, 3.0)])
@pytest.mark.parametrize("field", ["ints", "strict"])
def test_lists_of_leaves(same, make, values, field):
    same(SCHEMA, f"{{ {field} }}", lambda: {field: make(*values)})


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("values", [(), (1, 2), (1, None), (None, None, 3), (ValueError("item"),), ("broken",)])
@pytest.mark.parametrize("field", ["boxes", "must"])
def test_lists_of_objects(same, make, values, field):
    def box(value):
        return (
            {"n": value, "must": value, "boxes": [{"n": value}, None]} if isinstance(value, (int, str)) else value
        )

    same(SCHEMA, f"{{ {field} {{ n must boxes {{ n }} }} }}", lambda: {field: make(*map(box, values))})


@pytest.mark.parametrize(
    "grid", [[[1], [2, 3]], [], [[]], [None, [1]], [[None]], [1], [["x"], [1]], "text", [[1], ValueError("row")]]
)
def test_lists_of_lists(same, grid):
    same(SCHEMA, "{ grid }", {"grid": grid})


@pytest.mark.parametrize("bad", [None, {"must": None}, ValueError("v"), {"must": 1}])
def test_three_levels(same, bad):
    cube = [[[{"must": 1}, {"must": 2}], [bad]], [[{"must": 3}]], None, []]

    same(SCHEMA, "{ cube { must n } }", {"cube": cube})


def test_an_iterator_that_breaks_fails_the_list(same):
    same(
        SCHEMA,
        "{ ints id }",
        lambda: {"ints": generator(1, "x", StopAsyncIteration()), "id": stream(1, OSError("gone"))},
    )


@pytest.mark.parametrize("value", ["text", b"bytes", {"a": 1}, 5, object])
def test_what_is_no_list(same, value):
    same(SCHEMA, "{ boxes { n } }", {"boxes": value if value is not object else Plain()})


class Plain:
    def __repr__(self):
        return "Plain"


def test_a_result_is_a_list_of_its_own(oracle):
    """Who changes an answer must not change what it was made of."""
    from graphql import parse  # noqa: PLC0415

    from bff.execution.compiler import execute  # noqa: PLC0415

    ids = ["a", "b"]
    result = execute(SCHEMA, parse("{ id }"), {"id": ids})

    assert result.data["id"] == ids
    assert result.data["id"] is not ids
