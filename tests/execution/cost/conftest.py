"""A schema of a small market, whose fields call services, and what operations on it cost."""

from pathlib import Path
from types import SimpleNamespace

import pytest
from graphql import FragmentDefinitionNode, OperationDefinitionNode, build_schema, parse, validate

from bff import Context, Upstream, batched, resolver
from bff.events import ignore
from bff.execution.cost.charge import Costs
from bff.execution.cost.weights import weights_in
from bff.execution.resolver import METADATA_KEY
from bff.policy.cost import Cost
from bff.policy.model import UpstreamPolicy

SDL = Path(__file__).with_name("market.graphql").read_text("utf-8")
POLICIES = {
    "accounts": {"hosts": ["https://accounts.internal"]},
    "shops": {
        "hosts": ["https://shops.internal"],
        "groups": {"slow": {"endpoints": ["search", "load"], "cost": {"weight": 5}}},
        "endpoints": {"load": {"cost": {"weight": 25}}},
    },
    "reviews": {"hosts": ["https://reviews.internal"], "cost": {"weight": 2}},
}


class Market:
    """The schema, and what operations cost."""

    def __init__(self, **policy):
        self.schema = build_schema(SDL)
        self._upstreams = {name: Upstream(name) for name in POLICIES}
        self._endpoints = {}
        for kind in self.schema.type_map.values():
            for field in getattr(kind, "fields", {}).values():
                self._let_it_call(field)
        policies = {name: UpstreamPolicy.model_validate(one) for name, one in POLICIES.items()}
        self.weight_of = weights_in(policies)
        self.policy = Cost(**policy)
        self.costs = Costs(self.schema, self.policy, weight_of=self.weight_of, notify=ignore)

    def _let_it_call(self, field):
        """Do what `@calls` says, as Strawberry would have done for a field of `bff.field`."""
        for directive in getattr(field.ast_node, "directives", None) or ():
            if directive.name.value == "calls":
                told = {one.name.value: one.value for one in directive.arguments}
                calls = [self._endpoint(each.value) for each in told["endpoints"].values]
                made = batched if "batched" in told else resolver

                async def resolve(parents, context: Context): ...

                definition = SimpleNamespace(metadata={METADATA_KEY: made(calls=calls)(resolve)}, directives=())
                field.extensions["strawberry-definition"] = definition

    def _endpoint(self, name):
        upstream, _, own = name.partition(".")
        if name not in self._endpoints:
            self._endpoints[name] = self._upstreams[upstream].get(f"/{own}", returns=str, name=own)
        return self._endpoints[name]

    def compiled(self, text):
        """Return the cost of the only operation of *text*."""
        document = parse(text)
        assert validate(self.schema, document) == []
        fragments = {n.name.value: n for n in document.definitions if isinstance(n, FragmentDefinitionNode)}
        (operation,) = (n for n in document.definitions if isinstance(n, OperationDefinitionNode))
        return self.costs.compile(operation, fragments)

    def cost(self, text, variables=None):
        """Return what *text* is estimated to cost with *variables*."""
        return self.compiled(text).estimate.of(variables or {})


@pytest.fixture(scope="module")
def market():
    """Return the market."""
    return Market()


@pytest.fixture
def market_with():
    """Return a function that makes a market under a policy."""
    return Market
