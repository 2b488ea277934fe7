"""The tier inside the process: entries as objects, ready to use."""

from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass

from bff.upstream.cache.entry import Entry, VarySpec


@dataclass(slots=True)
class Slot:
    """One kept thing; it came here at `since` and is of no use from `until` on."""

    value: Entry | VarySpec
    since: float
    until: float
    size: int


class Local:
    """Least recently used first out, within a number of entries and bytes (CA-11)."""

    def __init__(self, max_entries: int, max_bytes: int) -> None:
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._slots: OrderedDict[str, Slot] = OrderedDict()
        self.bytes = 0
        self.evicted = 0

    def __len__(self) -> int:
        return len(self._slots)

    def __iter__(self) -> Iterator[tuple[str, Slot]]:
        return iter(list(self._slots.items()))

    def get(self, key: str, now: float) -> Slot | None:
        """Return what is kept under *key*, None when nothing is, or nothing of use any more."""
        slot = self._slots.get(key)
        if slot is None:
            return None
        if slot.until <= now:
            self.drop(key)
            return None
        self._slots.move_to_end(key)
        return slot

    def put(self, key: str, value: Entry | VarySpec, now: float, until: float) -> None:
        """Keep *value*; what was longest unused makes room."""
        self.drop(key)
        slot = Slot(value, now, until, value.size + len(key))
        self._slots[key] = slot
        self.bytes += slot.size
        while self._slots and (len(self._slots) > self._max_entries or self.bytes > self._max_bytes):
            self.drop(next(iter(self._slots)))
            self.evicted += 1

    def drop(self, key: str) -> None:
        """Forget *key*."""
        slot = self._slots.pop(key, None)
        if slot is not None:
            self.bytes -= slot.size

    def clear(self) -> None:
        """Forget everything."""
        self._slots.clear()
        self.bytes = 0
