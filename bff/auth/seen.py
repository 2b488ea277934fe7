"""Remembers tokens that were good, so that the next request with one costs a hash (AU-10)."""

from collections import OrderedDict
from dataclasses import dataclass

from bff.auth.keys import Key
from bff.context import Principal


@dataclass(slots=True)
class _Entry:
    principal: Principal
    key: Key | None
    until: float


class Seen:
    """Principals by the SHA-256 of what proved them; what was longest unused makes room.

    Args:
        max_entries: Most that are remembered; 0 remembers nothing.
        longest: Seconds after which a token is verified again in any case.
    """

    def __init__(self, max_entries: int, longest: float = 60.0) -> None:
        self._max_entries = max_entries
        self._longest = longest
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()

    def __len__(self) -> int:
        return len(self._entries)

    def get(self, digest: bytes, now: float) -> Principal | None:
        """Return who was proved, unless that has lapsed or its key is gone; *now* in seconds since the epoch."""
        entry = self._entries.get(digest)
        if entry is None:
            return None
        if now < entry.until and (entry.key is None or entry.key.alive):
            self._entries.move_to_end(digest)
            return entry.principal
        del self._entries[digest]
        return None

    def put(self, digest: bytes, principal: Principal, key: Key | None, now: float) -> None:
        """Remember *principal* for as long as it does not expire, a minute at most."""
        until = now + self._longest
        if principal.expires is not None:
            until = min(until, principal.expires)
        if until <= now or not self._max_entries:
            return
        self._entries[digest] = _Entry(principal, key, until)
        while len(self._entries) > self._max_entries:
            self._entries.popitem(last=False)
