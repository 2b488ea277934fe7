"""The store of a single process."""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from itertools import count

from bff.clock import Clock
from bff.store import Listener

MAX_ENTRIES = 10_000
MAX_BYTES = 256 * 1024 * 1024
_OVERHEAD = 200
"""Bytes that a small entry takes besides its key and value, measured."""


class MemoryStore:
    """Keeps everything in this process; what was longest unused makes room (CA-11).

    Args:
        clock: Tells when things lapse.
        max_entries: Most values kept.
        max_bytes: Most bytes kept, by estimate.
    """

    shared = False

    def __init__(self, clock: Clock, *, max_entries: int = MAX_ENTRIES, max_bytes: int = MAX_BYTES) -> None:
        self._clock = clock
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._values: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._bytes = 0
        self._counters: OrderedDict[str, tuple[int, float]] = OrderedDict()
        self._leases: dict[str, tuple[str, float]] = {}
        self._generations: dict[str, int] = {}
        self._oldest = 0
        self._listeners: list[Listener] = []
        self._serial = count(1)

    async def get(self, keys: Sequence[str]) -> dict[str, bytes | None]:
        """Return the value of each of *keys*, None where there is none."""
        return {key: self._get(key) for key in keys}

    def _get(self, key: str) -> bytes | None:
        found = self._values.get(key)
        if found is None:
            return None
        if found[1] <= self._clock.now():
            self._drop(key)
            return None
        self._values.move_to_end(key)
        return found[0]

    async def set(self, values: Mapping[str, bytes], ttl: float) -> None:
        """Keep *values* for *ttl* seconds."""
        until = self._clock.now() + ttl
        for key, value in values.items():
            self._drop(key)
            self._values[key] = (value, until)
            self._bytes += _size(key, value)
        while self._values and (len(self._values) > self._max_entries or self._bytes > self._max_bytes):
            self._drop(next(iter(self._values)))

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget *keys*."""
        for key in keys:
            self._drop(key)

    def _drop(self, key: str) -> None:
        found = self._values.pop(key, None)
        if found is not None:
            self._bytes -= _size(key, found[0])

    async def add(self, key: str, amount: int, ttl: float) -> int:
        """Add *amount* to a counter and return its value."""
        now = self._clock.now()
        value, until = self._counters.pop(key, (0, 0.0))
        if until <= now:
            value, until = 0, now + ttl
        self._counters[key] = (value + amount, until)
        while len(self._counters) > self._max_entries:
            self._counters.popitem(last=False)
        return value + amount

    async def acquire(self, key: str, ttl: float) -> str | None:
        """Take the lease *key*; None when somebody has it."""
        now = self._clock.now()
        held = self._leases.get(key)
        if held is not None and held[1] > now:
            return None
        if len(self._leases) > self._max_entries:
            self._leases = {name: lease for name, lease in self._leases.items() if lease[1] > now}
        token = str(next(self._serial))
        self._leases[key] = (token, now + ttl)
        return token

    async def release(self, key: str, token: str) -> None:
        """Give the lease back, if it is still the one of *token*."""
        held = self._leases.get(key)
        if held is not None and held[0] == token:
            del self._leases[key]

    async def acquire_all(self, keys: Sequence[str], ttl: float) -> dict[str, str | None]:
        """Take each of the leases *keys* that nobody has."""
        return {key: await self.acquire(key, ttl) for key in keys}

    async def release_all(self, tokens: Mapping[str, str]) -> None:
        """Give back the leases that are still those of *tokens*."""
        for key, token in tokens.items():
            await self.release(key, token)

    async def generations(self, tags: Sequence[str]) -> dict[str, int]:
        """Return the generation of each of *tags*."""
        known, otherwise = self._generations, self._oldest
        return {tag: known.get(tag, otherwise) for tag in tags}

    async def forget(self, tags: Sequence[str]) -> None:
        """Give *tags* new generations."""
        if len(self._generations) > self._max_entries * 10:
            self._generations.clear()
            self._oldest = next(self._serial)
            for listener in self._listeners:
                listener.uncertain()
        for tag in tags:
            self._generations[tag] = next(self._serial)
        for listener in self._listeners:
            listener.forgotten(tags)

    def listen(self, listener: Listener) -> None:
        """Tell *listener* what is forgotten."""
        self._listeners.append(listener)

    async def hint(self, hint: tuple[str, str]) -> None:
        """Do nothing: there is nobody to tell."""

    def listen_hints(self, hear: Callable[[tuple[str, str]], None]) -> None:
        """Do nothing: there is nobody to hear of."""

    def start(self) -> None:
        """Do nothing: there is nobody to hear of."""

    def silent_for(self) -> float:
        """Return 0: there is nobody else."""
        return 0.0

    async def stats(self) -> dict[str, int | str]:
        """Return how much is kept."""
        return {"kind": "memory", "entries": len(self._values), "bytes": self._bytes}

    async def close(self) -> None:
        """Forget everything."""
        self._values.clear()
        self._bytes = 0


def _size(key: str, value: bytes) -> int:
    return len(key) + len(value) + _OVERHEAD
