"""How long a client may keep an answer, and of which operations that can be said at all (CA-22, CA-23)."""

from collections.abc import Iterator

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLSchema,
    OperationDefinitionNode,
    SelectionSetNode,
)

from bff.context import Operation
from bff.execution.resolver import METADATA_KEY

_DEFINITION = "strawberry-definition"


def fed_fields(schema: GraphQLSchema) -> frozenset[str]:
    """Return the query fields whose resolvers say which endpoints they call, so that their parts are known."""
    fields = schema.query_type.fields if schema.query_type else {}
    return frozenset(
        name
        for name, field in fields.items()
        if METADATA_KEY in (getattr(field.extensions.get(_DEFINITION), "metadata", None) or {})
    )


def is_known(document: DocumentNode, node: OperationDefinitionNode, fed: frozenset[str]) -> bool:
    """Return whether *node* is a query all of whose root fields are *fed* by known parts."""
    fragments = {one.name.value: one for one in document.definitions if isinstance(one, FragmentDefinitionNode)}
    names = set(_root_names(node.selection_set, fragments))
    return node.operation.value == "query" and names - {"__typename"} <= fed


def _root_names(selections: SelectionSetNode, fragments: dict[str, FragmentDefinitionNode]) -> Iterator[str]:
    for one in selections.selections:
        if isinstance(one, FieldNode):
            yield one.name.value
        elif isinstance(one, FragmentSpreadNode):
            yield from _root_names(fragments[one.name.value].selection_set, fragments)
        else:
            yield from _root_names(one.selection_set, fragments)  # type: ignore[attr-defined]  # an inline fragment


def keeping(operation: Operation) -> tuple[int, bool]:
    """Return for how many whole seconds the answer to *operation* may be kept, and whether only by one user."""
    return int(operation.max_age or 0), operation.private
