"""Asks whether an old answer still holds, and hands what comes back to be kept (CA-6, CA-13)."""

from bff.clock import Clock
from bff.events import CacheUsed, Notify
from bff.upstream.cache import keys as naming
from bff.upstream.cache.entry import Entry
from bff.upstream.cache.freshness import State, stands_in, state
from bff.upstream.cache.keeper import Keeper
from bff.upstream.cache.lookup import Lookup
from bff.upstream.cache.make import item_of, keeping_of, least, renewed, response_of, stale_note
from bff.upstream.cache.tiers import EntryCache
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Item, Keeping, Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.call import Call, Handler

_POLL = 0.02
"""Seconds between looks for what another process is fetching."""
_NOT_MODIFIED = 304
_NOT_FOUND = 404


class Fill:
    """The cache's other half: writes. Inside coalescing and degradation, so that it runs once for all who wait.

    Args:
        keeper: Keeps what may be kept; None where policy keeps nothing at all.
        entries: Where it is kept.
        lease: For how long one process fetches while others wait, in seconds.
        clock: Tells ages.
        notify: Told of revalidations.
    """

    def __init__(
        self, keeper: Keeper | None, entries: EntryCache, *, lease: float, clock: Clock, notify: Notify
    ) -> None:
        self._keeper = keeper
        self._entries = entries
        self._lease = lease
        self._clock = clock
        self._notify = notify

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Fetch the answer to *call* and keep it, if it may be kept."""
        keeper, lookup = self._keeper, call.lookup
        if keeper is None or not call.cacheable:
            return await send(call)
        if lookup is None:
            return await self._unlooked(call, send, keeper)
        if not self._entries.shared:
            return await self._fetch(call, send, lookup, keeper)
        if call.split is not None:
            return await self._leased_items(call, send, lookup, keeper)
        return await self._leased(call, send, lookup, keeper)

    async def _unlooked(self, call: Call, send: Handler, keeper: Keeper) -> Response:
        """Fetch what nothing was looked for, because it could never be kept so far: without key and lease."""
        headers = call.headers.copy()
        mark = None if self._entries.shared else await keeper.mark(call)
        started = self._clock.now()
        response = await send(call)
        if response.note is None and response.items is None and (call.keepable is None or call.keepable(response)):
            await keeper.first(call, headers, response, mark, self._clock.now() - started)
        return response

    async def _leased(self, call: Call, send: Handler, lookup: Lookup, keeper: Keeper) -> Response:
        """Fetch, or use what the process that holds the lease brings (CA-13)."""
        leases, name = self._entries.leases, lookup.user or lookup.public or ""
        held = await leases.acquire([name], self._lease)
        if not held:
            response = await self._awaited(call, lookup, name)
            return response or await self._fetch(call, send, lookup, keeper)
        failed = None
        try:
            return await self._fetch(call, send, lookup, keeper)
        except UpstreamError as error:
            failed = error
            raise
        finally:
            leases.release(held, failed)

    async def _awaited(self, call: Call, lookup: Lookup, name: str) -> Response | None:
        now = self._clock.now()
        if lookup.entry is not None and stands_in(lookup.entry, now):
            return response_of(lookup.entry, now, stale_note(lookup.entry, call.upstream, now, fetching=True))
        until = self._patience(call)
        while self._clock.now() < until:
            await self._clock.sleep(_POLL)
            found = await self._entries.find(lookup.keys, call.headers)
            now = self._clock.now()
            if found is not None and state(found.entry, now) is State.FRESH:
                return response_of(found.entry, now)
            if error := await self._entries.leases.failure([name]):
                raise error
        return None

    def _patience(self, call: Call) -> float:
        now = self._clock.now()
        return now + min(self._lease, (call.deadline - now) / 2)

    async def _leased_items(self, call: Call, send: Handler, lookup: Lookup, keeper: Keeper) -> Response:
        """Fetch those keys of a batch that nobody else is fetching, and wait for the others (CA-13)."""
        assert call.split is not None
        leases, base = self._entries.leases, lookup.user or lookup.public or ""
        names = {naming.item(base, key): key for key in call.split.keys}
        held = await leases.acquire(list(names), self._lease)
        failed = None
        try:
            if len(held) == len(names):
                return await self._fetch(call, send, lookup, keeper)
            mine = await self._part(call, send, [names[name] for name in held], keeper)
        except UpstreamError as error:
            failed = error
            raise
        finally:
            leases.release(held, failed)
        others = {name: key for name, key in names.items() if name not in held}
        theirs = await self._awaited_items(call, lookup, others)
        left = [key for key in others.values() if key not in (theirs.items or {})]
        return _joined(mine, theirs, await self._rest(call, send, left, keeper))

    async def _part(self, call: Call, send: Handler, keys: list[str], keeper: Keeper) -> Response:
        """Return the items of *keys* alone."""
        assert call.split is not None
        if not keys:
            return Response(200, {}, b"", items={})
        assert call.lookup is not None
        fewer = call.split.narrow(call, tuple(keys))
        fewer.lookup = call.lookup.about(keys)
        response = await self._fetch(fewer, send, fewer.lookup, keeper)
        if response.items is not None:
            return response
        assert fewer.split is not None
        raws = fewer.split.items(response)
        return Response(
            200, {}, b"", keeping=response.keeping, items={key: Item(raws.get(key)) for key in fewer.split.keys}
        )

    async def _rest(self, call: Call, send: Handler, keys: list[str], keeper: Keeper) -> Response:
        """Return the items of *keys*, for which nobody came back in time, or the error of each."""
        try:
            return await self._part(call, send, keys, keeper)
        except UpstreamError as error:
            return Response(200, {}, b"", items={key: Item(error) for key in keys})

    async def _awaited_items(self, call: Call, lookup: Lookup, names: dict[str, str]) -> Response:
        """Return what other processes bring of *names*: old items at once, others as they come."""
        now, items, kept = self._clock.now(), {}, []
        for key in names.values():
            old = lookup.items.get(key)
            if old is not None and stands_in(old, now):
                items[key] = item_of(old, stale_note(old, call.upstream, now, fetching=True))
        missing = [name for name, key in names.items() if key not in items]
        until = self._patience(call)
        while missing and self._clock.now() < until:
            await self._clock.sleep(_POLL)
            found = await self._entries.find_many(missing)
            now = self._clock.now()
            for name, one in found.items():
                if state(one.entry, now) is State.FRESH:
                    items[names[name]] = item_of(one.entry)
                    kept.append(keeping_of(one.entry, now))
            missing = [name for name in missing if names[name] not in items]
            if missing and (error := await self._entries.leases.failure(missing)):
                items.update({names[name]: Item(error) for name in missing})
                break
        keeping = least(kept) if len(kept) == len(names) else Keeping()
        return Response(200, {}, b"", keeping=keeping, items=items)

    async def _fetch(self, call: Call, send: Handler, lookup: Lookup, keeper: Keeper) -> Response:
        mark = await keeper.mark(call)
        started = self._clock.now()
        try:
            response = await self._conditional(call, send, lookup.entry)
        except UpstreamError as error:
            if error.outcome is Outcome.NOT_FOUND and call.split is None:
                await keeper.absent(call, lookup, mark)
            raise
        if response.status == _NOT_MODIFIED:
            if lookup.entry is None:
                raise UpstreamError(Outcome.BAD_PAYLOAD, "304 to a call without conditions", status=_NOT_MODIFIED)
            self._notify(
                CacheUsed(call.upstream, call.endpoint, "revalidated", 1, None, call.request_id, call.number)
            )
            response = renewed(lookup.entry, response)
        if response.note is None and response.items is None and (call.keepable is None or call.keepable(response)):
            await keeper.keep(call, lookup, response, mark, self._clock.now() - started)
        return response

    @staticmethod
    async def _conditional(call: Call, send: Handler, entry: Entry | None) -> Response:
        if entry is None or entry.status == _NOT_FOUND:
            return await send(call)
        asked = {name: value for name, value in entry.validators.items() if name not in call.headers}
        call.headers.update(asked)
        try:
            return await send(call)
        finally:
            for name in asked:
                call.headers.pop(name, None)


def _joined(*parts: Response) -> Response:
    """Return one batch made of several."""
    items = {key: item for part in parts for key, item in (part.items or {}).items()}
    filled = [part.keeping for part in parts if part.items]
    return Response(200, {}, b"", keeping=least(filled), items=items)
