"""What an operation will do: whom it asks in which waves, for how long, and what is left without some."""

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from math import ceil
from typing import Any

from graphql import (
    DocumentNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLSchema,
    OperationDefinitionNode,
)
from graphql.execution.values import VariableValues, get_variable_values

from bff.events import ignore
from bff.execution.compiler.request import Unsupported
from bff.execution.cost.charge import Costs
from bff.execution.cost.collect import TooComplex
from bff.execution.cost.estimate import ListTooLong
from bff.execution.cost.weights import Weights, weights_in
from bff.explain.counting import Use, count, keys_of, total, uses_of
from bff.explain.keeping import cache_rule, keeping_of, sharing_of
from bff.explain.latency import Clockwork, latency_of, timing_of
from bff.explain.outage import outage_of
from bff.explain.plan import Count, Plan, Step, Total, Wave
from bff.explain.sites import ITEM, Site, Walk, resolver_of
from bff.explain.sizes import Sizes
from bff.policy.load import PolicySet


class Unexplainable(Exception):
    """An operation cannot be explained; the message says why and what to do."""


@dataclass(frozen=True, slots=True)
class Question:
    """What to explain.

    Attributes:
        document: Valid on the schema.
        operation_name: Which operation of it; None for its only one.
        variables: As a client sends them; those that are missing are unknown, not null.
        without: Upstreams that are down.
        sizes: Items of lists by response path, and keys by endpoint, as far as they are known.
    """

    document: DocumentNode
    operation_name: str | None = None
    variables: Mapping[str, Any] = field(default_factory=dict)
    without: Collection[str] = ()
    sizes: Mapping[str, float] = field(default_factory=dict)


