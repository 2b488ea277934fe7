"""Rows of many equal objects at once: a column of values for each leaf, checked as a whole.

Looking at each value by itself costs several instructions of Python. Of a column, the built-in functions tell in C
whether all its values go into the result as they are; where they do not, the objects are looked at one by one.
"""

from collections.abc import Callable, Sequence
from inspect import getattr_static
from itertools import chain
from math import isfinite
from operator import attrgetter, itemgetter, methodcaller
from types import MemberDescriptorType, NoneType
from typing import Any, Final, NamedTuple

from graphql import GraphQLBoolean, GraphQLFloat, GraphQLID, GraphQLInt, GraphQLLeafType, GraphQLString

FEWEST: Final = 8
"""Objects for which columns are worth their set-up."""

_MOST_KINDS: Final = 1000
_SMALLEST, _LARGEST = -(2**31), 2**31 - 1

Values = Sequence[tuple[Any, ...]]
"""For each object the values of its leaves."""


class _Check(NamedTuple):
    """What a built-in scalar takes as it is."""

    kind: type
    within: Callable[[list[Any]], bool] | None = None


def _fits(values: list[Any]) -> bool:
    return bool(min(values) >= _SMALLEST and max(values) <= _LARGEST)


def _finite(values: list[Any]) -> bool:
    return all(map(isfinite, values))


CHECKS: Final[dict[GraphQLLeafType, _Check]] = {
    GraphQLString: _Check(str),
    GraphQLID: _Check(str),
    GraphQLBoolean: _Check(bool),
    GraphQLInt: _Check(int, _fits),
    GraphQLFloat: _Check(float, _finite),
}
"""What each built-in scalar takes as it is."""


class _Alike(NamedTuple):
    """Columns that are checked together.

    Attributes:
        pick: Takes them out of all columns.
        kinds: What their values may be of.
        within: Tells whether values of that kind, of which there is one at least, can be used.
    """

    pick: Callable[[Any], Sequence[Sequence[Any]]]
    kinds: frozenset[type]
    within: Callable[[list[Any]], bool] | None

    def fit(self, columns: tuple[Any, ...]) -> bool:
        """Tell whether the values of these columns can be used as they are."""
        values = list(chain.from_iterable(self.pick(columns)))
        kinds = set(map(type, values))
        if not kinds <= self.kinds:
            return False
        if self.within is None:
            return True
        if NoneType in kinds:
            values = [value for value in values if value is not None]
        return not values or self.within(values)


class Columns:
    """Reads the leaves of many objects at once.

    Args:
        leaves: Of each field that is read: its name in the objects, its type, and whether it may not be None.
        members: Whether the objects may be dicts, of which the fields are members.
    """

    def __init__(self, leaves: Sequence[tuple[str, GraphQLLeafType, bool]], *, members: bool) -> None:
        self._names = [name for name, _, _ in leaves]
        self._of_objects = attrgetter(*self._names)
        self._of_dicts = itemgetter(*self._names) if members else None
        self._alike = _grouped(leaves)
        self._plain: set[type] = set()

    def of(self, sources: Sequence[Any], kinds: set[type]) -> Values | None:
        """Return the values of *sources*, objects of *kinds*; None where they have to be looked at one by one.

        Nothing is read that could tell how often it is read.
        """
        if len(kinds) != 1:
            return None
        [kind] = kinds
        if kind is dict:
            get: Callable[[Any], Any] | None = self._of_dicts
        else:
            get = self._of_objects if kind in self._plain or self._learn(kind) else None
        if get is None:
            return None
        try:
            rows = list(map(get, sources))
        except Exception:  # noqa: BLE001 - it is raised again for the field that it belongs to
            return None
        if len(self._names) == 1:
            rows = list(zip(rows, strict=True))
        columns = tuple(zip(*rows, strict=True))
        return rows if all(map(methodcaller("fit", columns), self._alike)) else None

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


def _grouped(leaves: Sequence[tuple[str, GraphQLLeafType, bool]]) -> list[_Alike]:
    places: dict[tuple[_Check, bool], list[int]] = {}
    for place, (_, leaf, nonnull) in enumerate(leaves):
        places.setdefault((CHECKS[leaf], nonnull), []).append(place)
    groups = []
    for (check, nonnull), found in places.items():
        pick: Any = itemgetter(*found) if len(found) > 1 else itemgetter(slice(found[0], found[0] + 1))
        groups.append(_Alike(pick, frozenset({check.kind} if nonnull else {check.kind, NoneType}), check.within))
    return groups


def _is_stored(attribute: Any) -> bool:
    """Return whether reading *attribute* of a class from an object runs none of the object's code."""
    return isinstance(attribute, MemberDescriptorType) or not hasattr(type(attribute), "__get__")
