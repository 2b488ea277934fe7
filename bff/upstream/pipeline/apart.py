"""The way of calls that a fault is done to for one operation alone: nobody else's call feels anything of it.

Such a call takes the stages above `fanout` from here, with a budget of its own. It is given nothing fresh from the
cache, joins no other call, and leaves nothing behind. Old entries stand in for it as for a real failure.
A call that only comes late goes on, through the stages that it shares with all others, to the service.
"""

from bff.clock import Clock
from bff.events import AttemptFinished, Notify
from bff.policy.caching import CacheRules
from bff.upstream.cache import keys as naming
from bff.upstream.cache.lookup import lookup_of
from bff.upstream.cache.tiers import EntryCache
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.call import Call, Handler, Stage
from bff.upstream.transport.patience import FairTimeout


class WhereItReaches:
    """Applies a stage that forgets what changes make untrue, but only to changes that reach the service."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Pass *call* on, through the stage where it is a change that is really made."""
        fault = call.injection.alone if call.injection is not None else None
        changes = not call.cacheable and fault is not None and fault.reaches
        return await (self._stage(call, send) if changes else send(call))


class Remember:
    """Looks up what is kept, as a stand-in only.

    Args:
        rules: What may be kept.
        entries: Where it is kept.
        changes: What becomes of calls that may change something.
        version: Of the application's types.
    """

    def __init__(self, rules: CacheRules, entries: EntryCache, changes: WhereItReaches, *, version: str) -> None:
        self._rules = rules
        self._entries = entries
        self._changes = changes
        self._version = version

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Pass *call* on with what is known of it."""
        if not call.cacheable:
            return await self._changes(call, send)
        injection = call.injection
        if self._rules.scope != "off" and not (injection is not None and injection.cold):
            await self._look(call)
        return await send(call)

    async def _look(self, call: Call) -> None:
        call.lookup = lookup = lookup_of(call, self._rules, self._version)
        if call.split is None:
            found = await self._entries.find(lookup.keys, call.headers)
            lookup.entry = found.entry if found is not None else None
            return
        names = {key: [naming.item(base, key) for base in lookup.keys] for key in call.split.keys}
        kept = await self._entries.find_many([name for listed in names.values() for name in listed])
        lookup.items = {
            key: next(kept[name].entry for name in listed if name in kept)
            for key, listed in names.items()
            if any(name in kept for name in listed)
        }


class Faults:
    """Does the fault, in place of an attempt or before one.

    Args:
        timeout: Longest attempt, in seconds.
        group: The endpoint group, for events.
        clock: Tells the time.
        notify: Told of each attempt that was made to fail; not counted by anybody.
    """

    def __init__(self, timeout: float, *, group: str, clock: Clock, notify: Notify) -> None:
        self._timeout = timeout
        self._group = group
        self._clock = clock
        self._notify = notify

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Fail *call*, or pass it on late.

        Raises:
            UpstreamError: As if the service had failed; or what it really did.
        """
        assert call.injection is not None
        started, reached = self._clock.now(), False
        left = call.deadline - started
        limit = min(self._timeout, left)
        try:
            with FairTimeout(limit):
                await call.injection.strike_alone(call)
                reached = True
                return await send(call)
        except TimeoutError as error:
            phase = "attempt" if self._timeout < left else call.limited_by
            late = UpstreamError(
                Outcome.READ_TIMEOUT, f"no whole answer within {limit * 1000:.0f} ms, injected", phase=phase
            )
            self._tell(call, late, started)
            raise late from error
        except UpstreamError as error:
            if not reached:
                self._tell(call, error, started)
            raise

    def _tell(self, call: Call, error: UpstreamError, started: float) -> None:
        call.seconds = self._clock.now() - started
        self._notify(
            AttemptFinished(
                call.upstream,
                call.endpoint,
                None,
                error.outcome,
                call.seconds,
                error.status,
                call.request_id,
                call.attempt,
                self._group,
                call.number,
            )
        )
