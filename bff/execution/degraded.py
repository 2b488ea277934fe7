"""Which of many parents a stale or default value went to."""

from collections.abc import Mapping, Sequence
from typing import Any

from bff.context import Noted
from bff.upstream.message import Note

_DEEPEST = 3
_SHARED_BY_CHANCE = (bool, int, float, str, bytes, type(None))
"""Types whose equal values are often one object, so that identity proves nothing."""


class Degraded:
    """One parent's value with what there is to say about it, on its way through a loader."""

    __slots__ = ("notes", "value")

    def __init__(self, value: Any, notes: list[Note]) -> None:
        self.value = value
        self.notes = notes


def with_notes(values: Any, noted: Sequence[Noted]) -> Any:
    """Return *values*, one for each parent, those that hold noted ones as `Degraded`.

    A noted value belongs to the parent at its own place where the resolver asked one key for each parent; else to
    every parent whose value holds it; and to all of them where it is nowhere to be seen, because the resolver made
    something else of it.
    """
    if not isinstance(values, Sequence):
        return values
    notes: list[dict[Note, None]] = [{} for _ in values]
    for one in noted:
        for place in _places(values, one):
            notes[place][one.note] = None
    return [
        Degraded(value, list(own)) if own and not isinstance(value, Exception) else value
        for value, own in zip(values, notes, strict=True)
    ]


def _places(values: Sequence[Any], noted: Noted) -> Sequence[int]:
    if noted.of == len(values) and values[noted.place] is noted.value:
        return (noted.place,)
    if not isinstance(noted.value, _SHARED_BY_CHANCE):
        found = [place for place, value in enumerate(values) if _holds(value, noted.value, _DEEPEST)]
        if found:
            return found
    return range(len(values))


def _holds(value: Any, wanted: Any, depth: int) -> bool:
    if value is wanted:
        return True
    if depth == 0:
        return False
    if isinstance(value, list | tuple):
        return any(_holds(item, wanted, depth - 1) for item in value)
    return isinstance(value, Mapping) and any(_holds(item, wanted, depth - 1) for item in value.values())
