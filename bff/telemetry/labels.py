"""Keeps the values of a label few (lesson 24: names come from clients, and clients can invent any number)."""

from collections.abc import Callable, Iterable
from pathlib import Path

from graphql import GraphQLError, OperationDefinitionNode, parse

OTHER = "other"
"""Stands for every value beyond the limit."""

NONE = ""
"""Stands for an operation without a name."""


class Capped:
    """Label values: those known beforehand, and the first *most* others.

    Args:
        known: Values that always stand for themselves, such as names of registered operations.
        most: How many others do.
        overflowed: Told each time that `other` is returned.
    """

    def __init__(self, known: Iterable[str], most: int, overflowed: Callable[[], None]) -> None:
        self._values = set(known)
        self._room = most
        self._overflowed = overflowed

    def know(self, values: Iterable[str]) -> None:
        """Let *values* stand for themselves, too."""
        self._values.update(values)

    def knows(self, value: str | None) -> bool:
        """Return whether *value* stands for itself, now and always."""
        return not value or value in self._values

    def of(self, value: str | None) -> str:
        """Return what stands for *value*."""
        if not value:
            return NONE
        if value in self._values:
            return value
        if self._room > 0:
            self._room -= 1
            self._values.add(value)
            return value
        self._overflowed()
        return OTHER


def names_in(folder: Path) -> set[str]:
    """Return the names of the operations in the `.graphql` files of *folder*; what is no GraphQL has none."""
    found = set()
    for file in folder.glob("*.graphql"):
        try:
            definitions = parse(file.read_text("utf-8")).definitions
        except GraphQLError:
            continue
        operations = [node for node in definitions if isinstance(node, OperationDefinitionNode)]
        found |= {node.name.value for node in operations if node.name}
    return found
