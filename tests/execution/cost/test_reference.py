"""The reference application stays below its own limit, and what the documentation says is so."""

import json
from pathlib import Path

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, parse

from bff.events import ignore
from bff.execution.cost.actual import actual
from bff.execution.cost.charge import Costs
from bff.execution.cost.weights import weights_in
from bff.policy.load import load
from schema import schema

ROOT = Path(__file__).parents[3]
OPERATIONS = sorted((ROOT / "schema" / "operations").glob("*.graphql"))
README = """query Orders($n: Int!) {
  me { orders(first: $n) { edges { node { lines { quantity } restaurant { name } } } } }
}"""


@pytest.fixture(scope="module")
def policies():
    return load(ROOT / "policies")


@pytest.fixture(scope="module")
def compiled(policies):
    """Return a function that compiles the cost of a text."""
    costs = Costs(
        schema._schema, policies.operations.cost, weight_of=weights_in(policies.upstreams), notify=ignore
    )

    def compile_(text):
        document = parse(text)
        fragments = {n.name.value: n for n in document.definitions if isinstance(n, FragmentDefinitionNode)}
        (operation,) = (n for n in document.definitions if isinstance(n, OperationDefinitionNode))
        return costs.compile(operation, fragments)

    return compile_


@pytest.mark.parametrize("file", OPERATIONS, ids=lambda file: file.stem)
def test_every_screen_may_run(compiled, policies, file):
    """A limit that refuses our own app would be found out by its users."""
    variables = file.with_suffix(".variables.json")
    sent = json.loads(variables.read_text("utf-8")) if variables.exists() else {}

    cost = compiled(file.read_text("utf-8")).estimate.of(sent)

    assert 1 <= cost <= policies.operations.cost.max_cost


def test_the_example_of_the_readme(compiled):
    cost = compiled(README)
    order = {"node": {"lines": [{"quantity": 1}, {"quantity": 2}], "restaurant": {"name": "a"}}}
    data = {"me": {"orders": {"edges": [order] * 3}}}
    every = {name: 1 for field in _fields(cost.tree) for name, _ in field.own.calls}

    assert cost.estimate.of({"n": 10}) == 65
    assert actual(cost.tree, data, [], every) == 17
    without = {name: times for name, times in every.items() if not name.startswith("catalog.")}
    assert actual(cost.tree, data, [], without) == 16


def test_weights_of_calls_come_from_policy(compiled):
    """The bank charges us for each call."""
    assert compiled("{ me { paymentMethods { id } } }").estimate.of({}) == 2 + 5 + 10


def _fields(tree):
    return [field for spot in tree.spots for branch in spot.branches for field in branch.fields]
