"""What else may stand for a field's resolver: a function for many parents, or the one behind the resolver."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLField
from graphql.pyutils import Path

PathOf = Callable[[int], Path]
"""Tells where the field of parent number n stands in the response."""

BatchResolve = Callable[[list[Any], Any, dict[str, Any], PathOf], Awaitable[Sequence[Any]]]
"""Resolves a field for many parents: `(parents, info of the first, arguments, path_of)` to values or errors."""

BatchOf = Callable[[GraphQLField], BatchResolve | None]
"""Tells the batch form of a field, None where it has none."""


@dataclass(frozen=True, slots=True, eq=False)
class Direct:
    """The function behind a resolver, where nothing that is wrapped around it has anything to do.

    Attributes:
        call: Takes the parent, or all parents of a wave where it is `batched`; returns what the resolver would, or
            an awaitable of one value or error for each parent. A coroutine is awaited, whatever a predicate says.
        asks: Whether it takes a second argument, the `Position` of the parent or the wave.
        batched: Whether it is called once for all parents.
    """

    call: Callable[..., Any]
    asks: bool = False
    batched: bool = False


DirectOf = Callable[[GraphQLField], Direct | None]
"""Tells the function behind a field's resolver, None where the resolver is called itself."""


def no_direct(_: GraphQLField) -> None:
    """Tell nothing: all resolvers are called."""
