"""What outlives an operation: one small interface, in the process or in Redis.

`Store` is what replicas share: bytes by key, counters, leases, and generations of tags. `bff.store.memory` keeps
it in the process, `bff.store.redis_store` in Redis. Who uses a store decides what its failure means: for a cache,
an unreadable entry is absent and an unwritten one dropped. Nobody passes `StoreUnavailable` on to a client.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol


class StoreUnavailable(Exception):
    """The store did not answer in its time, or is being left alone.

    Attributes:
        waited: Whether that took time; a store that is left alone refuses at once.
    """

    def __init__(self, reason: str, *, waited: bool = True) -> None:
        super().__init__(reason)
        self.waited = waited


class Listener(Protocol):
    """Hears what other replicas have forgotten."""

    def forgotten(self, tags: Sequence[str]) -> None:
        """Drop what is known of *tags*."""

    def uncertain(self) -> None:
        """Drop everything: messages may have been lost (CA-18)."""


class Store(Protocol):
    """Shared state; times are in seconds.

    Every method but `close` and `listen` raises `StoreUnavailable` when the store does not answer in its time.

    Attributes:
        shared: Whether other processes see it too.
    """

    shared: bool

    async def get(self, keys: Sequence[str]) -> Mapping[str, bytes | None]:
        """Return the value of each of *keys*, None where there is none.

        Where a part of the store is away, what lies there is missing; nothing at all raises.
        """

    async def set(self, values: Mapping[str, bytes], ttl: float) -> None:
        """Keep *values* for *ttl* seconds."""

    async def delete(self, keys: Sequence[str]) -> None:
        """Forget *keys*."""

    async def add(self, key: str, amount: int, ttl: float) -> int:
        """Add *amount* to a counter and return its value; it begins at 0 and lapses *ttl* after its first use."""

    async def acquire(self, key: str, ttl: float) -> str | None:
        """Take the lease *key* for *ttl* seconds and return its token; None when somebody has it (CA-13)."""

    async def release(self, key: str, token: str) -> None:
        """Give the lease back, if it is still the one of *token*."""

    async def acquire_all(self, keys: Sequence[str], ttl: float) -> Mapping[str, str | None]:
        """Take each of the leases *keys* that nobody has, and return its token; None for those that somebody has.

        What lies in a part of the store that is away is missing.
        """

    async def release_all(self, tokens: Mapping[str, str]) -> None:
        """Give back the leases that are still those of *tokens*."""

    async def generations(self, tags: Sequence[str]) -> Mapping[str, int]:
        """Return the generation of each of *tags*; 0 for one that was never forgotten (CA-17).

        What lies in a part of the store that is away is missing.
        """

    async def forget(self, tags: Sequence[str]) -> None:
        """Give *tags* new generations, and tell the other replicas."""

    def listen(self, listener: Listener) -> None:
        """Tell *listener* what others forget, from now on."""

    async def hint(self, hint: tuple[str, str]) -> None:
        """Tell the other replicas that the breaker of an upstream's group has opened (CB-12)."""

    def listen_hints(self, hear: Callable[[tuple[str, str]], None]) -> None:
        """Pass on what others hint at, from now on."""

    def start(self) -> None:
        """Begin to hear of others; needs a running event loop."""

    def silent_for(self) -> float:
        """Return for how long nothing was heard of other replicas, in seconds; 0 where none need to be heard."""

    async def stats(self) -> dict[str, int | str]:
        """Return a few figures for people."""

    async def close(self) -> None:
        """End all connections and tasks."""


OpenStore = Callable[[], Store]
"""Makes a store."""
