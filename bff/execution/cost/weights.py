"""What fields and types cost by themselves, read from the schema once."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    ListValueNode,
    get_named_type,
    is_introspection_type,
    is_leaf_type,
    value_from_ast_untyped,
)

from bff.execution.cost.directives import Cost, ListSize
from bff.execution.resolver import METADATA_KEY, FieldResolver
from bff.policy.cost import CallCost
from bff.policy.cost import Cost as CostPolicy
from bff.policy.model import UpstreamPolicy
from bff.upstream.endpoint import Endpoint

WeightOf = Callable[[Endpoint[Any]], float]
"""Tells what one call of an endpoint costs."""


def weights_in(upstreams: Mapping[str, UpstreamPolicy]) -> WeightOf:
    """Return the function that reads the weight of a call from the policies of *upstreams*."""

    def weight_of(endpoint: Endpoint[Any]) -> float:
        policy = upstreams.get(endpoint.upstream.name)
        return (policy.chain(endpoint.name).cost if policy else CallCost()).weight

    return weight_of


def one_each(endpoint: Endpoint[Any]) -> float:  # noqa: ARG001 - the shape of `WeightOf`
    """Return 1: every call costs the same."""
    return 1.0


SLICING = ("first", "last", "limit")
"""Arguments that say how many items are wanted, unless `@listSize` names others."""

INTROSPECTION = 0.01
"""What an object of the introspection schema costs: no service is asked, and the answer is small."""


@dataclass(frozen=True, slots=True)
class Own:
    """What a field costs without what is below it.

    Attributes:
        each: For each parent.
        once: For all parents together, because one call serves them all.
        calls: The endpoints that it calls and what a call costs; already in `each` or `once`.
    """

    each: float = 0.0
    once: float = 0.0
    calls: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Slicing:
    """How many items a field's list has, as the schema says it.

    Attributes:
        arguments: Those that may say it in a document.
        assumed: Where none does; None for what policy says.
        fields: The lists of the returned object that it is about; None for all that say nothing themselves.
        said: Whether the field says it itself, by an argument or `@listSize`.
    """

    arguments: tuple[str, ...]
    assumed: int | None
    fields: frozenset[str] | None
    said: bool


_NOTHING = Own()


class Weights:
    """Weights and list sizes of a schema under *policy*.

    Args:
        schema: What it is about.
        policy: What a mutation costs.
        weight_of: What a call costs.
    """

    def __init__(self, schema: GraphQLSchema, policy: CostPolicy, weight_of: WeightOf) -> None:
        self._mutation_type = schema.mutation_type
        self._policy = policy
        self._weight_of = weight_of
        self._types: dict[str, float] = {}
        self._slicing: dict[int, tuple[GraphQLField, Slicing]] = {}
        self._own: dict[int, tuple[GraphQLField, Own]] = {}

    def of_type(self, kind: GraphQLNamedType) -> float:
        """Return what one value of *kind* costs."""
        found = self._types.get(kind.name)
        if found is None:
            stated = _directive(kind, "cost", Cost)
            found = self._types[kind.name] = float(stated["weight"]) if stated else _default_weight(kind)
        return found

    def of_field(self, owner: GraphQLNamedType, field: GraphQLField) -> Own:
        """Return what *field* of *owner* costs by itself."""
        kept = self._own.get(id(field))
        if kept is None:
            kept = self._own[id(field)] = (field, self._read_own(owner, field))
        return kept[1]

    def slicing(self, field: GraphQLField) -> Slicing:
        """Return how many items the list of *field* has."""
        kept = self._slicing.get(id(field))
        if kept is None:
            kept = self._slicing[id(field)] = (field, _slicing(field))
        return kept[1]

    def _read_own(self, owner: GraphQLNamedType, field: GraphQLField) -> Own:
        stated = _directive(field, "cost", Cost)
        leaf = get_named_type(field.type)
        least = self.of_type(leaf) if is_leaf_type(leaf) else 0.0
        if stated:
            return Own(each=float(stated["weight"]))
        resolver = _metadata(field).get(METADATA_KEY)
        calls: tuple[tuple[str, float], ...] = ()
        if isinstance(resolver, FieldResolver):
            calls = tuple(sorted((str(one), self._weight_of(one)) for one in resolver.calls))
        weight = sum(weight for _, weight in calls)
        if owner is self._mutation_type:
            return Own(each=max(weight, self._policy.mutation))
        if not calls:
            return Own(each=least) if least else _NOTHING
        if isinstance(resolver, FieldResolver) and resolver.batched:
            return Own(each=least, once=weight, calls=calls)
        return Own(each=least + weight, calls=calls)


def _default_weight(kind: GraphQLNamedType) -> float:
    if is_leaf_type(kind):
        return 0.0
    return INTROSPECTION if is_introspection_type(kind) else 1.0


def _slicing(field: GraphQLField) -> Slicing:
    stated = _directive(field, "listSize", ListSize) or {}
    names = stated.get("slicing_arguments") or SLICING
    arguments = tuple(name for name in names if name in field.args)
    fields = stated.get("sized_fields")
    assumed = stated.get("assumed_size")
    return Slicing(
        arguments,
        None if assumed is None else int(assumed),
        None if fields is None else frozenset(fields),
        said=bool(arguments or stated),
    )


def _directive(element: Any, name: str, kind: type) -> Mapping[str, Any] | None:
    """Return the arguments of a directive on *element*, which Strawberry made or which was parsed from SDL."""
    definition = element.extensions.get("strawberry-definition")
    for one in getattr(definition, "directives", None) or ():
        if isinstance(one, kind):
            return vars(one)
    nodes = (element.ast_node, *(getattr(element, "extension_ast_nodes", None) or ()))
    for node in nodes:
        for one in getattr(node, "directives", None) or ():
            if one.name.value == name:
                return {_snake(each.name.value): _value(each.value) for each in one.arguments or ()}
    return None


def _value(node: Any) -> Any:
    value = value_from_ast_untyped(node)
    return list(value) if isinstance(node, ListValueNode) else value


def _snake(name: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _metadata(field: GraphQLField) -> Mapping[str, Any]:
    found: Mapping[str, Any] = getattr(field.extensions.get("strawberry-definition"), "metadata", None) or {}
    return found
