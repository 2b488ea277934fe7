"""Rows of many equal objects at once: a column of values for each leaf, checked as a whole.

Looking at each value by itself costs several instructions of Python. Of a column, the built-in functions tell in C
whether all its values go into the result as they are; where they do not, the objects are looked at one by one.
"""

from collections.abc import Callable, Sequence
from inspect import getattr_static
from math import isfinite
from operator import attrgetter, itemgetter
from types import MemberDescriptorType, NoneType
from typing import Any, Final

from graphql import GraphQLBoolean, GraphQLFloat, GraphQLID, GraphQLInt, GraphQLLeafType, GraphQLString

FEWEST: Final = 8
"""Objects for which columns are worth their set-up."""

_MOST_KINDS: Final = 1000
_SMALLEST, _LARGEST = -(2**31), 2**31 - 1

Column = list[Any]
_Check = Callable[[Column, bool], bool]
"""Tells whether a column can be used as it is, with None in it or without."""


def _all_of(kind: type) -> _Check:
    without, with_none = frozenset({kind}), frozenset({kind, NoneType})

    def check(column: Column, nullable: bool) -> bool:  # noqa: FBT001 - by position, it is called for each column
        return (with_none if nullable else without).issuperset(map(type, column))

    return check


def _bounded(check: _Check, within: Callable[[Column], bool]) -> _Check:
    def bounded(column: Column, nullable: bool) -> bool:  # noqa: FBT001 - as above
        if not check(column, nullable):
            return False
        return within([value for value in column if value is not None] if nullable else column)

    return bounded


def _fits(column: Column) -> bool:
    return not column or (min(column) >= _SMALLEST and max(column) <= _LARGEST)


def _finite(column: Column) -> bool:
    return all(map(isfinite, column))


_texts = _all_of(str)
CHECKS: Final[dict[GraphQLLeafType, _Check]] = {
    GraphQLString: _texts,
    GraphQLID: _texts,
    GraphQLBoolean: _all_of(bool),
    GraphQLInt: _bounded(_all_of(int), _fits),
    GraphQLFloat: _bounded(_all_of(float), _finite),
}
"""What each built-in scalar takes as it is."""


class Columns:
    """Reads the leaves of many objects at once.

    Args:
        leaves: Of each field that is read: its name in the objects, its type, and whether it may not be None.
        members: Whether the objects may be dicts, of which the fields are members.
    """

    def __init__(self, leaves: Sequence[tuple[str, GraphQLLeafType, bool]], *, members: bool) -> None:
        self._members = members
        self._names = [name for name, _, _ in leaves]
        self._checks = [(CHECKS[leaf], not nonnull) for _, leaf, nonnull in leaves]
        self._of_objects = [attrgetter(name) for name in self._names]
        self._of_dicts = [itemgetter(name) for name in self._names]
        self._plain: set[type] = set()

    def of(self, sources: Sequence[Any]) -> list[Column] | None:
        """Return the columns of *sources*; None where they have to be looked at one by one.

        Nothing is read that could tell how often it is read.
        """
        kinds = set(map(type, sources))
        if len(sources) < FEWEST or len(kinds) != 1:
            return None
        [kind] = kinds
        if kind is dict:
            getters: Sequence[Callable[[Any], Any]] = self._of_dicts if self._members else []
        else:
            getters = self._of_objects if kind in self._plain or self._learn(kind) else []
        if not getters:
            return None
        try:
            columns = [list(map(get, sources)) for get in getters]
        except Exception:  # noqa: BLE001 - it is raised again for the field that it belongs to
            return None
        for column, (check, nullable) in zip(columns, self._checks, strict=True):
            if not check(column, nullable):
                return None
        return columns

    def _learn(self, kind: type) -> bool:
        if (
            issubclass(kind, dict)
            or kind.__getattribute__ is not object.__getattribute__
            or hasattr(kind, "__getattr__")
        ):
            return False
        if not all(_is_stored(getattr_static(kind, name, None)) for name in self._names):
            return False
        if len(self._plain) >= _MOST_KINDS:
            self._plain.clear()
        self._plain.add(kind)
        return True


def _is_stored(attribute: Any) -> bool:
    """Return whether reading *attribute* of a class from an object runs none of the object's code."""
    return isinstance(attribute, MemberDescriptorType) or not hasattr(type(attribute), "__get__")
