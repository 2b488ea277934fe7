"""What a schema requires for each of its fields, and what an operation meets of that."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLUnionType,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)

from bff.execution.access.directives import AccessDirective
from bff.execution.access.requirements import Authenticated, Policy, Requirement, Scopes, StepUp

Coordinate = tuple[str, str]
"""Names of an object type and of its field; an empty field stands for objects of that type, wherever they come."""

Required = tuple[Requirement, ...]
"""All of these have to be met; what anonymous callers fail comes first."""

_DEFINITION = "strawberry-definition"


@dataclass(frozen=True, slots=True)
class Demand:
    """One directive of a schema, and where it stands.

    Attributes:
        place: The type, or the field with its type.
        directive: What the application wrote.
    """

    place: str
    directive: AccessDirective


class Demands:
    """What *schema* requires, for all of its object types."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self.objects: dict[str, Required] = {}
        self.fields: dict[Coordinate, Required] = {}
        for owner in schema.type_map.values():
            if isinstance(owner, GraphQLObjectType) and (found := _ordered(_of_type(owner))):
                self.objects[owner.name] = found
        roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
        for owner in schema.type_map.values():
            if isinstance(owner, GraphQLObjectType):
                above = self.objects.get(owner.name, ()) if owner in roots else ()
                for name, field in owner.fields.items():
                    if found := _ordered((*above, *self._of_field(owner, name, field))):
                        self.fields[owner.name, name] = found

    def __bool__(self) -> bool:
        """Whether anything is required anywhere."""
        return bool(self.objects or self.fields)

    def _of_field(self, owner: GraphQLObjectType, name: str, field: GraphQLField) -> Iterator[Requirement]:
        yield from _own(field)
        for interface in owner.interfaces:
            if name in interface.fields:
                yield from _own(interface.fields[name])
        brought = get_named_type(field.type)
        if isinstance(brought, GraphQLObjectType | GraphQLInterfaceType):
            yield from _of_type(brought)

    def possible(self, kind: GraphQLNamedType) -> Iterable[GraphQLObjectType]:
        """Return the object types that a value of *kind* may have."""
        if isinstance(kind, GraphQLObjectType):
            return (kind,)
        if isinstance(kind, GraphQLInterfaceType | GraphQLUnionType):
            return self._schema.get_possible_types(kind)
        return ()

    def met_by(self, document: DocumentNode, node: OperationDefinitionNode) -> "Survey":
        """Return what the operation *node* of *document* meets of it."""
        walk = _Walk(self, self._schema, document)
        root = self._schema.get_root_type(node.operation)
        if root is not None:
            walk.run(node.selection_set, root)
        return Survey(walk.found)


@dataclass(frozen=True)
class Survey:
    """What one operation meets of the requirements of its schema."""

    found: Mapping[Coordinate, Required]

    @cached_property
    def facts(self) -> tuple[Authenticated | Scopes | StepUp, ...]:
        """Each requirement once that is decided by what is known of a caller."""
        return tuple(one for one in self._distinct if not isinstance(one, Policy))

    @cached_property
    def policies(self) -> tuple[Policy, ...]:
        """Each access policy once that has to be asked."""
        return tuple(one for one in self._distinct if isinstance(one, Policy))

    @property
    def _distinct(self) -> Required:
        return _ordered(one for required in self.found.values() for one in required)

    def waiting_for(self, requirement: Requirement) -> tuple[str, ...]:
        """Return the fields and types that *requirement* decides about."""
        return tuple(
            f"{owner}.{field}" if field else owner
            for (owner, field), required in self.found.items()
            if requirement in required
        )


class _Walk:
    """Goes over the selections of one operation, each once for each type that it is made on."""

    def __init__(self, demands: Demands, schema: GraphQLSchema, document: DocumentNode) -> None:
        self._demands = demands
        self._schema = schema
        self._fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        self.found: dict[Coordinate, Required] = {}

    def run(self, selections: SelectionSetNode, kind: GraphQLNamedType) -> None:
        """Go over *selections* on *kind* and everything below."""
        waiting = [(selections, kind)]
        seen: set[tuple[int, str]] = set()
        while waiting:
            selections, kind = waiting.pop()
            if (id(selections), kind.name) in seen:
                continue
            seen.add((id(selections), kind.name))
            for one in selections.selections:
                below = self._field(one, kind) if isinstance(one, FieldNode) else self._fragment(one, kind)
                if below is not None:
                    waiting.append(below)

    def _field(self, node: FieldNode, kind: GraphQLNamedType) -> tuple[SelectionSetNode, GraphQLNamedType] | None:
        name = node.name.value
        demands = self._demands
        for owner in demands.possible(kind):
            if required := demands.fields.get((owner.name, name)):
                self.found[owner.name, name] = required
        if node.selection_set is None:
            return None
        field = self._schema.get_field(kind, name) if is_composite_type(kind) else None
        if field is None:
            return None
        brought = get_named_type(field.type)
        if not isinstance(brought, GraphQLObjectType):
            for owner in demands.possible(brought):
                if required := demands.objects.get(owner.name):
                    self.found[owner.name, ""] = required
        return node.selection_set, brought

    def _fragment(self, node: Any, kind: GraphQLNamedType) -> tuple[SelectionSetNode, GraphQLNamedType] | None:
        fragment = self._fragments[node.name.value] if isinstance(node, FragmentSpreadNode) else node
        condition = fragment.type_condition
        on = self._schema.get_type(condition.name.value) if condition else kind
        return (fragment.selection_set, on) if on is not None else None


def demands_in(schema: GraphQLSchema) -> Iterator[Demand]:
    """Yield every access directive of *schema*, with where it stands."""
    for owner in schema.type_map.values():
        if not isinstance(owner, GraphQLObjectType | GraphQLInterfaceType):
            continue
        for directive in _directives(owner):
            yield Demand(owner.name, directive)
        for name, field in owner.fields.items():
            for directive in _directives(field):
                yield Demand(f"{owner.name}.{name}", directive)


def _of_type(kind: GraphQLObjectType | GraphQLInterfaceType) -> Iterator[Requirement]:
    yield from _own(kind)
    for interface in kind.interfaces:
        yield from _own(interface)


def _own(part: Any) -> Iterator[Requirement]:
    for directive in _directives(part):
        yield directive.requirement


def _directives(part: Any) -> Iterator[AccessDirective]:
    definition = (part.extensions or {}).get(_DEFINITION)
    for one in getattr(definition, "directives", None) or ():
        if isinstance(one, AccessDirective):
            yield one


def _ordered(requirements: Iterable[Requirement]) -> Required:
    return tuple(sorted(dict.fromkeys(requirements), key=lambda one: one.rank))
