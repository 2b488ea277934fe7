"""Where an operation calls services: every field whose resolver declares endpoints, and what it waits for."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLField,
    GraphQLSchema,
    OperationDefinitionNode,
    print_ast,
)
from graphql.execution.values import VariableValues, get_argument_values

from bff.execution.compiler.plan import FieldPlan, ObjectPlan, Options, Planner
from bff.execution.compiler.request import request_of
from bff.execution.cost.weights import Slicing
from bff.execution.resolver import METADATA_KEY, FieldResolver
from bff.explain.sizes import Sizes, lists_in, said_by
from bff.upstream.batch import Batching
from bff.upstream.endpoint import Endpoint

ITEM = "[]"
"""Stands for any item of a list in a path."""


@dataclass(eq=False)
class Site:
    """A field that calls services, at one position of an operation.

    Attributes:
        path: Where it stands, with `[]` for items.
        resolver: What feeds it.
        calls: The endpoints that it may call, by name.
        arguments: What tells it from the same field with other arguments.
        trigger: The site whose answer it waits for; None at the root.
        turn: Place among the root fields of a mutation, which run one after another; 0 in a query.
        parents: How many objects want it.
        item_keys: How many keys each of them asks for.
        by_items: Whether it is a list whose items are asked for by key, so that they fail one by one.
        certain: Whether all parents there are want it; not, below one of several possible types.
        nullable: For every step of the path from the root, whether null may stand there.
    """

    path: str
    resolver: FieldResolver
    calls: tuple[Endpoint[Any], ...]
    arguments: str
    trigger: "Site | None"
    turn: int
    parents: float
    item_keys: float
    by_items: bool
    certain: bool
    nullable: tuple[tuple[str, bool], ...]
    wave: int = field(init=False)

    def __post_init__(self) -> None:
        self.wave = self.trigger.wave + 1 if self.trigger else 1

    @property
    def ancestors(self) -> "list[Site]":
        """The sites that it waits for, the nearest first."""
        found, at = [], self.trigger
        while at is not None:
            found.append(at)
            at = at.trigger
        return found

    @property
    def arrivals(self) -> float:
        """At how many different moments the parents of this site may arrive."""
        return self.trigger.departures if self.trigger else 1

    @property
    def departures(self) -> float:
        """At how many different moments its values may come: each parent's call ends on its own."""
        return self.arrivals if self.resolver.batched else max(1.0, self.parents)


@dataclass(frozen=True, slots=True)
class _Position:
    """Objects of one type at one place.

    Attributes:
        path: Of the objects.
        count: How many there are.
        trigger: The site that brought them.
        turn: As `Site.turn`.
        certain: Whether the field above always gives this type.
        slicing: How many items the field above asks for, where lists are one level further down.
        sliced: The lists that it is about; None for all.
        nullable: As `Site.nullable`.
    """

    path: str
    count: float
    trigger: Site | None
    turn: int
    certain: bool
    slicing: int | None
    sliced: frozenset[str] | None
    nullable: tuple[tuple[str, bool], ...]


