"""Fields are collected, merged, aliased, skipped and included as graphql-core does."""

import pytest
from graphql import build_schema, parse

from bff.execution.compiler import execute

SCHEMA = build_schema("""
interface Named { name: String }
type Query implements Named { a: String b: Int c(n: Int = 3, s: String): String name: String box: Box
                              class: String from: Int }
type Box implements Named { a: String b: Int name: String box: Box items: [Box] }
type Other { x: Int }
union Thing = Box | Other
""")
BOX = {"a": "inner", "b": 2, "name": "n", "box": {"a": "deep", "items": [{"b": 1}, {"b": 2}]}}
ROOT = {"a": "x", "b": 1, "name": "root", "class": "k", "from": 5, "box": BOX, "c": lambda _info, **kw: repr(kw)}


@pytest.mark.parametrize(
    "query",
    [
        "{ a b }",
        "{ b a a b }",
        "{ x: a y: a }",
        "{ __typename box { __typename } }",
        "{ class from }",
        "{ box { a } box { b box { a } } box { box { items { b } } } }",
        "{ ...F } fragment F on Query { a ...G } fragment G on Query { b box { a } }",
        "{ ... on Named { name ... on Query { a } } ... { b } }",
        "{ box { ... on Named { name } ...F } } fragment F on Box { name a }",
        "{ a @skip(if: true) b @include(if: false) name @skip(if: false) @include(if: true) }",
        "{ a @skip(if: true) b a }",
        "{ ... @skip(if: true) { a } ...F @include(if: true) } fragment F on Query { b }",
        '{ c d: c(n: 4) e: c(n: null) f: c(s: "q") }',
    ],
)  # fmt: skip
def test_selections(same, query):
    assert same(SCHEMA, query, ROOT).errors is None


@pytest.mark.parametrize("x", [True, False])
@pytest.mark.parametrize("y", [True, False, None])
def test_conditions_in_variables(same, x, y):
    """Each set of values has its own program, and the order of the keys is right in all of them."""
    query = """query ($x: Boolean!, $y: Boolean! = true) {
      a @skip(if: $x) b a ... @include(if: $y) { name box { a @skip(if: $y) b } } ...F @skip(if: $x)
    } fragment F on Query { box { name } }"""
    variables = {"x": x} if y is None else {"x": x, "y": y}

    same(SCHEMA, query, ROOT, variable_values=variables)


def test_fields_that_the_schema_does_not_have_are_left_out():
    """Only validation refuses them; graphql-core skips them when it was not asked."""
    result = execute(SCHEMA, parse("{ a nope box { a nope } }"), ROOT)

    assert result.data == {"a": "x", "box": {"a": "inner"}}


@pytest.mark.parametrize(
    ("query", "name", "message"),
    [
        (
            "query A { a } query B { b }",
            None,
            "Must provide operation name if query contains multiple operations.",
        ),
        ("query A { a } query B { b }", "C", "Unknown operation named 'C'."),
        ("fragment F on Query { a }", None, "Must provide an operation."),
        ("mutation { a }", None, "Schema is not configured to execute mutation operation."),
    ],
)
def test_requests_that_cannot_be_executed(query, name, message):
    result = execute(SCHEMA, parse(query), operation_name=name)

    assert (result.data, [error.message for error in result.errors]) == (None, [message])


@pytest.mark.parametrize("name", ["A", "B"])
def test_one_operation_of_several(same, name):
    same(SCHEMA, "query A { a ...F } query B { b ...F } fragment F on Query { name }", ROOT, operation_name=name)


def test_selections_nested_beyond_what_python_can_follow():
    """The answer of graphql-core, and no crash."""
    query = "{ box " * 150 + "{ a }" + "}" * 150

    assert execute(SCHEMA, parse(query), ROOT).data == {"box": {"box": {"box": None}}}
