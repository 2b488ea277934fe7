"""Every scalar and enum coerces every value as graphql-core does."""

import datetime as dt
from decimal import Decimal
from enum import Enum

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLScalarType,
    GraphQLSchema,
    specified_scalar_types,
)
from graphql.pyutils import Undefined


class Color(Enum):
    RED = 1
    GREEN = "g"


class Text:
    def __str__(self):
        return "text"


def no_sevens(value):
    if value == 7:
        raise ValueError("seven")
    return Undefined if value == "undefined" else None if value == "none" else [value]


LEAVES = [
    *specified_scalar_types.values(),
    GraphQLEnumType("Color", Color),
    GraphQLEnumType("Plain", {"A": 1, "B": "b", "C": (1, 2), "D": [1]}),
    GraphQLScalarType("Odd", coerce_output_value=no_sevens),
    GraphQLScalarType("As"),
]
VALUES = [
    None, 0, 1, -1, 7, 2**31 - 1, 2**31, -(2**31) - 1, 10**30, 1.0, 1.5, float("inf"), float("nan"), -0.0,
    True, False,
    "", "1", "1.5", "b", "g", "x", "undefined", "none", b"b", [], [1], {}, (1, 2), Color.RED, Color.GREEN,
    Text(),
    Decimal("1.5"), Decimal(3), dt.date(2020, 1, 1), Undefined, ValueError("v"), lambda _info: 1,
]  # fmt: skip


@pytest.mark.parametrize("leaf", LEAVES, ids=lambda leaf: leaf.name)
@pytest.mark.parametrize("resolved", [True, False])
def test_leaves(same, leaf, resolved):
    fields = {}
    root = {}
    for number, value in enumerate(VALUES):
        for kind, wrapped in (("a", leaf), ("l", GraphQLList(leaf)), ("s", GraphQLList(GraphQLNonNull(leaf)))):
            name = f"{kind}{number}"
            given = value if kind == "a" or callable(value) else [value, value]
            resolve = (lambda _s, _i, given=given: given) if resolved else None
            fields[name] = GraphQLField(wrapped, resolve=resolve)
            root[name] = given
    schema = GraphQLSchema(GraphQLObjectType("Query", fields))

    same(schema, "{ " + " ".join(fields) + " }", root)
    same(
        schema,
        "{ " + " ".join(fields) + " }",
        type("Root", (), {n: v for n, v in root.items() if not callable(v)})(),
    )
