"""Where entries are: in this process, and in a shared store behind it. A store that fails costs hits only."""

import asyncio
import math
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, NamedTuple

from bff.clock import Clock
from bff.policy.caching import StorePolicy
from bff.store import Store, StoreUnavailable
from bff.upstream.cache import envelope
from bff.upstream.cache.aftermath import Aftermath
from bff.upstream.cache.entry import Entry, VarySpec
from bff.upstream.cache.freshness import remaining
from bff.upstream.cache.generations import EPOCH, RECHECK, Generations
from bff.upstream.cache.keys import variant
from bff.upstream.cache.leases import Leases
from bff.upstream.cache.local import Local, Slot
from bff.upstream.cache.seal import Seal

MAX_VARIANTS = 32
"""Of one key (CA-4)."""

_SILENCE = 15.0
_SILENT_TRUST = 2.0
"""After so many seconds without a word from others, own copies are trusted for so many only (CA-18)."""
_QUEUE = 1000
_WRITTEN_AT_ONCE = 100
_VARY_LIFE = 90_000.0

Tier = Literal["local", "shared"]
_COUNT: Mapping[Tier, str] = {"local": "hits", "shared": "shared_hits"}


class Found(NamedTuple):
    """An entry and where it was."""

    entry: Entry
    tier: Tier


