"""Answers calls from what is kept, and forgets what a change has made untrue (CA-6 to CA-8, CA-14)."""

import asyncio
from collections.abc import Mapping, Sequence
from random import Random

import msgspec

from bff.clock import Clock
from bff.events import CacheUsed, Notify
from bff.policy.caching import Cache as CachePolicy
from bff.upstream.cache import keys as naming
from bff.upstream.cache.entry import Entry
from bff.upstream.cache.freshness import State, state
from bff.upstream.cache.lookup import Lookup, Prospects, lookup_of
from bff.upstream.cache.make import item_of, keeping_of, least, response_of, stale_note
from bff.upstream.cache.tiers import EntryCache, Found
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Item, Keeping, Note, Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.call import UNDECODED, Call, Handler

REFUSALS = frozenset(
    {Outcome.CLIENT_ERROR, Outcome.NOT_FOUND, Outcome.AUTH, Outcome.CONFLICT, Outcome.THROTTLED, Outcome.TOO_EARLY}
)
"""The service has said no: nothing has changed there."""

_READING = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
_NOT_FOUND = 404
_MOST_FAILED = 100_000


class Cache:
    """Position 2: reads. What is fresh costs nothing below; what is not is passed on with what is known of it.

    Args:
        policy: What may be kept.
        entries: Where it is kept.
        refreshes: Those under way for the whole upstream.
        prospects: Which endpoints are worth looking for.
        version: Of the application's types; a release that reads answers differently shares none.
        refresh_time: How long a background refresh may take, in seconds.
        clock: Tells ages.
        rng: Spreads early refreshes.
        notify: Told of every use.
    """

    def __init__(
        self,
        policy: CachePolicy,
        entries: EntryCache,
        refreshes: "Refreshes",
        prospects: Prospects,
        *,
        version: str,
        refresh_time: float,
        clock: Clock,
        rng: Random,
        notify: Notify,
    ) -> None:
        self._policy = policy
        self._refreshes = refreshes
        self._prospects = prospects
        self._entries = entries
        self._version = version
        self._refresh_time = refresh_time
        self._clock = clock
        self._rng = rng
        self._notify = notify

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Answer *call* from what is kept, or pass it on."""
        if not call.cacheable:
            return await (send(call) if call.method in _READING else self._change(call, send))
        if self._policy.scope == "off":
            return await send(call)
        if self._prospects.hopeless(call.endpoint):
            items = len(call.split.keys) if call.split is not None else 1
            self._entries.missed(items)
            self._tell(call, "miss", items=items)
            return await send(call)
        call.lookup = lookup = lookup_of(call, self._policy, self._version)
        if call.split is not None:
            return await self._batch(call, send, lookup)
        found = await self._entries.find(lookup.keys, call.headers)
        if found is None:
            self._tell(call, "miss")
            return await send(call)
        return await self._use(found, call, send, lookup)

    async def _use(self, found: Found, call: Call, send: Handler, lookup: Lookup) -> Response:
        entry, now = found.entry, self._clock.now()
        worth = state(entry, now, beta=self._policy.early_refresh, draw=1 - self._rng.random())
        if worth is State.EXPIRED:
            lookup.entry = entry
            self._tell(call, "miss")
            return await send(call)
        if worth is not State.FRESH:
            lookup.entry = entry
            self._refresh(entry.key, call, send, [entry.key])
        if entry.status != _NOT_FOUND and not self._readable(call, entry, now):
            return await send(call)
        self._tell(call, {State.FRESH: "hit", State.EARLY: "early"}.get(worth, "stale"), tier=found.tier)
        if entry.status == _NOT_FOUND:
            raise _absent()
        return response_of(entry, now, self._note(call, entry, now) if worth is State.STALE else None)

    def _note(self, call: Call, entry: Entry, now: float) -> Note | None:
        """Return the note on an answer that is old because the service fails, not because that saves time (PD-12).

        Within `stale_while_revalidate` an old answer is as good as a new one, until fetching it anew has failed.
        """
        return stale_note(entry, call.upstream, now) if self._refreshes.has_failed(entry.key) else None

    @staticmethod
    def _readable(call: Call, entry: Entry, now: float) -> bool:
        """Return whether the application can still read what another release of it may have kept."""
        if call.decode is None:
            return True
        try:
            call.value = call.decode(response_of(entry, now))
        except UpstreamError:
            return False
        return True

    def _refresh(self, key: str, call: Call, send: Handler, entries: Sequence[str]) -> None:
        """Fetch anew in the background, once, with time and budget of its own (CA-8)."""
        until = self._clock.now() + self._refresh_time
        again = msgspec.structs.replace(
            call, headers=dict(call.headers), deadline=until, value=UNDECODED, fanout=None
        )
        self._refreshes.start(key, send, again, entries)

    async def _batch(self, call: Call, send: Handler, lookup: Lookup) -> Response:
        assert call.split is not None
        names = {(base, key): naming.item(base, key) for key in call.split.keys for base in lookup.keys}
        found = await self._entries.find_many(list(names.values()))
        entries: dict[str, Found] = {}
        for (_, key), name in names.items():
            if key not in entries and name in found:
                entries[key] = found[name]
        if not entries:
            self._tell(call, "miss", items=len(call.split.keys))
            return await send(call)
        return await self._completed(call, send, lookup, entries)

    async def _completed(
        self, call: Call, send: Handler, lookup: Lookup, entries: Mapping[str, Found]
    ) -> Response:
        """Return the batch out of *entries* and of what has to be fetched."""
        assert call.split is not None
        now = self._clock.now()
        worth = {key: state(one.entry, now) for key, one in entries.items()}
        notes = {key: self._note(call, entries[key].entry, now) for key in entries if worth[key] is State.STALE}
        items = {
            key: item_of(one.entry, notes.get(key))
            for key, one in entries.items()
            if worth[key] is not State.EXPIRED
        }
        kept = [keeping_of(entries[key].entry, now, notes.get(key)) for key in items]
        for tier in ("local", "shared"):
            hits = sum([worth[key] is State.FRESH and entries[key].tier == tier for key in items])
            if hits:
                self._tell(call, "hit", items=hits, tier=tier)
        old = [key for key in items if worth[key] is State.STALE]
        if old:
            self._tell(call, "stale", items=len(old))
            again = self._narrowed(call, lookup, old, entries)
            self._refresh(
                naming.digest([*lookup.keys, *old]), again, send, [entries[key].entry.key for key in old]
            )
        missing = [key for key in call.split.keys if key not in items]
        if not missing:
            return Response(200, {}, b"", keeping=least(kept), items=items)
        self._tell(call, "miss", items=len(missing))
        fewer = self._narrowed(call, lookup, missing, entries)
        return await self._with_missing(call, send, fewer, items, kept)

    @staticmethod
    def _narrowed(call: Call, lookup: Lookup, keys: list[str], entries: Mapping[str, Found]) -> Call:
        assert call.split is not None
        whole = len(keys) == len(call.split.keys)
        fewer = call if whole else call.split.narrow(call, tuple(keys))
        known = {key: entries[key].entry for key in keys if key in entries}
        fewer.lookup = msgspec.structs.replace(lookup, items=known)
        return fewer

    @staticmethod
    async def _with_missing(
        call: Call, send: Handler, fewer: Call, items: dict[str, Item], kept: list[Keeping]
    ) -> Response:
        assert fewer.split is not None
        if fewer is call:
            return await send(call)
        missing = fewer.split.keys
        try:
            response = await send(fewer)
            fetched: Mapping[str, Item] | None = response.items
            if fetched is None:
                fetched = {key: Item(value, response.note) for key, value in fewer.split.items(response).items()}
        except UpstreamError as error:
            return Response(200, {}, b"", items={**items, **{key: Item(error) for key in missing}})
        keeping = least([*kept, response.keeping])
        return Response(200, {}, b"", keeping=keeping, items={**items, **fetched})

    async def _change(self, call: Call, send: Handler) -> Response:
        """Pass on what may change the service, and forget what it may have changed (CA-7)."""
        try:
            response = await send(call)
        except UpstreamError as error:
            if error.sent is not False and error.outcome not in REFUSALS:
                await self._entries.forget(self._changed(call, {}))
            raise
        await self._entries.forget(self._changed(call, response.headers))
        return response

    def _changed(self, call: Call, headers: Mapping[str, str]) -> list[str]:
        targets = [call.target]
        origin = str(call.origin)
        for name in ("location", "content-location"):
            place = headers.get(name, "").removeprefix(origin)
            if place.startswith("/") and not place.startswith("//"):
                targets.append(place.removeprefix(call.prefix))
        return [*(naming.uri_tag(call.upstream, target) for target in targets), *self._policy.tags]

    def _tell(self, call: Call, result: str, *, items: int = 1, tier: str | None = None) -> None:
        self._notify(CacheUsed(call.upstream, call.endpoint, result, items, tier, call.request_id, call.number))


class Refreshes:
    """Background fetches of one upstream, one for each entry at a time."""

    def __init__(self) -> None:
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._failed: set[str] = set()

    def has_failed(self, entry: str) -> bool:
        """Return whether the last fetch of *entry* failed, so that it is old for that reason."""
        return entry in self._failed

    def start(self, key: str, send: Handler, call: Call, entries: Sequence[str]) -> None:
        """Fetch *call* anew, for *entries*, unless that is under way for *key*."""
        if key in self._tasks:
            return
        task = asyncio.create_task(self._run(send, call, entries), name=f"refresh {call.upstream}.{call.endpoint}")
        self._tasks[key] = task
        task.add_done_callback(lambda _: self._tasks.pop(key, None))

    async def _run(self, send: Handler, call: Call, entries: Sequence[str]) -> None:
        """Refresh; a failure changes nothing, the old entry stays for as long as it may."""
        try:
            response = await send(call)
        except UpstreamError:
            failed = True
        else:
            items = response.items or {}
            failed = response.note is not None or any(item.note is not None for item in items.values())
        if not failed:
            self._failed.difference_update(entries)
        elif len(self._failed) < _MOST_FAILED:
            self._failed.update(entries)

    async def close(self) -> None:
        """End those under way."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


def _absent() -> UpstreamError:
    return UpstreamError(Outcome.NOT_FOUND, "remembered as not found", status=_NOT_FOUND)
