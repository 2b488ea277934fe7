"""Asks whether an old answer still holds, and keeps what comes back (CA-1, CA-6, CA-10, CA-13, CA-21)."""

from collections.abc import Mapping
from random import Random

from bff.clock import Clock
from bff.events import CacheUsed, Notify
from bff.policy.caching import Cache as CachePolicy
from bff.upstream.cache import freshness
from bff.upstream.cache import keys as naming
from bff.upstream.cache.entry import Entry
from bff.upstream.cache.freshness import State, state
from bff.upstream.cache.lookup import Lookup
from bff.upstream.cache.make import (
    entry_of,
    for_user,
    keeping_of,
    key_for,
    renewed,
    response_of,
    stale_note,
    surrogate_tags,
    useful,
)
from bff.upstream.cache.tiers import EPOCH, EntryCache
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.call import Call, Handler

_POLL = 0.02
"""Seconds between looks for what another process is fetching."""
_NOT_MODIFIED = 304
_NOT_FOUND = 404


class Fill:
    """The cache's other half: writes. Inside coalescing and degradation, so that it runs once for all who wait.

    Args:
        policy: What may be kept.
        entries: Where.
        lease: For how long one process fetches while others wait, in seconds.
        clock: Tells ages.
        rng: Spreads the ends of lifetimes.
        notify: Told of revalidations.
    """

    def __init__(
        self,
        policy: CachePolicy,
        entries: EntryCache,
        *,
        lease: float,
        clock: Clock,
        rng: Random,
        notify: Notify,
    ) -> None:
        self._jitter = policy.ttl_jitter
        self._entries = entries
        self._lease = lease
        self._clock = clock
        self._rng = rng
        self._notify = notify

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Fetch the answer to *call* and keep it, if it may be kept."""
        lookup = call.lookup
        if lookup is None:
            return await send(call)
        if call.split is not None or not self._entries.shared:
            return await self._fetch(call, send, lookup)
        return await self._leased(call, send, lookup)

    async def _leased(self, call: Call, send: Handler, lookup: Lookup) -> Response:
        """Fetch, or use what the process that holds the lease brings (CA-13)."""
        name = lookup.user or lookup.public or ""
        token = await self._entries.acquire(name, self._lease)
        if token is None:
            response = await self._awaited(call, lookup)
            if response is not None:
                return response
            return await self._fetch(call, send, lookup)
        try:
            return await self._fetch(call, send, lookup)
        finally:
            self._entries.release(name, token)

    async def _awaited(self, call: Call, lookup: Lookup) -> Response | None:
        now = self._clock.now()
        if lookup.entry is not None and freshness.stands_in(lookup.entry, now):
            return response_of(lookup.entry, now, stale_note(lookup.entry, call.upstream, now, fetching=True))
        until = now + min(self._lease, (call.deadline - now) / 2)
        while (now := self._clock.now()) < until:
            await self._clock.sleep(_POLL)
            found = await self._entries.find(lookup.keys, call.headers)
            if found is not None and state(found.entry, self._clock.now()) is State.FRESH:
                return response_of(found.entry, self._clock.now())
        return None

    async def _fetch(self, call: Call, send: Handler, lookup: Lookup) -> Response:
        generations = await self._entries.capture([*self._tags(call, lookup), EPOCH])
        started = self._clock.now()
        try:
            response = await self._conditional(call, send, lookup.entry)
        except UpstreamError as error:
            if error.outcome is Outcome.NOT_FOUND and call.split is None:
                await self._absent(lookup, generations)
            raise
        if response.status == _NOT_MODIFIED:
            if lookup.entry is None:
                raise UpstreamError(Outcome.BAD_PAYLOAD, "304 to a call without conditions", status=_NOT_MODIFIED)
            self._notify(
                CacheUsed(call.upstream, call.endpoint, "revalidated", 1, None, call.request_id, call.number)
            )
            response = renewed(lookup.entry, response)
        if response.note is None and (call.keepable is None or call.keepable(response)):
            await self._keep(call, lookup, response, generations, self._clock.now() - started)
        return response

    @staticmethod
    async def _conditional(call: Call, send: Handler, entry: Entry | None) -> Response:
        asked = entry.validators if entry is not None and entry.status != _NOT_FOUND else {}
        asked = {name: value for name, value in asked.items() if name not in call.headers}
        if not asked:
            return await send(call)
        call.headers.update(asked)
        try:
            return await send(call)
        finally:
            for name in asked:
                call.headers.pop(name, None)

    def _tags(self, call: Call, lookup: Lookup) -> list[str]:
        target = call.split.target.partition("?")[0] if call.split else call.target
        return [
            naming.upstream_tag(call.upstream),
            naming.uri_tag(call.upstream, target),
            *lookup.rules.tags,
        ]

    async def _keep(
        self, call: Call, lookup: Lookup, response: Response, generations: Mapping[str, int], delta: float
    ) -> None:
        directives = freshness.directives_of(response.headers)
        headers = response.headers
        rules = lookup.rules
        audience = freshness.audience(rules, response.status, headers, directives, credentials=lookup.credentials)
        key = audience and key_for(lookup, audience)
        if audience is None or key is None:
            await self._outdated(lookup)
            return
        now, wall = self._clock.now(), self._clock.wall()
        times = freshness.lifetimes(rules, headers, directives, wall)
        entry = entry_of(
            response, directives, times, now=now, wall=wall, delta=delta, jitter=self._jitter, rng=self._rng
        )
        entry = for_user(entry, audience)
        response.keeping = keeping_of(entry, now)
        tags = dict(generations)
        epoch = tags.pop(EPOCH, 0)
        named = surrogate_tags(headers) if rules.surrogate_keys else ()
        if named:
            tags.update(await self._entries.capture(named))
            if (await self._entries.capture([EPOCH]))[EPOCH] != epoch:
                return
        entry.tags = tags
        if not useful(entry, now):
            await self._outdated(lookup)
        elif call.split is not None:
            self._keep_items(call, key, response, entry, lookup)
        else:
            vary = naming.vary_names(headers.get("vary", ""))
            self._entries.keep(key, entry, vary=vary, headers=call.headers)

    def _keep_items(self, call: Call, base: str, response: Response, entry: Entry, lookup: Lookup) -> None:
        """Keep each item of a batch on its own; what varies by request headers is not kept."""
        assert call.split is not None
        varies = set(naming.vary_names(entry.headers.get("vary", ""))) - {"accept-encoding", "accept", "origin"}
        if varies - lookup.rules.key_headers - ({"authorization"} if base == lookup.user else set()):
            return
        raws = call.split.items(response)
        negative = lookup.rules.negative_ttl.total_seconds()
        content = {"content-type": "application/json"}
        for key in call.split.keys:
            body = raws.get(key)
            if body is not None:
                one = self._item(entry, body, content)
            elif negative:
                one = self._item(entry, b"", content)
                one.status, one.ttl, one.swr, one.sie = _NOT_FOUND, min(one.ttl, negative), 0.0, 0.0
            else:
                continue
            self._entries.keep(naming.item(base, key), one, headers=call.headers)

    @staticmethod
    def _item(entry: Entry, body: bytes, headers: Mapping[str, str]) -> Entry:
        return Entry(
            status=200,
            headers=headers,
            body=body,
            born=entry.born,
            made=entry.made,
            ttl=entry.ttl,
            swr=entry.swr,
            sie=entry.sie,
            no_cache=entry.no_cache,
            private=entry.private,
            delta=entry.delta,
            tags=entry.tags,
        )

    async def _outdated(self, lookup: Lookup) -> None:
        """Forget what an answer has replaced that may not be kept itself."""
        if lookup.entry is not None:
            await self._entries.drop([lookup.entry.key])
        if lookup.items:
            await self._entries.drop([entry.key for entry in lookup.items.values()])

    async def _absent(self, lookup: Lookup, generations: Mapping[str, int]) -> None:
        """Forget what is not there any more, and remember that it is not, where policy says so (CA-6, CA-10)."""
        await self._outdated(lookup)
        ttl = lookup.rules.negative_ttl.total_seconds()
        key = lookup.user or lookup.public
        if ttl and key:
            now = self._clock.now()
            tags = {tag: generation for tag, generation in generations.items() if tag != EPOCH}
            private = lookup.user is not None
            entry = Entry(_NOT_FOUND, {}, b"", born=now, made=now, ttl=ttl, private=private, tags=tags)
            self._entries.keep(key, entry, headers={})
