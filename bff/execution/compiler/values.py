"""Leaf values: what each scalar and enum accepts at once, and what needs a closer look."""

from collections.abc import Callable, Hashable, Mapping
from enum import Enum
from types import GeneratorType
from typing import Any, Final

from graphql import (
    GraphQLBoolean,
    GraphQLEnumType,
    GraphQLFloat,
    GraphQLID,
    GraphQLInt,
    GraphQLLeafType,
    GraphQLString,
)
from graphql.pyutils import Undefined


class _Bad:
    def __repr__(self) -> str:
        return "BAD"


BAD: Final = _Bad()
"""What a quick coercion returns for a value that has to be looked at one by one."""

INLINE: Final[dict[GraphQLLeafType, str]] = {
    GraphQLString: "type({0}) is str",
    GraphQLID: "type({0}) is str",
    GraphQLBoolean: "type({0}) is bool",
    GraphQLInt: "type({0}) is int and -2147483648 <= {0} <= 2147483647",
    GraphQLFloat: "type({0}) is float and -INF < {0} < INF",
}
"""Python expressions that hold for values of built-in scalars which go into the result as they are."""


class PlainTypes(dict[type, bool]):
    """Whether values of a type are neither awaitable, callable, an exception nor Undefined; asked once per type.

    Attributes:
        known: Types that are, so that many can be compared at once.
    """

    LIMIT = 4096

    def __init__(self) -> None:
        self.known: set[type] = set()

    def __missing__(self, kind: type) -> bool:
        names = ("__await__", "__aiter__", "__call__")
        plain = not (
            issubclass(kind, (BaseException, GeneratorType, type(Undefined)))
            or any(name in base.__dict__ for base in kind.__mro__ for name in names)
        )
        if len(self) >= self.LIMIT:
            self.clear()
            self.known.clear()
        self[kind] = plain
        if plain:
            self.known.add(kind)
        return plain

    def all(self, kinds: set[type]) -> bool:
        """Tell whether all of *kinds* are plain."""
        return kinds <= self.known or all(map(self.__getitem__, kinds))


class ObjectTypes:
    """Knows types whose values are no mappings."""

    def __init__(self) -> None:
        self._known: set[type] = set()

    def all(self, kinds: set[type]) -> bool:
        """Tell whether none of *kinds* is a mapping."""
        if kinds <= self._known:
            return True
        if any(issubclass(kind, Mapping) for kind in kinds):
            return False
        if len(self._known) >= PlainTypes.LIMIT:
            self._known.clear()
        self._known |= kinds
        return True


def quick_leaf(leaf: GraphQLLeafType, plain: PlainTypes, *, nonnull: bool) -> Callable[[Any], Any]:
    """Return a function that coerces a plain value to *leaf* and returns `BAD` where anything is unusual."""
    coerce = leaf.coerce_output_value
    absent: Any = BAD if nonnull else None

    def quick(value: Any) -> Any:
        if value is None:
            return absent
        if not plain[type(value)]:
            return BAD
        try:
            coerced = coerce(value)
        except Exception:  # noqa: BLE001 - it is raised again where its position is known
            return BAD
        return BAD if coerced is None or coerced is Undefined else coerced

    return quick


def quick_list(item: Callable[[Any], Any], as_they_are: type | None, *, nonnull: bool) -> Callable[[Any], Any]:
    """Return a function that coerces a list or tuple with *item*, and returns `BAD` where anything is unusual.

    Args:
        item: Coerces one item, or returns `BAD`.
        as_they_are: Items of exactly this type need no coercion.
        nonnull: Whether the list itself may not be None.
    """
    absent: Any = BAD if nonnull else None

    def quick(value: Any) -> Any:
        if value is None:
            return absent
        if type(value) not in {list, tuple}:
            return BAD
        if as_they_are is not None and set(map(type, value)) <= {as_they_are}:
            return list(value)
        coerced = [item(one) for one in value]
        return BAD if any(one is BAD for one in coerced) else coerced

    return quick


def enum_names(leaf: GraphQLEnumType, *, nonnull: bool) -> dict[Hashable, str | None]:
    """Return the names of *leaf* by the values that stand for them, hashable ones only; None is its own name."""
    names: dict[Hashable, str | None] = {}
    wrapped = getattr(leaf, "wrapped_cls", ())
    members = list(wrapped) if isinstance(wrapped, type) and issubclass(wrapped, Enum) else []
    for value in [*(one.value for one in leaf.values.values()), *members]:
        try:
            names[value] = leaf.coerce_output_value(value)
        except Exception:  # noqa: BLE001, S112 - such a value is coerced one by one
            continue
    names.pop(None, None)
    if not nonnull:
        names[None] = None
    return names
