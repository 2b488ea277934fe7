"""Turns a failure into old, other or default data where policy has some (PD-13, CA-9)."""

import msgspec

from bff.clock import Clock
from bff.events import FellBack, Notify
from bff.policy.caching import FallbackRules
from bff.upstream.cache.freshness import stands_in
from bff.upstream.cache.make import item_of, response_of, stale_note
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Item, Note, Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.call import UNDECODED, Call, Handler

ANSWERS = frozenset(
    {
        Outcome.CLIENT_ERROR,
        Outcome.NOT_FOUND,
        Outcome.AUTH,
        Outcome.CONFLICT,
        Outcome.CANCELLED,
        Outcome.LOCAL_BUG,
    }
)
"""Outcomes that nothing stands in for: the service has answered, or the fault is ours."""

_JSON = {"content-type": "application/json"}


class Degrade:
    """Position 4: after everything below has failed, a stale value, another source, a default, or the error.

    Only what reads is rescued; a change that failed has failed.

    Args:
        rules: What to fall back to.
        clock: Tells how old a stale value is.
        notify: Told of each fallback.
    """

    def __init__(self, rules: FallbackRules, *, clock: Clock, notify: Notify) -> None:
        self._clock = clock
        self._notify = notify
        self._rules = rules

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Pass *call* on, and stand in for a failure.

        Raises:
            UpstreamError: The failure, where nothing stands in.
        """
        try:
            response = await send(call)
            return response if response.items is None else self._mended(call, response)
        except UpstreamError as error:
            if error.outcome in ANSWERS or not call.cacheable:
                raise
            found = self._stale(call, error) or await self._alternate(call) or self._default(call, error)
            if found is None:
                raise
            return found

    def rescue(self, call: Call, error: UpstreamError) -> Response | None:
        """Return what stands in for *error* without asking anybody, None where nothing does."""
        return self._stale(call, error) or self._default(call, error)

    def _mended(self, call: Call, response: Response) -> Response:
        """Return a batch some of whose parts failed with what stands in for those."""
        items, now = dict(response.items or {}), self._clock.now()
        for key, item in items.items():
            if not isinstance(item.value, UpstreamError) or item.value.outcome in ANSWERS:
                continue
            old = call.lookup.items.get(key) if call.lookup and self._rules.on_failure != "error" else None
            if old is not None and stands_in(old, now):
                self._tell(call, "STALE_IF_ERROR")
                items[key] = item_of(old, stale_note(old, call.upstream, now))
            elif otherwise := self._default_item(call):
                self._tell(call, "DEFAULT")
                items[key] = otherwise
        response.items = items
        return response

    def _stale(self, call: Call, error: UpstreamError) -> Response | None:
        lookup, now = call.lookup, self._clock.now()
        if lookup is None or self._rules.on_failure == "error":
            return None
        if lookup.entry is not None and stands_in(lookup.entry, now):
            self._tell(call, "STALE_IF_ERROR")
            return response_of(lookup.entry, now, stale_note(lookup.entry, call.upstream, now))
        old = {key: entry for key, entry in lookup.items.items() if stands_in(entry, now)}
        if not old or call.split is None or call.alternate is not None:
            return None
        self._tell(call, "STALE_IF_ERROR", len(old))
        otherwise = self._default_item(call) or Item(error)
        return Response(
            200,
            {},
            b"",
            items={
                key: item_of(old[key], stale_note(old[key], call.upstream, now)) if key in old else otherwise
                for key in call.split.keys
            },
        )

    async def _alternate(self, call: Call) -> Response | None:
        if call.alternate is None:
            return None
        call.value = UNDECODED
        try:
            response = await call.alternate(call)
        except UpstreamError:
            return None
        self._tell(call, "ALTERNATE")
        note = response.note or Note("ALTERNATE", "alternate", call.upstream)
        if response.items is None:
            return Response(response.status, response.headers, response.body, note=note)
        items = {key: one._replace(note=one.note or note) for key, one in response.items.items()}
        return Response(response.status, response.headers, response.body, note=note, items=items)

    def _default(self, call: Call, error: UpstreamError) -> Response | None:
        if call.split is not None:
            one = self._default_item(call)
            if one is None:
                return None
            self._tell(call, "DEFAULT", len(call.split.keys))
            return Response(200, {}, b"", items=dict.fromkeys(call.split.keys, one))
        body = self._default_body()
        if body is None:
            return None
        response = Response(200, _JSON, body, note=Note("DEFAULT", "default", call.upstream))
        if call.decode is not None:
            try:
                call.decode(response)
            except UpstreamError as unfit:
                error.detail += f" (and the default value of the policy does not fit: {unfit.detail})"
                return None
        self._tell(call, "DEFAULT")
        return response

    def _default_item(self, call: Call) -> Item | None:
        body = self._default_body()
        if body is None:
            return None
        note = Note("DEFAULT", "default", call.upstream)
        return Item(None if body == b"null" else body, note)

    def _default_body(self) -> bytes | None:
        rules = self._rules
        if rules.on_failure == "empty_list":
            return b"[]"
        return msgspec.json.encode(rules.default) if rules.on_failure == "default" else None

    def _tell(self, call: Call, reason: str, items: int = 1) -> None:
        self._notify(FellBack(call.upstream, call.endpoint, reason, items, call.request_id, call.number))
