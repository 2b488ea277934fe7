"""How many operations of one caller run at the same time (RL-20): in this process, or by leases in Redis."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol
from uuid import UUID

from bff.admission.shared import Scripts
from bff.store import StoreUnavailable

_ACQUIRE: Final = """
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('ZREMRANGEBYSCORE', KEYS[1], '-inf', now)
local running = redis.call('ZCARD', KEYS[1])
if running >= ARGV[1] + 0 and ARGV[4] == '1' then return -1 end
redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[3])
redis.call('PEXPIRE', KEYS[1], ARGV[2])
return running
"""
"""KEYS: the caller. ARGV: how many may run; milliseconds after which a lease lapses; its name; 1 where refused.
Answer: how many were running before, -1 when refused."""

_RELEASE: Final = "return redis.call('ZREM', KEYS[1], ARGV[1])"

Leave = Callable[[], None]
"""Gives a place back."""


class Places(Protocol):
    """Hands out places."""

    def take(
        self, key: str, most: int, *, enforced: bool
    ) -> tuple[Leave | None, bool] | Awaitable[tuple[Leave | None, bool]]:
        """Return what gives the place back, None where there is none, and whether *most* were taken already.

        Args:
            key: Whose place.
            most: How many there are.
            enforced: Whether there are no more than that.
        """


class LocalPlaces:
    """Places in this process."""

    def __init__(self) -> None:
        self._taken: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(self._taken.values())

    def take(self, key: str, most: int, *, enforced: bool) -> tuple[Leave | None, bool]:
        """Return what gives the place back, and whether *most* were taken already."""
        taken = self._taken.get(key, 0)
        full = taken >= most
        if full and enforced:
            return None, True
        self._taken[key] = taken + 1
        return lambda: self._leave(key), full

    def _leave(self, key: str) -> None:
        left = self._taken[key] - 1
        if left:
            self._taken[key] = left
        else:
            del self._taken[key]


class SharedPlaces:
    """Places among all processes: leases that lapse, so that those of a process which died come back.

    Args:
        store: Where leases are.
        alone: Hands out places while the store is away.
        lease: Seconds after which a place comes back whatever happened: the longest operation, and a second.
        share: Processes among which places are divided while the store is away.
        new_id: Names leases.
    """

    def __init__(
        self, store: Scripts, alone: LocalPlaces, *, lease: float, share: int, new_id: Callable[[], UUID | str]
    ) -> None:
        self._store = store
        self._alone = alone
        self._lease = int(lease * 1000)
        self._share = share
        self._new_id = new_id
        self._leaving: set[asyncio.Task[None]] = set()

    async def take(self, key: str, most: int, *, enforced: bool) -> tuple[Leave | None, bool]:
        """Return what gives the place back, and whether *most* were taken already."""
        name = str(self._new_id())
        try:
            running = await self._store.evaluate(_ACQUIRE, [key], [most, self._lease, name, int(enforced)])
        except StoreUnavailable:
            return self._alone.take(key, max(1, most // self._share), enforced=enforced)
        if running < 0:
            return None, True
        return lambda: self._leave(key, name), running >= most

    def _leave(self, key: str, name: str) -> None:
        task = asyncio.create_task(self._give_back(key, name), name="place given back")
        self._leaving.add(task)
        task.add_done_callback(self._leaving.discard)

    async def _give_back(self, key: str, name: str) -> None:
        try:
            await self._store.evaluate(_RELEASE, [key], [name])
        except StoreUnavailable:
            return  # the lease lapses

    async def close(self) -> None:
        """Wait for places that are being given back."""
        if self._leaving:
            await asyncio.wait(self._leaving)
