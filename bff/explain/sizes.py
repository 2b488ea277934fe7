"""How long lists are assumed to be, and how many keys an endpoint is asked for."""

from collections.abc import Mapping
from typing import Any

from graphql import GraphQLField, is_list_type, is_non_null_type

from bff.execution.cost.weights import Slicing


class Sizes:
    """Sizes by response path, such as `me.orders.edges`, and keys by endpoint, such as `catalog.dishes`.

    Args:
        given: What the reader knows; everything else is taken from arguments or `default`.
        default: Items of a list that says nothing.

    Attributes:
        unused: Names in `given` that nothing asked for so far.
        assumed: What was assumed: items by path.
    """

    def __init__(self, given: Mapping[str, float], default: int) -> None:
        self._given = given
        self._default = default
        self.unused = set(given)
        self.assumed: dict[str, float] = {}

    def of_list(self, path: str, said: int | None) -> float:
        """Return how many items the list at *path* has for each parent; *said* is what an argument says."""
        known = self._look(path)
        if known is not None:
            return known
        size = float(self._default if said is None else said)
        self.assumed[path] = size
        return size

    def of_keys(self, endpoint: str) -> float | None:
        """Return how many different keys *endpoint* is asked for; None where that is not known."""
        return self._look(endpoint)

    def _look(self, name: str) -> float | None:
        self.unused.discard(name)
        return self._given.get(name)


def said_by(definition: GraphQLField, slicing: Slicing, arguments: Mapping[str, Any]) -> int | None:
    """Return how many items *arguments* or `@listSize` ask for, or a list of ids with one entry an item."""
    numbers = [arguments[name] for name in slicing.arguments if isinstance(arguments.get(name), int)]
    if numbers:
        return int(max(numbers))
    if slicing.assumed is not None:
        return slicing.assumed
    if not lists_in(definition.type):
        return None
    given = [value for value in arguments.values() if isinstance(value, list)]
    return len(given[0]) if len(given) == 1 else None


def lists_in(kind: Any) -> int:
    """Return how many lists lie around the innermost type of *kind*."""
    found = 0
    while is_non_null_type(kind) or is_list_type(kind):
        found += is_list_type(kind)
        kind = kind.of_type
    return found
