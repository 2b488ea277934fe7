"""Rows made of columns are those that graphql-core makes one by one."""

import math
from dataclasses import dataclass

import pytest
from graphql import build_schema, execute, parse

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
def test_columns_are_as_one_by_one(make, changes):
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
