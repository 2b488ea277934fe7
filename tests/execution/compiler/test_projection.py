"""Rows that are projected are those that graphql-core makes one by one."""

import enum
import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

import pytest
import strawberry
from graphql import build_schema, execute, parse
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.execution.compiler import CompiledExecutor
from bff.execution.compiler import execute as execute_compiled
from bff.execution.compiler.projection import FEWEST

MANY = FEWEST + 2
SCHEMA = build_schema(
    "type Query { things: [Thing] }"
    " type Thing { text: String! label: String number: Int ratio: Float! right: Boolean id: ID! }"
)
DOCUMENT = parse("{ things { text label number ratio right id __typename } }")
GOOD = {"text": "a", "label": None, "number": 1, "ratio": 0.5, "right": True, "id": "x"}


@dataclass(slots=True)
class Slotted:
    text: object
    label: object
    number: object
    ratio: object
    right: object
    id: object


class Loose:
    def __init__(self, **members):
        self.__dict__.update(members)


class Text(str):
    __slots__ = ()


class Counting:
    """Its text is computed, and it counts how often."""

    def __init__(self, **members):
        self.reads = 0
        for name, value in members.items():
            setattr(self, f"_{name}", value)

    def __getattr__(self, name):
        return getattr(self, f"_{name}") if not name.startswith("_") else super().__getattribute__(name)

    @property
    def text(self):
        self.reads += 1
        return f"{self._text} {self.reads}"


def things(make, changes):
    return {"things": [make(**(GOOD | changes if number == MANY // 2 else GOOD)) for number in range(MANY)]}


@pytest.mark.parametrize("make", [Slotted, Loose, dict])
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"text": None},
        {"text": 7},
        {"text": Text("of a class of its own")},
        {"label": "some"},
        {"label": lambda *_: "called"},
        {"number": None},
        {"number": True},
        {"number": 2**31 - 1},
        {"number": 2**31},
        {"number": -(2**31) - 1},
        {"number": 1.0},
        {"number": "one"},
        {"ratio": math.nan},
        {"ratio": math.inf},
        {"ratio": 3},
        {"ratio": None},
        {"right": 1},
        {"right": "yes"},
        {"id": 12},
        {"id": None},
    ],
    ids=lambda changes: "".join(f"{name} {value if name != 'label' else ''}" for name, value in changes.items()),
)
def test_projected_rows_are_as_one_by_one(make, changes):
    expected = execute(SCHEMA, DOCUMENT, things(make, changes))

    result = execute_compiled(SCHEMA, DOCUMENT, things(make, changes))

    assert result.data == expected.data
    assert [error.formatted for error in result.errors or ()] == [
        error.formatted for error in expected.errors or ()
    ]


@pytest.mark.parametrize(
    "values",
    [
        [GOOD] * MANY + [Slotted(**GOOD)],
        [Loose(**GOOD) for _ in range(MANY)] + [Slotted(**GOOD)],
        [{name: value for name, value in GOOD.items() if name != "label"}] * MANY,
        [{name: value for name, value in GOOD.items() if name != "text"}] * MANY,
        [Loose(text="alone")] * MANY,
        [GOOD] * (FEWEST - 1),
        [],
        [None] * MANY,
    ],
    ids=[
        "dicts and others",
        "two classes",
        "a member is absent",
        "one that must be there",
        "most",
        "few",
        "none",
        "null",
    ],
)
def test_lists_of_any_kind_are_as_one_by_one(values):
    expected = execute(SCHEMA, DOCUMENT, {"things": values})

    result = execute_compiled(SCHEMA, DOCUMENT, {"things": values})

    assert result.data == expected.data
    assert [error.formatted for error in result.errors or ()] == [
        error.formatted for error in expected.errors or ()
    ]


def test_what_is_computed_is_read_once():
    source = things(Counting, {})

    result = execute_compiled(SCHEMA, DOCUMENT, source)

    assert [row["text"] for row in result.data["things"]] == ["a 1"] * MANY


def test_the_order_of_members_is_that_of_the_operation():
    [first, *_] = execute_compiled(
        SCHEMA, parse("{ things { id text b: number a: label } }"), things(dict, {})
    ).data["things"]

    assert list(first) == ["id", "text", "b", "a"]


class Word(enum.StrEnum):
    A = "a"


class Number(int):
    pass


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**33), 2**33),
    st.sampled_from([2**53, 2**53 + 1, -(2**53) - 1, 2**70, Number(3), Decimal("1.5"), Decimal("NaN")]),
    st.floats(),
    st.sampled_from(["", "a", "1", "1.5", "true", Word.A, b"b", Text("t")]),
    st.just([1]),
)
NAMES = st.lists(st.sampled_from(sorted(GOOD)), min_size=1, unique=True)


@given(NAMES, st.sampled_from(sorted(GOOD)), VALUES, st.sampled_from([Slotted, Loose]), st.integers(0, MANY - 1))
@settings(max_examples=400, deadline=None)
def test_any_value_becomes_what_graphql_core_makes_of_it(names, name, value, make, place):
    """Twice: a class of which one object did not fit is read otherwise from then on."""
    document = parse("{ things { %s } }" % " ".join(names))  # noqa: UP031 - braces
    root = {"things": [make(**(GOOD | {name: value} if number == place else GOOD)) for number in range(MANY)]}
    expected = execute(SCHEMA, document, root)

    for _ in range(2):
        result = execute_compiled(SCHEMA, document, root)
        assert json.dumps(result.data) == json.dumps(expected.data)
        assert [error.formatted for error in result.errors or ()] == [
            error.formatted for error in expected.errors or ()
        ]


@pytest.mark.parametrize(
    "query",
    [
        "{ things { id text inner { text } __typename } }",
        "{ things { id inner { text } text } }",
        "{ things { __typename id } }",
        "{ things { id again: id } }",
        "{ things { inner { text } } }",
    ],
)
def test_any_order_of_leaves_and_others_is_that_of_the_operation(same, query):
    schema = build_schema("type Query { things: [Thing] } type Thing { id: ID text: String inner: Thing }")
    inner = Loose(id="i", text="inner", inner=None)

    same(schema, query, {"things": [Loose(id=str(one), text="t", inner=inner) for one in range(MANY)]})


class Mapped(Mapping):
    """Has members and attributes; Strawberry reads attributes, graphql-core members."""

    def __init__(self, **members):
        self.members = members
        self.text = "of the attribute"

    def __getitem__(self, name):
        return self.members[name]

    def __iter__(self):
        return iter(self.members)

    def __len__(self):
        return len(self.members)


def test_a_mapping_with_attributes_is_not_mistaken():
    schema = build_schema("type Query { things: [Thing] } type Thing { text: String }")
    root = {"things": [Mapped(text="of the member") for _ in range(MANY)]}

    assert execute_compiled(schema, parse("{ things { text } }"), root) == execute(
        schema, parse("{ things { text } }"), root
    )


def test_attributes_of_a_mapping_are_read_where_the_field_says_so():
    @strawberry.type
    class Thing:
        text: str

    @strawberry.type
    class Query:
        @strawberry.field
        def things(self) -> list[Thing]:
            return [Mapped(text="of the member") for _ in range(MANY)]

    result = strawberry.Schema(Query, execution_context_class=CompiledExecutor).execute_sync("{ things { text } }")

    assert result.data == {"things": [{"text": "of the attribute"}] * MANY}