class Explainer:
    """Explains operations on one schema under one set of policies.

    Args:
        schema: As graphql-core has it.
        policies: In force.
    """

    def __init__(self, schema: GraphQLSchema, policies: PolicySet) -> None:
        self._schema = schema
        self._policies = policies
        self._cost = policies.operations.cost
        weight_of = weights_in(policies.upstreams)
        self._costs = Costs(schema, self._cost, weight_of=weight_of, notify=ignore)
        self._weights = Weights(schema, self._cost, weight_of)

    def explain(self, question: Question) -> Plan:
        """Return what the operation will do.

        Raises:
            Unexplainable: It cannot be told which operation, variables, upstreams or sizes are meant.
        """
        node = operation_in(question.document, question.operation_name)
        variables = self._variables(node, question.variables)
        self._check_upstreams(question.without)
        cost, too_much = self._cost_of(question, node)
        sizes = Sizes(question.sizes, self._cost.list_size)
        walk = self._walk(question.document, node, variables, sizes)
        uses = uses_of(walk.sites)
        by_endpoint = _by_endpoint(uses)
        self._check_sizes(sizes, by_endpoint)
        totals = tuple(
            Total(endpoint=name, calls=count(mine, sizes)) for name, mine in sorted(by_endpoint.items())
        )
        calls = total([one.calls for one in totals])
        name = node.name.value if node.name else None
        kind = node.operation.value
        return Plan(
            operation=name,
            kind=kind,
            waves=self._waves(walk.sites, uses, sizes),
            totals=totals,
            calls=calls,
            cost=cost,
            latency=latency_of(self._policies, walk.sites, name),
            keeping=keeping_of(self._policies, walk.sites, self._schema, question.document, node),
            sharing=sharing_of(self._policies, kind, name),
            outage=outage_of(self._policies, walk.sites, sizes, question.without) if question.without else None,
            assumed=_assumed(sizes, uses),
            warnings=(*too_much, *self._warnings(walk, calls)),
        )

    def _cost_of(self, question: Question, node: OperationDefinitionNode) -> tuple[float | None, list[str]]:
        """Return what the operation costs, and what is said of it where that is too much."""
        try:
            compiled = self._costs.compile(node, _fragments(question.document))
            cost = compiled.estimate.of(question.variables) if compiled else None
        except TooComplex as error:
            raise Unexplainable(f"it is too complex to explain: {error}") from None
        except ListTooLong as error:
            return None, [f"{str(error).rstrip('.')}: refused with COST_LIMIT_EXCEEDED"]
        most = self._cost.max_cost
        if cost is None or cost <= most or self._cost.mode != "enforce":
            return cost, []
        return cost, [f"the cost {cost:g} is more than max_cost {most}: refused with COST_LIMIT_EXCEEDED"]

    def _walk(
        self, document: DocumentNode, node: OperationDefinitionNode, variables: VariableValues, sizes: Sizes
    ) -> Walk:
        try:
            return Walk(
                self._schema, node, _fragments(document), variables, sizes=sizes, slicing=self._weights.slicing
            )
        except Unsupported as error:
            raise Unexplainable(f"{error} is not supported here") from None
        except GraphQLError as error:
            raise Unexplainable(f"{error.message.rstrip('.')}: give it with --variables") from None

    def _variables(self, node: OperationDefinitionNode, given: Mapping[str, Any]) -> VariableValues:
        """Return the variables that are known: those given, and defaults."""
        definitions = [
            one
            for one in node.variable_definitions or ()
            if one.variable.name.value in given or one.default_value is not None
        ]
        values = get_variable_values(self._schema, definitions, dict(given))
        if isinstance(values, VariableValues):
            return values
        raise Unexplainable("; ".join(one.message.rstrip(".") for one in values))

    def _check_upstreams(self, names: Collection[str]) -> None:
        known = sorted(upstreams_in(self._schema) | self._policies.upstreams.keys())
        for name in names:
            if name not in known:
                raise Unexplainable(_no_such("upstream", name, known))

    def _check_sizes(self, sizes: Sizes, by_endpoint: Mapping[str, Sequence[Use]]) -> None:
        known = sorted({*by_endpoint, *sizes.assumed})
        for name in sorted(sizes.unused - by_endpoint.keys()):
            raise Unexplainable(_no_such("list or endpoint", name, known))

    def _waves(self, sites: Sequence[Site], uses: Sequence[Use], sizes: Sizes) -> tuple[Wave, ...]:
        clockwork = Clockwork(self._policies, sites)
        numbers = _wave_numbers(sites)
        waves: dict[int, dict[str, list[Use]]] = defaultdict(lambda: defaultdict(list))
        for use in uses:
            if use.site.parents:
                waves[numbers[id(use.site)]][str(use.endpoint)].append(use)
        return tuple(
            Wave(
                number=place,
                steps=tuple(self._step(mine, clockwork, sizes) for mine in waves[number].values()),
            )
            for place, number in enumerate(sorted(waves), start=1)
        )

    def _step(self, uses: Sequence[Use], clockwork: Clockwork, sizes: Sizes) -> Step:
        endpoint = uses[0].endpoint
        calls = count(uses, sizes)
        keys = keys_of(uses, sizes)
        max_keys: int | None = getattr(endpoint, "max_keys", None)
        timing = timing_of(self._policies, endpoint)
        parents = ceil(sum(one.site.parents for one in uses))
        return Step(
            endpoint=str(endpoint),
            upstream=endpoint.upstream.name,
            method=endpoint.method,
            target=endpoint.template.text,
            fields=tuple(dict.fromkeys(one.site.path for one in uses)),
            manner=max((one.manner for one in uses), key=("batched", "once", "per parent").index),
            keys=keys,
            max_keys=max_keys,
            parents=parents,
            calls=calls,
            why=_why(uses, calls, keys, max_keys, in_all=sizes.of_keys(str(endpoint)) is not None),
            cache=cache_rule(self._policies, endpoint),
            worst_ms=timing.worst,
            timing=timing.text,
            start_ms=min(clockwork.start(one.site) for one in uses),
        )

    def _warnings(self, walk: Walk, calls: Count) -> list[str]:
        allowed = self._policies.operations.max_attempts_total
        found = []
        if calls.most > allowed:
            found.append(
                f"{calls.most} calls are more than max_attempts_total {allowed}: the rest fails as "
                "OPERATION_FANOUT_EXCEEDED"
            )
        missing = sorted(
            {one.upstream.name for site in walk.sites for one in site.calls} - self._policies.upstreams.keys()
        )
        found += [f"upstream {name} has no policy: its calls fail" for name in missing]
        found += [f"{path} does not say what it calls: not in this plan" for path in walk.opaque]
        return found


