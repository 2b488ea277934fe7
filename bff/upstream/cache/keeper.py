"""Keeps what comes back, if it may be kept, and forgets what it has replaced (CA-1, CA-6, CA-10, CA-21)."""

from random import Random

from bff.clock import Clock
from bff.policy.caching import Cache as CachePolicy
from bff.upstream.cache import freshness
from bff.upstream.cache import keys as naming
from bff.upstream.cache.entry import Entry
from bff.upstream.cache.generations import Mark
from bff.upstream.cache.lookup import Lookup, Prospects, lookup_of
from bff.upstream.cache.make import (
    entry_of,
    item_entry,
    keeping_of,
    key_for,
    surrogate_tags,
    useful,
)
from bff.upstream.cache.tiers import EntryCache
from bff.upstream.message import Response
from bff.upstream.pipeline.call import Call

_NOT_FOUND = 404
_JSON = {"content-type": "application/json"}
_NEVER_VARIES = frozenset({"accept-encoding", "accept", "origin"})
"""Request headers that batches always send alike."""


class Keeper:
    """Writes the entries of one pipeline.

    Args:
        policy: What may be kept.
        entries: Where.
        prospects: Told which endpoints are worth looking for.
        version: Names the types that answers are read into.
        clock: Tells ages.
        rng: Spreads the ends of lifetimes.
    """

    def __init__(
        self,
        policy: CachePolicy,
        entries: EntryCache,
        prospects: Prospects,
        *,
        version: str,
        clock: Clock,
        rng: Random,
    ) -> None:
        self._policy = policy
        self._jitter = policy.ttl_jitter
        self._wanted = bool(policy.default_ttl or policy.negative_ttl)
        self._entries = entries
        self._prospects = prospects
        self._version = version
        self._clock = clock
        self._rng = rng

    async def mark(self, call: Call) -> Mark:
        """Return what is known of generations before *call* is sent."""
        return await self._entries.generations.mark(lambda: self._tags(call))

    def _tags(self, call: Call) -> list[str]:
        target = call.split.target.partition("?")[0] if call.split else call.target
        return [naming.upstream_tag(call.upstream), naming.uri_tag(call.upstream, target), *self._policy.tags]

    async def first(
        self, call: Call, headers: dict[str, str], response: Response, mark: Mark | None, delta: float
    ) -> None:
        """Look at an answer of an endpoint whose answers could never be kept so far.

        Args:
            call: What was asked.
            headers: Those of the call before it was sent.
            response: What came.
            mark: What was known before; without it the first answer that may be kept is not, but the next are.
            delta: How long it took, in seconds.
        """
        directives = freshness.directives_of(response.headers)
        if not freshness.storable(self._policy, response.status, response.headers, directives):
            return
        self._prospects.keepable(call.endpoint)
        if mark is not None:
            sent, call.headers = call.headers, headers
            lookup = lookup_of(call, self._policy, self._version)
            call.headers = sent
            await self.keep(call, lookup, response, mark, delta)

    async def keep(self, call: Call, lookup: Lookup, response: Response, mark: Mark, delta: float) -> None:
        """Keep *response*, which took *delta* seconds, as far as it may be kept."""
        headers, rules = response.headers, lookup.rules
        directives = freshness.directives_of(headers)
        audience = freshness.audience(rules, response.status, headers, directives, credentials=lookup.credentials)
        key = audience and key_for(lookup, audience)
        if audience is None or key is None:
            await self._outdated(call, lookup)
            return
        now, wall = self._clock.now(), self._clock.wall()
        times = freshness.lifetimes(rules, headers, directives, wall)
        entry = entry_of(
            response, directives, times, now=now, wall=wall, delta=delta, jitter=self._jitter, rng=self._rng
        )
        entry.private = audience == "user"
        response.keeping = keeping_of(entry, now)
        if not useful(entry, now):
            await self._outdated(call, lookup)
            return
        self._prospects.keepable(call.endpoint)
        named = surrogate_tags(headers) if rules.surrogate_keys else ()
        tags = await self._entries.generations.since(mark, [*self._tags(call), *named])
        if tags is None:
            return
        entry.tags = tags
        if call.split is not None:
            self._keep_items(call, key, response, entry, lookup)
        else:
            vary = naming.vary_names(headers.get("vary", ""))
            self._entries.keep(key, entry, vary=vary, headers=call.headers)

    def _keep_items(self, call: Call, base: str, response: Response, entry: Entry, lookup: Lookup) -> None:
        """Keep each item of a batch on its own; what varies by request headers is not kept."""
        assert call.split is not None
        varies = set(naming.vary_names(entry.headers.get("vary", ""))) - _NEVER_VARIES
        if varies - lookup.rules.key_headers - ({"authorization"} if base == lookup.user else set()):
            return
        raws = call.split.items(response)
        negative = lookup.rules.negative_ttl.total_seconds()
        for key in call.split.keys:
            body = raws.get(key)
            if body is not None:
                one = item_entry(entry, body, _JSON)
            elif negative:
                one = item_entry(entry, b"", _JSON)
                one.status, one.ttl, one.swr, one.sie = _NOT_FOUND, min(one.ttl, negative), 0.0, 0.0
            else:
                continue
            self._entries.keep(naming.item(base, key), one, headers=call.headers)

    async def _outdated(self, call: Call, lookup: Lookup) -> None:
        """Forget what an answer has replaced that may not be kept itself."""
        if not self._wanted:
            self._prospects.unkeepable(call.endpoint)
        await self._forget_old(lookup)

    async def _forget_old(self, lookup: Lookup) -> None:
        if lookup.entry is not None:
            await self._entries.drop([lookup.entry.key])
        if lookup.items:
            await self._entries.drop([entry.key for entry in lookup.items.values()])

    async def absent(self, call: Call, lookup: Lookup, mark: Mark) -> None:
        """Forget what is not there any more, and remember that it is not, where policy says so (CA-6, CA-10)."""
        await self._forget_old(lookup)
        ttl = lookup.rules.negative_ttl.total_seconds()
        key = lookup.user or lookup.public
        if not ttl or not key:
            return
        tags = await self._entries.generations.since(mark, self._tags(call))
        if tags is None:
            return
        self._prospects.keepable(call.endpoint)
        now, private = self._clock.now(), lookup.user is not None
        entry = Entry(_NOT_FOUND, {}, b"", born=now, made=now, ttl=ttl, private=private, tags=tags)
        self._entries.keep(key, entry, headers={})