class EntryCache:
    """All entries of a process and, where the store is shared, of its siblings.

    Args:
        store: What replicas share.
        policy: How much is kept here and for how long it is trusted.
        clock: Tells when things grow old.
        seal: Closes what is one user's before it goes to the store; None for no encryption.
    """

    def __init__(self, store: Store, policy: StorePolicy, *, clock: Clock, seal: Seal | None = None) -> None:
        self._seal = seal
        self._store = store
        self._clock = clock
        self._entry_max = policy.entry_max
        self._trust = policy.local_ttl.total_seconds()
        self._local = Local(policy.local_entries, policy.local_max)
        self._queue: OrderedDict[str, tuple[bytes, float]] = OrderedDict()
        self._writer: asyncio.Task[None] | None = None
        self._reads: dict[tuple[str, ...], asyncio.Task[Mapping[str, bytes | None]]] = {}
        self.counts: dict[str, int] = dict.fromkeys(
            ("hits", "shared_hits", "misses", "writes", "dropped_writes", "unreadable", "refused"),
            0,
        )
        self._aftermath = Aftermath(clock)
        self.generations = Generations(store, clock=clock, aftermath=self._aftermath)
        self.leases = Leases(store, self._aftermath, written=self.written)
        self._followers: list[Callable[[], None]] = []
        store.listen(self)

    def follow(self, forgotten: Callable[[], None]) -> Callable[[], None]:
        """Let *forgotten* be called whenever anything was forgotten before its time; return what ends that."""
        self._followers.append(forgotten)
        return lambda: self._followers.remove(forgotten)

    def _tell(self) -> None:
        for forgotten in self._followers:
            forgotten()

    def missed(self, items: int) -> None:
        """Count a call of so many *items* that nothing was looked for."""
        self.counts["misses"] += items

    @property
    def shared(self) -> bool:
        """Whether other processes see what is kept."""
        return self._store.shared

    async def find(self, keys: Sequence[str], headers: Mapping[str, str]) -> Found | None:
        """Return what is kept under *keys* for a request with *headers*, fresh before old (CA-4)."""
        items = await self._items(keys)
        best: Found | None = None
        for key in keys:
            found = await self._selected(key, items.get(key), headers)
            if found is not None and (best is None or remaining(found.entry, self._clock.now()) > 0):
                best = found
                if remaining(found.entry, self._clock.now()) > 0:
                    break
        self.counts[_COUNT[best.tier] if best else "misses"] += 1
        return best

    async def _selected(
        self, key: str, found: tuple[Entry | VarySpec, Tier] | None, headers: Mapping[str, str]
    ) -> Found | None:
        if found is None:
            return None
        value, tier = found
        if isinstance(value, Entry):
            return Found(value, tier)
        chosen = variant(key, value.names, headers)
        one = (await self._items([chosen])).get(chosen)
        return Found(one[0], one[1]) if one is not None and isinstance(one[0], Entry) else None

    async def find_many(self, keys: Sequence[str]) -> dict[str, Found]:
        """Return the entries under *keys*, none of which varies."""
        items = await self._items(keys)
        found = {key: Found(value, tier) for key, (value, tier) in items.items() if isinstance(value, Entry)}
        local = sum([one.tier == "local" for one in found.values()])
        self.counts["hits"] += local
        self.counts["shared_hits"] += len(found) - local
        self.counts["misses"] += len(keys) - len(found)
        return found

    async def _items(self, keys: Sequence[str]) -> dict[str, tuple[Entry | VarySpec, Tier]]:
        now = self._clock.now()
        items: dict[str, tuple[Entry | VarySpec, Tier]] = {}
        doubtful: dict[str, Slot | None] = {}
        trust = self._trusted_for() if self.shared else 0.0
        for key in keys:
            slot = self._local.get(key, now)
            if slot is not None and (not self.shared or now - slot.since <= trust):
                items[key] = (slot.value, "local")
            elif self.shared:
                doubtful[key] = slot
        if doubtful:
            items.update(await self._from_store(doubtful))
        return await self._still_valid(items)

    def unchecked_for(self) -> float:
        """Return for how many seconds what is made of entries is good without asking for generations (CA-17)."""
        return RECHECK if self.shared else math.inf

    def _trusted_for(self) -> float:
        return min(self._trust, _SILENT_TRUST) if self._store.silent_for() > _SILENCE else self._trust

    async def _from_store(self, doubtful: Mapping[str, Slot | None]) -> dict[str, tuple[Entry | VarySpec, Tier]]:
        keys = tuple(doubtful)
        try:
            values = await self._read(keys)
        except StoreUnavailable as failure:
            self._aftermath.begin(failure)
            return {key: (slot.value, "local") for key, slot in doubtful.items() if slot is not None}
        now, wall = self._clock.now(), self._clock.wall()
        found: dict[str, tuple[Entry | VarySpec, Tier]] = {}
        for key, slot in doubtful.items():
            data = values.get(key)
            if slot is not None and (key not in values or key in self._queue):
                found[key] = (slot.value, "local")
            elif data is not None:
                self._admit(key, data, now, wall, found)
            elif key in values:
                self._local.drop(key)
        return found

    async def _read(self, keys: tuple[str, ...]) -> Mapping[str, bytes | None]:
        """Read *keys* from the store, once for all who ask for the same at the same time."""
        task = self._reads.get(keys)
        if task is None:
            task = self._reads[keys] = asyncio.create_task(self._store.get(keys), name="cache read")
            task.add_done_callback(lambda done: self._has_read(keys, done))
        return await asyncio.shield(task)

    def _has_read(self, keys: tuple[str, ...], task: "asyncio.Task[Mapping[str, bytes | None]]") -> None:
        self._reads.pop(keys, None)
        if not task.cancelled():
            task.exception()

    def _admit(
        self, key: str, data: bytes, now: float, wall: float, found: dict[str, tuple[Entry | VarySpec, Tier]]
    ) -> None:
        try:
            value = envelope.decode(data, now, wall, most=self._entry_max * 2, key=key, seal=self._seal)
        except envelope.Unreadable:
            self.counts["unreadable"] += 1
            return
        self._local.put(key, value, now, _end_of(value, now))
        found[key] = (value, "shared")

    async def _still_valid(
        self, items: dict[str, tuple[Entry | VarySpec, Tier]]
    ) -> dict[str, tuple[Entry | VarySpec, Tier]]:
        tags = {tag for value, _ in items.values() if isinstance(value, Entry) for tag in value.tags}
        if not tags:
            return items
        current = await self.generations.current(tags)
        valid = {}
        for key, (value, tier) in items.items():
            if isinstance(value, Entry) and any(
                current.get(tag, generation) != generation for tag, generation in value.tags.items()
            ):
                self._local.drop(key)
            else:
                valid[key] = (value, tier)
        return valid

    def keep(self, key: str, entry: Entry, *, vary: Sequence[str] = (), headers: Mapping[str, str]) -> None:
        """Keep *entry* for requests that equal *headers* in what it varies by; too large a one is not kept."""
        if entry.size > self._entry_max:
            self.counts["refused"] += 1
            return
        now = self._clock.now()
        entry.key = key
        if vary:
            entry.key = variant(key, vary, headers)
            self._put(key, self._spec(key, tuple(vary), entry.key, now), now)
        self._put(entry.key, entry, now)

    def _spec(self, key: str, names: tuple[str, ...], chosen: str, now: float) -> VarySpec:
        slot = self._local.get(key, now)
        before = (
            slot.value.variants if slot and isinstance(slot.value, VarySpec) and slot.value.names == names else ()
        )
        variants = (*(one for one in before if one != chosen), chosen)
        for old in variants[:-MAX_VARIANTS]:
            self._local.drop(old)
        return VarySpec(names, variants[-MAX_VARIANTS:])

    def _put(self, key: str, value: Entry | VarySpec, now: float) -> None:
        until = _end_of(value, now)
        self.counts["writes"] += 1
        self._local.put(key, value, now, until)
        if not self.shared:
            return
        self._queue[key] = (envelope.encode(value, now, self._clock.wall(), key=key, seal=self._seal), until - now)
        while len(self._queue) > _QUEUE:
            self._queue.popitem(last=False)
            self.counts["dropped_writes"] += 1
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write(), name="cache write-behind")

    async def _write(self) -> None:
        """Write what is queued (CA-16); what cannot be written is dropped."""
        while self._queue:
            taken = [self._queue.popitem(last=False) for _ in range(min(_WRITTEN_AT_ONCE, len(self._queue)))]
            longest = max(ttl for _, (_, ttl) in taken)
            try:
                await self._store.set({key: data for key, (data, _) in taken}, longest)
            except StoreUnavailable as failure:
                self._aftermath.begin(failure)
                self.counts["dropped_writes"] += len(taken)

    async def drop(self, keys: Sequence[str]) -> None:
        """Forget the entries under *keys*."""
        self._tell()
        for key in keys:
            self._local.drop(key)
            self._queue.pop(key, None)
        if self.shared:
            try:
                await self._store.delete(keys)
            except StoreUnavailable as failure:
                self._aftermath.begin(failure)

    async def forget(self, tags: Sequence[str]) -> None:
        """Forget everything with one of *tags*, everywhere; where the store fails, at least here (CA-17)."""
        renewed = [*dict.fromkeys(tags), EPOCH]
        try:
            await self._store.forget(renewed)
        except StoreUnavailable as failure:
            self._aftermath.begin(failure)
            lost = set(tags)
            for key, slot in self._local:
                if isinstance(slot.value, Entry) and not lost.isdisjoint(slot.value.tags):
                    self._local.drop(key)
        self.forgotten(renewed)

    async def written(self) -> None:
        """Wait until everything queued is written or dropped."""
        if self._writer is not None:
            await asyncio.wait([self._writer])

    def forgotten(self, tags: Sequence[str]) -> None:
        """Ask for the generations of *tags* again before believing them."""
        self._tell()
        self.generations.doubt(tags)

    def uncertain(self) -> None:
        """Drop the process's own copies: messages may have been lost (CA-18)."""
        self._tell()
        self.generations.doubt()
        if self.shared:
            for key, slot in self._local:
                slot.since = float("-inf")
                if isinstance(slot.value, VarySpec):
                    self._local.drop(key)
        else:
            self._local.clear()

    def stats(self) -> dict[str, int]:
        """Return how much is kept here and how often it helped."""
        return {
            "local_entries": len(self._local),
            "local_bytes": self._local.bytes,
            "local_evicted": self._local.evicted,
            "queued_writes": len(self._queue),
            **self.counts,
            "store_errors": self._aftermath.errors,
        }

    async def close(self) -> None:
        """End reading and writing; what is not written is lost, which a cache may do."""
        await self.leases.close()
        tasks: list[asyncio.Task[Any]] = [*self._reads.values(), *([self._writer] if self._writer else [])]
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _end_of(value: Entry | VarySpec, now: float) -> float:
    return value.born + value.life if isinstance(value, Entry) else now + _VARY_LIFE