def operation_in(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    """Return the operation of *document* that *name* means, its only one where there is no name.

    Raises:
        Unexplainable: There is none such, or more than one.
    """
    nodes = [one for one in document.definitions if isinstance(one, OperationDefinitionNode)]
    names = sorted(one.name.value for one in nodes if one.name)
    if name is None:
        if len(nodes) == 1:
            return nodes[0]
        what = f"it has several operations: say which of {', '.join(names)}" if nodes else "it has no operation"
        raise Unexplainable(what)
    for one in nodes:
        if one.name and one.name.value == name:
            return one
    raise Unexplainable(_no_such("operation", name, names))


def upstreams_in(schema: GraphQLSchema) -> set[str]:
    """Return the names of all upstreams that fields of *schema* call."""
    return {
        endpoint.upstream.name
        for kind in schema.type_map.values()
        for definition in (getattr(kind, "fields", None) or {}).values()
        if hasattr(definition, "resolve") and (resolver := resolver_of(definition))
        for endpoint in resolver.calls
    }


def _fragments(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}


def _by_endpoint(uses: Sequence[Use]) -> dict[str, list[Use]]:
    found: dict[str, list[Use]] = defaultdict(list)
    for use in uses:
        found[str(use.endpoint)].append(use)
    return found


def _wave_numbers(sites: Sequence[Site]) -> dict[int, int]:
    """Return the wave of each site; the fields of a mutation begin when those before them have ended."""
    numbers: dict[int, int] = {}
    before = 0
    for turn in sorted({one.turn for one in sites}):
        mine = [one for one in sites if one.turn == turn]
        numbers |= {id(one): before + one.wave for one in mine}
        before += max(one.wave for one in mine)
    return numbers


def _why(uses: Sequence[Use], calls: Count, keys: int | None, max_keys: int | None, *, in_all: bool) -> str:
    """Return what decides the number of calls, in words."""
    words = []
    if keys is not None and max_keys is not None:
        counted = f"{keys} {'key' if keys == 1 else 'keys'}{' in all' if in_all else ''}"
        words.append(f"1 per chunk of {max_keys} of {counted}")
    elif uses[0].manner == "per parent":
        words.append(f"1 for each of {ceil(sum(one.site.parents for one in uses))} parents")
    elif len(uses) > 1 and calls.least < len(uses):
        words.append("equal requests are made once")
    if any(len(one.site.calls) > 1 and one.manner != "batched" for one in uses):
        words.append("with others of the same resolver, in the order of its code")
    if calls.least == 0 and not all(one.certain for one in uses):
        words.append("whether it is asked depends on the data")
    causes = {id(one.site.trigger) for one in uses}
    if calls.least != calls.most and (len(causes) > 1 or any(one.site.arrivals > 1 for one in uses)):
        words.append("one call more where what it waits for comes at different times")
    return "; ".join(words)


def _assumed(sizes: Sizes, uses: Sequence[Use]) -> tuple[str, ...]:
    wanted = [one.site.path.replace(ITEM, "") for one in uses]
    found = [
        f"{path} has {size:g} items"
        for path, size in sorted(sizes.assumed.items())
        if any(one == path or one.startswith(f"{path}.") for one in wanted)
    ]
    if any(one.manner == "batched" for one in uses):
        found.append("every parent asks for one key of its own; keys that are asked for twice travel once")
    return tuple(found)


def _no_such(kind: str, name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(known) or 'none'}"
    return f"there is no {kind} {name!r}; {hint}"
