"""Remembers what may be used once (DP-1)."""

from collections import OrderedDict
from typing import Final, Protocol

from bff.clock import Clock
from bff.store import Store, StoreUnavailable

REMEMBERED: Final = 120.0
"""Seconds; longer than any proof is accepted."""
_MOST: Final = 200_000


class Replays(Protocol):
    """Tells first uses from later ones."""

    async def first(self, name: str) -> bool:
        """Return whether *name* was not used within `REMEMBERED`, and use it.

        Raises:
            StoreUnavailable: Nobody can say.
        """


class LocalReplays:
    """Remembers in this process, in the order of use.

    Args:
        clock: Tells when names lapse.
        most: Names remembered at most; nobody can say about one more.
    """

    def __init__(self, clock: Clock, *, most: int = _MOST) -> None:
        self._clock = clock
        self._most = most
        self._used: OrderedDict[str, float] = OrderedDict()

    async def first(self, name: str) -> bool:
        """Return whether *name* was not used before."""
        now = self._clock.now()
        while self._used and next(iter(self._used.values())) <= now:
            self._used.popitem(last=False)
        if name in self._used:
            return False
        if len(self._used) >= self._most:
            raise StoreUnavailable("too many proofs to remember")
        self._used[name] = now + REMEMBERED
        return True


class SharedReplays:
    """Remembers in what replicas share."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def first(self, name: str) -> bool:
        """Return whether *name* was not used before, here or elsewhere."""
        return await self._store.acquire(f"proof:{name}", REMEMBERED) is not None