class Walk:
    """Finds the sites of one operation, parents before children.

    Args:
        schema: On which the operation is valid.
        operation: What is asked.
        fragments: Of its document, by name.
        variables: Coerced, as far as they are known.
        sizes: How long lists are.
        slicing: Tells how many items a field's list has, as the schema says it.

    Attributes:
        sites: What was found.
        unknown_roots: Root fields whose resolvers do not say which services they call.
        opaque: Paths of resolvers that may call what they like.

    Raises:
        Unsupported: The operation uses `@defer`, `@stream` or variables of fragments.
        GraphQLError: A variable that decides over a field is not known.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        operation: OperationDefinitionNode,
        fragments: Mapping[str, FragmentDefinitionNode],
        variables: VariableValues,
        *,
        sizes: Sizes,
        slicing: Callable[[GraphQLField], Slicing],
    ) -> None:
        self._variables = variables
        self._sizes = sizes
        self._slicing = slicing
        self._serial = operation.operation.value == "mutation"
        self.sites: list[Site] = []
        self.unknown_roots: list[str] = []
        self.opaque: list[str] = []
        request, _ = request_of(schema, operation, dict(fragments))
        root = Planner(request, Options(batch_of=lambda _: None), variables).root()
        for turn, one in enumerate(root.fields):
            at = turn if self._serial else 0
            position = _Position("", 1.0, None, at, certain=True, slicing=None, sliced=None, nullable=())
            self._field(one, position, root=True)

    def _object(self, plan: ObjectPlan, at: _Position) -> None:
        for one in plan.fields:
            self._field(one, at)

    def _field(self, plan: FieldPlan, at: _Position, *, root: bool = False) -> None:
        path = f"{at.path}.{plan.key}" if at.path else plan.key
        definition, arguments = plan.definition, self._arguments(plan)
        resolver = resolver_of(definition)
        slicing = self._slicing(definition)
        said = said_by(definition, slicing, arguments)
        levels = lists_in(definition.type)
        wanted = bool(plan.objects)
        above = at.slicing if at.sliced is None or plan.nodes[0].name.value in at.sliced else None
        items = self._items(path, levels, said if said is not None else above) if wanted else 1.0
        nullable = _steps(plan, path)
        trigger = at.trigger
        if resolver is not None and resolver.calls:
            trigger = self._site(plan, resolver, path, at, items)
        elif is_opaque(definition) and resolver is None:
            self.opaque.append(path)
        if root and resolver is None and plan.nodes[0].name.value != "__typename":
            self.unknown_roots.append(path)
        if not wanted:
            return
        below = _Position(
            path + ITEM * levels,
            at.count * items,
            trigger,
            at.turn,
            certain=at.certain and len(plan.objects) == 1,
            slicing=None if levels else said,
            sliced=slicing.fields,
            nullable=(*at.nullable, *nullable),
        )
        for one in plan.objects.values():
            self._object(one, below)

    def _items(self, path: str, levels: int, said: int | None) -> float:
        """Return how many innermost values one parent has."""
        items, place = 1.0, path.replace(ITEM, "")
        for _ in range(levels):
            items *= self._sizes.of_list(place, said)
            place += ITEM
        return items

    def _site(self, plan: FieldPlan, resolver: FieldResolver, path: str, at: _Position, items: float) -> Site:
        calls = tuple(sorted(resolver.calls, key=str))
        by_items = bool(lists_in(plan.definition.type)) and all(isinstance(one, Batching) for one in calls)
        nullable = _steps(plan, path)
        site = Site(
            path,
            resolver,
            calls,
            self._written(plan),
            at.trigger,
            at.turn,
            at.count,
            items if by_items else 1.0,
            by_items,
            at.certain,
            (*at.nullable, *(nullable if by_items else nullable[:1])),
        )
        self.sites.append(site)
        return site

    def _arguments(self, plan: FieldPlan) -> dict[str, Any]:
        try:
            return get_argument_values(plan.definition, plan.nodes[0], self._variables)
        except GraphQLError:
            return {}

    def _written(self, plan: FieldPlan) -> str:
        """Return the arguments as text that is equal for equal values; as written where a variable is missing."""
        if not plan.definition.args:
            return ""
        found = self._arguments(plan)
        if found:
            return repr(sorted(found.items(), key=lambda item: item[0]))
        return ", ".join(print_ast(one) for one in plan.nodes[0].arguments or ())


def resolver_of(definition: GraphQLField) -> FieldResolver | None:
    """Return what feeds the field, where it was made by `resolver` or `batched`."""
    described = (definition.extensions or {}).get("strawberry-definition")
    found = (getattr(described, "metadata", None) or {}).get(METADATA_KEY)
    return found if isinstance(found, FieldResolver) else None


def is_opaque(definition: GraphQLField) -> bool:
    """Return whether the field is an asynchronous Strawberry resolver that does not say what it calls."""
    described = (definition.extensions or {}).get("strawberry-definition")
    return resolver_of(definition) is None and bool(getattr(described, "is_async", False))


def _steps(plan: FieldPlan, path: str) -> tuple[tuple[str, bool], ...]:
    """Return the path of the field and of each level of its items, and whether null may stand there."""
    return tuple((path + ITEM * depth, not nonnull) for depth, nonnull in enumerate(plan.nonnull))


def null_at(nullable: tuple[tuple[str, bool], ...]) -> str:
    """Return the path that becomes null when the last step of *nullable* fails; empty for all data."""
    return next((path for path, may in reversed(nullable) if may), "")
