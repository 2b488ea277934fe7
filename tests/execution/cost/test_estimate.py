"""What an operation costs is known before it runs: the same by every way of writing it (RL-9, RL-11)."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.execution.cost.collect import BUDGET, TooComplex
from bff.execution.cost.estimate import ListTooLong

TABLE = Path(__file__).with_name("operations.txt")


def rows():
    for line in TABLE.read_text("utf-8").splitlines():
        if line and not line.startswith("#"):
            cost, operation, variables, why = (part.strip() for part in line.split(" | "))
            yield pytest.param(int(cost), operation, json.loads(variables), id=f"{operation[:60]} {why}")


ROWS = list(rows())


@pytest.mark.parametrize(("cost", "operation", "variables"), ROWS)
def test_the_table_of_costs(market, cost, operation, variables):
    """RL-9, line by line."""
    assert market.cost(operation, variables) == cost


def test_the_table_does_not_shrink():
    assert len(ROWS) >= 60


# Field, type of what it returns, and the argument that says how many.
FIELDS = {
    "Query": [
        ("me", "User", None),
        ("shop", "Shop", None),
        ("shops", "Shop", "first"),
        ("limited", "Shop", "limit"),
    ],
    "User": [("friends", "User", "first"), ("shop", "Shop", None), ("orders", "OrderPage", "first")],
    "Shop": [("owner", "User", None), ("sections", "Section", None)],
    "Section": [("dishes", "Dish", None)],
    "Dish": [("shop", "Shop", None)],
    "OrderPage": [("nodes", "Order", None), ("edges", "OrderEdge", None)],
    "OrderEdge": [("node", "Order", None)],
    "Order": [("lines", "Line", "limit"), ("buyer", "User", None)],
    "Line": [("dish", "Dish", None)],
}


class Drawn:
    """An operation drawn at random, once with its sizes and conditions written in and once as variables."""

    def __init__(self, draw):
        self._draw = draw
        self.variables = {}
        self.types = []
        self.fragments = []
        inline, variable, spread = self._selections("Query", 4)
        self.inline = f"{{{inline}}}"
        head = f"query({' '.join(self.types)})" if self.types else ""
        self.with_variables = f"{head}{{{variable}}}"
        self.with_fragments = f"{{{spread}}} {' '.join(self.fragments)}"

    def _variable(self, kind, value):
        name = f"v{len(self.variables)}"
        self.variables[name] = value
        self.types.append(f"${name}:{kind}!")
        return f"${name}"

    def _selections(self, kind, depth):
        texts = ["__typename"], ["__typename"], ["__typename"]
        if depth:
            for field, below, sized in self._draw(st.lists(st.sampled_from(FIELDS[kind]), max_size=3)):
                for one, text in zip(texts, self._field(field, below, sized, depth), strict=True):
                    one.append(text)
        name = f"F{len(self.fragments)}"
        self.fragments.append(f"fragment {name} on {kind}{{{' '.join(texts[2])}}}")
        return " ".join(texts[0]), " ".join(texts[1]), f"...{name} ...{name}"

    def _field(self, field, below, sized, depth):
        key = f"k{len(self.variables)}x{len(self.fragments)}"
        written = variable = f"{key}:{field}"
        if sized:
            size = self._draw(st.integers(0, 12))
            written += f"({sized}:{size})"
            variable += f"({sized}:{self._variable('Int', size)})"
        if self._draw(st.booleans()):
            word, value = self._draw(st.sampled_from(["skip", "include"])), self._draw(st.booleans())
            written += f" @{word}(if:{str(value).lower()})"
            variable += f" @{word}(if:{self._variable('Boolean', value)})"
        inner = self._selections(below, depth - 1)
        return f"{written}{{{inner[0]}}}", f"{variable}{{{inner[1]}}}", f"{written}{{{inner[2]}}}"


@st.composite
def drawn(draw):
    return Drawn(draw)


@settings(deadline=None, max_examples=40)
@given(drawn())
def test_written_in_as_variables_and_through_fragments_cost_the_same(market, operation):
    """Lesson 25: who moves a number into a variable, or fields into a fragment, pays no more and no less."""
    written = market.cost(operation.inline)

    assert market.cost(operation.with_variables, operation.variables) == written
    assert market.cost(operation.with_fragments) == written


@settings(deadline=None, max_examples=25)
@given(drawn(), st.integers(2, 5))
def test_aliases_multiply(market, operation, times):
    """Twice the same under two names is twice the cost."""
    inner = operation.inline[1:-1]
    once = market.cost(operation.inline)
    root = [f"a{n}: everything {{ total }}" for n in range(times)]

    assert market.cost(f"{{{' '.join(root)}}}") == 9 * times
    assert once >= 1
    assert market.cost(f"{{{inner} everything {{ total }}}}") in {once + 9, 9}


@pytest.mark.parametrize("value", ["5", 5.5, True, [], {}, -3, 2**40, 1e308, float("inf"), float("nan")])
def test_a_variable_of_the_wrong_kind_does_not_break_the_estimate(market, value):
    """It is refused when variables are coerced, which is after the estimate."""
    operation = "query($n: Int, $x: Boolean!) { shops(first: $n) { name owner @include(if: $x) { name } } }"

    assert market.cost(operation, {"n": value, "x": value}) >= 1


@pytest.mark.parametrize(
    ("operation", "variables"),
    [
        ("{ shops(first: 1001) { name } }", {}),
        ("query($n: Int!) { shops(first: $n) { name } }", {"n": 1001}),
        ("query($n: Int = 1001) { shops(first: $n) { name } }", {}),
        ("{ me { orders(first: 1001) { nodes { id } } } }", {}),
        ("{ me { orders(first: 1001) { total } } }", {}),
        ("query($n: Int!) { me { orders(first: $n) { total } } }", {"n": 1001}),
        ("{ me { tags(first: 1001) } }", {}),
        ("query($n: Int) { me { tags(first: $n) } }", {"n": 1001}),
    ],
)
def test_no_list_may_be_asked_for_with_more_than_the_hard_maximum(market, operation, variables):
    """Cheap items do not make a long list harmless."""
    with pytest.raises(ListTooLong, match="1000 is the most"):
        market.cost(operation, variables)


def test_the_hard_maximum_is_allowed_and_not_one_more(market_with):
    schema = market_with(max_list_size=50)

    assert schema.cost("query($n: Int!) { shops(first: $n) { __typename } }", {"n": 50}) == 51
    with pytest.raises(ListTooLong):
        schema.cost("query($n: Int!) { shops(first: $n) { __typename } }", {"n": 51})


def test_a_fragment_that_multiplies_costs_no_time(market):
    """Two to the fourteenth positions are told from fourteen."""
    fragments = " ".join(
        f"fragment F{i} on User{{a:shop{{owner{{...F{i + 1}}}}} b:shop{{owner{{...F{i + 1}}}}}}}"
        for i in range(14)
    )
    cost = market.compiled("{me{...F0}} " + fragments + " fragment F14 on User{id}")

    assert len(cost.tree.spots) < 100
    assert cost.estimate.of({}) > 2**14


def test_an_operation_that_cannot_be_estimated_in_time_is_refused(market):
    """Conditions on every level of a chain of fragments make exponentially many cases."""
    count = 24
    conditions = " ".join(f"$v{i}: Boolean!" for i in range(count))
    chain = " ".join(
        f"fragment F{i} on User{{...F{i + 1} @include(if:$v{i}) ...F{i + 1} @skip(if:$v{i}) id}}"
        for i in range(count)
    )

    with pytest.raises(TooComplex, match=str(BUDGET)):
        market.compiled(f"query({conditions}){{me{{...F0}}}} {chain} fragment F{count} on User{{id}}")


def test_the_most_expensive_places_are_named(market):
    """Who is refused must know where to ask for less."""
    cost = market.compiled("{ me { name } shops(first: 90) { name sections { title dishes { price } } } }")

    assert cost.estimate.most_expensive({}, 2) == [
        ("shops.sections.dishes", 2701.0),
        ("shops.sections", 270.0),
    ]


@pytest.mark.parametrize(("setting", "cost"), [({"list_size": 3}, 4), ({"mutation": 3}, 11)])
def test_policy_sets_the_defaults(market_with, setting, cost):
    assert market_with(**setting).cost("{ limited { name } }") == cost
    assert market_with(mutation=3).cost("mutation { note }") == 3
