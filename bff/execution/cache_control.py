"""`@cacheControl`: how long a field's value may be kept, and by whom, where the schema says so (CA-22)."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Any

import strawberry
from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLField,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
    is_composite_type,
)
from strawberry.schema_directive import Location

from bff.execution.resolver import METADATA_KEY

_DEFINITION = "strawberry-definition"
_MOST_REMEMBERED = 2000


@strawberry.enum(description="Who may keep a value.")
class CacheControlScope(Enum):
    """Who may keep a value."""

    PUBLIC = "PUBLIC"
    PRIVATE = "PRIVATE"


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION, Location.OBJECT, Location.INTERFACE, Location.UNION], name="cacheControl"
)
class CacheControl:
    """How long a field's value, or every value of a type, may be kept, and by whom; a field's own word goes first.

    `strawberry.field(directives=[CacheControl(max_age=60)])`. The shortest time and the smallest audience of all
    that an operation asks for hold for its answer; what services say may lower that, never raise it.
    """

    max_age: int | None = None
    scope: CacheControlScope | None = None
    inherit_max_age: bool | None = None


@dataclass(frozen=True, slots=True)
class Allowance:
    """What a schema allows for an operation: seconds, without end where services alone decide; and for whom."""

    max_age: float = math.inf
    private: bool = False


class CacheHints:
    """What *schema* says of the operations that come.

    Args:
        schema: Fields and types with their directives.
        default_max_age: For fields of which nobody says anything, in seconds.
    """

    def __init__(self, schema: GraphQLSchema, default_max_age: float = 0.0) -> None:
        self._schema = schema
        self._default = default_max_age
        self._known: dict[int, tuple[OperationDefinitionNode, Allowance]] = {}

    def of(self, document: DocumentNode, node: OperationDefinitionNode) -> Allowance:
        """Return what is allowed for the operation *node* of *document*; computed once."""
        found = self._known.get(id(node))
        if found is None:
            if len(self._known) >= _MOST_REMEMBERED:
                self._known.clear()
            found = self._known[id(node)] = (node, self._computed(document, node))
        return found[1]

    def _computed(self, document: DocumentNode, node: OperationDefinitionNode) -> Allowance:
        root = self._schema.query_type
        if node.operation.value != "query" or root is None:
            return Allowance(0.0, private=True)
        fragments = {
            one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)
        }
        max_age, private = math.inf, False
        for one in set(self._hints(node.selection_set, root, fragments, frozenset(), is_root=True)):
            max_age, private = min(max_age, one.max_age), private or one.private
        return Allowance(max_age, private)

    def _hints(
        self,
        selections: SelectionSetNode,
        parent: GraphQLNamedType,
        fragments: dict[str, FragmentDefinitionNode],
        within: frozenset[str],
        *,
        is_root: bool,
    ) -> Iterator[Allowance]:
        for one in selections.selections:
            if isinstance(one, FieldNode):
                field = getattr(parent, "fields", {}).get(one.name.value)
                if field is not None:
                    yield _allowance(field, self._default, is_root=is_root)
                    if one.selection_set is not None:
                        type_ = get_named_type(field.type)
                        yield from self._hints(one.selection_set, type_, fragments, within, is_root=False)
                elif one.name.value != "__typename":
                    yield Allowance(0.0)
            elif isinstance(one, FragmentSpreadNode):
                name = one.name.value
                if name not in within:
                    fragment = fragments[name]
                    type_ = self._schema.type_map[fragment.type_condition.name.value]
                    inner = within | {name}
                    yield from self._hints(fragment.selection_set, type_, fragments, inner, is_root=is_root)
            elif isinstance(one, InlineFragmentNode):
                condition = one.type_condition
                type_ = parent if condition is None else self._schema.type_map[condition.name.value]
                yield from self._hints(one.selection_set, type_, fragments, within, is_root=is_root)


def _allowance(field: GraphQLField, default: float, *, is_root: bool) -> Allowance:
    """Return what one field allows.

    Where neither it nor its type says anything: a field that says which services it calls leaves it to these, a
    value that came with its parent or is no object is as its parent, and *default* seconds hold for anything else.
    """
    definition = field.extensions.get(_DEFINITION)
    type_ = get_named_type(field.type)
    told = _directive(definition) or _directive(type_.extensions.get(_DEFINITION))
    private = told is not None and told.scope is CacheControlScope.PRIVATE
    if told is not None and told.max_age is not None:
        return Allowance(float(told.max_age), private)
    fed = METADATA_KEY in (getattr(definition, "metadata", None) or {})
    inherits = not is_root and (
        not is_composite_type(type_)
        or getattr(definition, "base_resolver", None) is None
        or (told is not None and bool(told.inherit_max_age))
    )
    return Allowance(math.inf if fed or inherits else default, private)


def _directive(definition: Any) -> CacheControl | None:
    found = [one for one in getattr(definition, "directives", None) or () if isinstance(one, CacheControl)]
    return found[0] if found else None
