"""Rows of many equal objects, made in one go.

The generated loop reads, checks and writes each value by instructions of Python. For a class whose attributes are
plainly stored, msgspec does the same in C, in about the same time and without an instruction for each value: it
makes the objects into a type that allows exactly what goes into the result as it is, and that into dicts.
"""

from collections.abc import Mapping, Sequence
from inspect import getattr_static
from itertools import repeat
from keyword import iskeyword
from operator import setitem
from types import MemberDescriptorType
from typing import Annotated, Any, Final, NamedTuple

from graphql import GraphQLBoolean, GraphQLFloat, GraphQLID, GraphQLInt, GraphQLLeafType, GraphQLString
from msgspec import Meta, convert, defstruct, to_builtins

FEWEST: Final = 8
"""Objects for which a projection is worth its set-up."""

_MOST_KINDS: Final = 1000
_EXACT: Final = 2**53

ALLOWED: Final[dict[GraphQLLeafType, Any]] = {
    GraphQLString: str,
    GraphQLID: str,
    GraphQLBoolean: bool,
    GraphQLInt: Annotated[int, Meta(ge=-(2**31), le=2**31 - 1)],
    GraphQLFloat: Annotated[float, Meta(gt=-_EXACT, lt=_EXACT)],  # a whole number may stand in, where it is exact
}
"""What of each built-in scalar is the same in the result as graphql-core makes of it."""


class Leaf(NamedTuple):
    """A field that is read from its parent: its key in the row, its attribute, its type, if it has no null."""

    key: str
    name: str
    type: GraphQLLeafType
    nonnull: bool


class Projection:
    """Makes rows of objects.

    Args:
        leaves: What is read.
        rest: What stands after it in each row.
    """

    def __init__(self, leaves: Sequence[Leaf], rest: Sequence[tuple[str, Any]]) -> None:
        self._leaves = leaves
        self._rest = rest
        self._plain: set[type] = set()
        self._odd: set[type] = set()
        self._wanted: type | None = None

    @staticmethod
    def takes(leaves: Sequence[Leaf]) -> bool:
        """Tell whether *leaves* can be projected: built-in scalars, each read from another attribute."""
        names = {leaf.name for leaf in leaves}
        return len(names) == len(leaves) > 0 and all(
            leaf.type in ALLOWED
            and leaf.name.isidentifier()
            and not leaf.name.startswith("__")
            and not iskeyword(leaf.name)
            for leaf in leaves
        )

    def rows(self, sources: list[Any], kinds: set[type]) -> list[dict[str, Any]] | None:
        """Return the rows of *sources*, which are of *kinds*; None where they have to be looked at one by one.

        Nothing is read that could tell how often it is read. A class of which an object did not fit is left to the
        loop from then on.
        """
        if len(kinds) != 1:
            return None
        [kind] = kinds
        if kind not in self._plain and not self._learn(kind):
            return None
        try:
            found: Any = convert({"rows": sources}, self._wanted or self._want(), from_attributes=True)
            rows: list[dict[str, Any]] = to_builtins(found)["rows"]
        except Exception:  # noqa: BLE001 - it is raised again for the field that it belongs to
            self._plain.discard(kind)
            self._odd.add(kind)
            return None
        for key, value in self._rest:
            any(map(setitem, rows, repeat(key), repeat(value)))  # `setitem` returns None, so it goes to the end
        return rows

    def _want(self) -> type:
        """Return the type whose `rows` are what goes into the result; it is made when it is needed first."""
        fields = [
            (leaf.name, ALLOWED[leaf.type] if leaf.nonnull else ALLOWED[leaf.type] | None) for leaf in self._leaves
        ]
        row = defstruct("Row", fields, rename={leaf.name: leaf.key for leaf in self._leaves}, gc=False)
        self._wanted = defstruct("Rows", [("rows", list[row])])  # type: ignore[valid-type]  # made just now
        return self._wanted

    def _learn(self, kind: type) -> bool:
        if kind in self._odd or len(self._odd) >= _MOST_KINDS:
            return False
        if not _is_plain(kind, [leaf.name for leaf in self._leaves]):
            self._odd.add(kind)
            return False
        if len(self._plain) >= _MOST_KINDS:
            self._plain.clear()
        self._plain.add(kind)
        return True


def _is_plain(kind: type, names: Sequence[str]) -> bool:
    return (
        not issubclass(kind, Mapping)
        and kind.__getattribute__ is object.__getattribute__
        and not hasattr(kind, "__getattr__")
        and all(_is_stored(getattr_static(kind, name, None)) for name in names)
    )


def _is_stored(attribute: Any) -> bool:
    """Return whether reading *attribute* of a class from an object runs none of the object's code."""
    return isinstance(attribute, MemberDescriptorType) or not hasattr(type(attribute), "__get__")
