"""The operation that is to be planned, and the variables on which its shape depends."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import FragmentDefinitionNode, GraphQLSchema, OperationDefinitionNode, VariableNode
from graphql.execution.collect_fields import FragmentDetails
from graphql.language import Visitor, visit


class Unsupported(Exception):
    """The operation is left to graphql-core's own executor."""


@dataclass(frozen=True, slots=True)
class Request:
    """An operation and what it refers to."""

    schema: GraphQLSchema
    operation: OperationDefinitionNode
    fragments: dict[str, FragmentDetails]


def request_of(
    schema: GraphQLSchema, operation: OperationDefinitionNode, fragments: dict[str, FragmentDefinitionNode]
) -> tuple[Request, tuple[str, ...]]:
    """Return *operation* with its *fragments*, and the variables on which its shape depends.

    Raises:
        Unsupported: It uses `@defer`, `@stream` or variables of fragments.
    """
    if any(fragment.variable_definitions for fragment in fragments.values()):
        raise Unsupported("variables of fragments")
    finder = _ConditionFinder()
    for node in (operation, *fragments.values()):
        visit(node, finder)
    details = {name: FragmentDetails(fragment) for name, fragment in fragments.items()}
    return Request(schema, operation, details), tuple(sorted(finder.names))


class _ConditionFinder(Visitor):
    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def enter_directive(self, node: Any, *_: Any) -> None:
        name = node.name.value
        if name in {"defer", "stream"}:
            raise Unsupported(f"@{name}")
        if name in {"skip", "include"}:
            self.names.update(variables_in(node.arguments or ()))


def variables_in(nodes: Sequence[Any]) -> set[str]:
    """Return the names of the variables in the values of *nodes*."""
    return {name for node in nodes for name in _walk(node.value)}


def _walk(value: Any) -> Iterator[str]:
    if isinstance(value, VariableNode):
        yield value.name.value
    for inner in getattr(value, "values", None) or ():
        yield from _walk(inner)
    for inner in getattr(value, "fields", None) or ():
        yield from _walk(inner.value)
