"""Variables and arguments are coerced as graphql-core does, defaults included."""

import pytest
from graphql import build_schema, parse

from bff.execution.compiler import execute

SCHEMA = build_schema("""
enum Color { RED GREEN }
input Point { x: Int! y: Int = 2 tags: [String!] }
scalar Any
type Query {
  show(i: Int, d: Int = 7, c: Color = RED, p: Point, ps: [Point!], a: Any, s: String): String
  must(i: Int!): String
}
""")


def shown(_source, _info, **arguments):
    return repr(sorted(arguments.items()))


for each in ("show", "must"):
    SCHEMA.query_type.fields[each].resolve = shown


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("{ show }", None),
        ('{ show(i: 1, d: 2, c: GREEN, p: {x: 1}, ps: [{x: 1, tags: ["a"]}], a: {b: [1]}) }', None),
        ("{ show(i: null, d: null) }", None),
        ("query ($i: Int) { show(i: $i, d: $i) }", {}),
        ("query ($i: Int) { show(i: $i, d: $i) }", {"i": None}),
        ("query ($i: Int = 4) { show(i: $i, d: $i) }", {}),
        ("query ($i: Int = 4) { show(d: $i) must(i: $i) }", {}),
        ("query ($i: Int = 4) { must(i: $i) }", {"i": None}),
        ("query ($x: Int!) { show(p: {x: $x}, ps: [{x: $x}, {x: 3, y: $x}]) }", {"x": 9}),
        ("query ($x: Any) { show(a: [$x, {b: $x}]) }", {"x": {"y": [None]}}),
        ("query ($p: Point, $c: Color) { show(p: $p, c: $c) }", {"p": {"x": 1}, "c": "GREEN"}),
        ("query ($s: String) { a: show(s: $s) b: show(s: $s, i: 1) }", {"s": "q"}),
    ],
)  # fmt: skip
def test_arguments(same, query, variables):
    same(SCHEMA, query, variable_values=variables)


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        ("query ($i: Int!) { must(i: $i) }", {}),
        ("query ($i: Int!) { must(i: $i) }", {"i": "x"}),
        ("query ($p: Point) { show(p: $p) }", {"p": {"y": 1, "z": 2}}),
        ("query ($c: Color) { show(c: $c) }", {"c": "REDD"}),
        ("query ($i: Int = 4) { a: must(i: $i) show }", {"i": None}),
    ],
)
@pytest.mark.parametrize("hide", [True, False])
def test_what_does_not_fit(same, query, variables, hide):
    same(SCHEMA, query, variable_values=variables, hide_suggestions=hide)


@pytest.mark.parametrize("most", [1, 2, 50])
def test_no_more_errors_than_asked_for(same, most):
    query = "query ($a: Int!, $b: Int!, $c: Int!) { a: must(i: $a) b: must(i: $b) c: must(i: $c) }"

    same(SCHEMA, query, variable_values={"a": "x", "b": "x", "c": "x"}, max_coercion_errors=most)


def test_programs_hold_no_values_of_one_request():
    """What one client sent must not stay behind for another."""
    document = parse("query ($s: String, $x: Boolean!) { show(s: $s) @include(if: $x) }")

    first = execute(SCHEMA, document, variable_values={"s": "one", "x": True})
    second = execute(SCHEMA, document, variable_values={"x": True})

    assert "one" in first.data["show"]
    assert "one" not in second.data["show"]
    assert "'s'" not in second.data["show"]


def test_arguments_are_renamed_and_made(same):
    schema = build_schema("input P { x: Int } type Query { f(inArg: Int, p: P): String }")
    field = schema.query_type.fields["f"]
    field.args["inArg"].out_name = "in_arg"
    schema.type_map["P"].out_type = lambda values: ("made", values["x"])
    field.resolve = shown

    assert same(schema, "{ f(inArg: 1, p: {x: 2}) }").data["f"] == "[('in_arg', 1), ('p', ('made', 2))]"
