"""How many attempts run at once, and who waits for how long (BH-1, BH-4, BH-5)."""

import asyncio
import math
from collections import OrderedDict
from datetime import timedelta
from typing import Literal

from bff.clock import Clock
from bff.events import LimitChanged, Notify, PermitRefused, PermitWaited
from bff.policy.model import UpstreamPolicy
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.adaptive import Gradient2
from bff.upstream.pipeline.call import Call, Handler
from bff.upstream.pipeline.codel import Codel

_SLOW = 0.8
"""Part of the attempt timeout after which an attempt is slow (CB-4)."""

Reason = Literal["queue full", "waited too long", "overloaded"]


class _Waiter:
    __slots__ = ("deadline", "future", "since")

    def __init__(self, since: float, deadline: float, future: "asyncio.Future[Reason | None]") -> None:
        self.since = since
        self.deadline = deadline
        self.future = future


class Permits:
    """A counted number of permits with a queue; each permit is given back exactly once.

    Oldest first while all is well; while the queue stands, newest first, for those have callers that still wait.

    Args:
        limit: Permits in all.
        queue: How many may wait.
        codel: Says how long.
        clock: Tells the time.

    Attributes:
        limit: May be changed at any time; permits that are out already are not called back.
        in_flight: Permits that are out.
    """

    def __init__(self, limit: int, queue: int, codel: Codel, *, clock: Clock) -> None:
        self.limit = limit
        self.in_flight = 0
        self._queue_limit = queue
        self._codel = codel
        self._clock = clock
        self._queue: OrderedDict[_Waiter, None] = OrderedDict()
        self._empty_since = -math.inf
        self._reaper: asyncio.Task[None] | None = None
        self._reaps_at = 0.0

    @property
    def waiting(self) -> int:
        """How many wait."""
        return len(self._queue)

    def take(self) -> bool:
        """Take a permit if one is free and nobody waits for it."""
        if self.in_flight < self.limit and not self._queue:
            self.in_flight += 1
            return True
        return False

    async def wait(self, deadline: float) -> Reason | None:
        """Wait for a permit; return why there is none, None when it was given.

        Args:
            deadline: Moment at which waiting makes no sense any more.
        """
        if len(self._queue) >= self._queue_limit:
            return "queue full"
        now = self._clock.now()
        waiter = _Waiter(now, deadline, asyncio.get_running_loop().create_future())
        if not self._queue:
            self._codel.empty(now - self._empty_since)
        self._queue[waiter] = None
        self._watch(min(deadline, now + self._codel.longest_wait))
        try:
            return await waiter.future
        except asyncio.CancelledError:
            self._leave(waiter)
            raise

    def give_back(self) -> None:
        """Give a permit back; whoever is next gets it."""
        self.in_flight -= 1
        if self._queue:
            self.serve()

    def serve(self) -> None:
        """Hand out what is free, such as after the limit has grown."""
        if not self._queue:
            return
        now = self._clock.now()
        while self._queue and self.in_flight < self.limit:
            waiter, _ = self._queue.popitem(last=self._codel.overloaded)
            if waiter.future.done():  # cancelled in this very turn, and not yet resumed to say so
                continue
            self.in_flight += 1
            self._codel.waited(now - waiter.since, now)
            waiter.future.set_result(None)
        if not self._queue:
            self._empty_since = now
        elif self._codel.overloaded:
            self._watch(now)

    async def close(self) -> None:
        """Stop looking after the queue; whoever still waits is refused."""
        for waiter in self._queue:
            if not waiter.future.done():
                waiter.future.set_result("overloaded")
        self._queue.clear()
        if self._reaper is not None:
            self._reaper.cancel()
            await asyncio.wait([self._reaper])
            self._reaper = None

    def _leave(self, waiter: _Waiter) -> None:
        """Forget a waiter whose caller has left; a permit that it was given at the last moment goes on."""
        future = waiter.future
        if future.cancelled():
            self._queue.pop(waiter, None)
            self._empty_since = self._clock.now()
        elif future.done() and future.result() is None:
            self.give_back()

    def _watch(self, moment: float) -> None:
        """See to it that the queue is looked at by *moment*."""
        if self._reaper is not None:
            if self._reaps_at <= moment:
                return
            self._reaper.cancel()
        self._reaps_at = moment
        self._reaper = asyncio.create_task(self._reap(), name="bulkhead queue")

    async def _reap(self) -> None:
        me = asyncio.current_task()
        while self._queue:
            await self._clock.sleep(max(0.0, self._reaps_at - self._clock.now()))
            self._expire(self._clock.now())
        if self._reaper is me:
            self._reaper = None

    def _expire(self, now: float) -> None:
        """Refuse everybody whose time is up, and note when to look again."""
        codel = self._codel
        ends = []
        for waiter in tuple(self._queue):
            if waiter.future.done():
                del self._queue[waiter]
                continue
            end = min(waiter.deadline, waiter.since + codel.longest_wait)
            if end > now:
                ends.append(end)
                continue
            del self._queue[waiter]
            reason: Reason = "overloaded" if codel.overloaded else "waited too long"
            codel.waited(now - waiter.since, now)
            waiter.future.set_result(reason)
        self._reaps_at = min(ends, default=now)
        if not self._queue:
            self._empty_since = now


class Bulkhead:
    """Lets only so many attempts through at once, so that one slow service cannot take everything.

    Args:
        permits: What each attempt needs one of.
        limiter: Finds out how many there should be; None where the number is fixed.
        group: The endpoint group that it adapts to.
        slow_after: Seconds from which an attempt that our own deadline ended blames the service (CB-9).
        clock: Tells the time.
        notify: Told of refusals and waits.
    """

    def __init__(
        self,
        permits: Permits,
        limiter: Gradient2 | None = None,
        *,
        group: str = "",
        slow_after: float = 0.0,
        clock: Clock,
        notify: Notify,
    ) -> None:
        self.permits = permits
        self._limiter = limiter
        self._group = group
        self._slow_after = slow_after
        self._clock = clock
        self._notify = notify

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Pass *call* on when it is its turn.

        Raises:
            UpstreamError: It had to wait for too long, or too many wait already; nothing was sent.
        """
        permits = self.permits
        if not permits.take():
            await self.wait(call)
        try:
            if self._limiter is None:
                return await send(call)
            return await self._observed(call, send, self._limiter)
        finally:
            permits.give_back()

    async def close(self) -> None:
        """Refuse whoever still waits."""
        await self.permits.close()

    async def wait(self, call: Call) -> None:
        """Wait for a permit.

        Raises:
            UpstreamError: POOL; there was none in time.
        """
        now = self._clock.now
        started = now()
        reason = await self.permits.wait(call.deadline)
        waited = now() - started
        if reason is None:
            self._notify(PermitWaited(call.upstream, call.endpoint, waited, call.request_id, call.number))
            return
        self._notify(PermitRefused(call.upstream, call.endpoint, reason, waited, call.request_id, call.number))
        raise UpstreamError(
            Outcome.POOL,
            f"{reason}: {self.permits.in_flight} attempts running, {self.permits.waiting} waiting",
            phase="operation" if call.limited_by == "operation" and now() >= call.deadline else "queue",
            sent=False,
        )

    async def _observed(self, call: Call, send: Handler, limiter: Gradient2) -> Response:
        running = self.permits.in_flight
        started = self._clock.now()
        outcome = Outcome.CANCELLED
        try:
            response = await send(call)
            outcome = Outcome.OK
        except UpstreamError as error:
            hasty = error.phase in ("operation", "call") and self._clock.now() - started < self._slow_after
            outcome = Outcome.CANCELLED if hasty else error.outcome
            raise
        else:
            return response
        finally:
            now = self._clock.now()
            if limiter.sample(now - started, running, outcome, now):
                self.permits.limit = limiter.limit
                self._notify(LimitChanged(call.upstream, self._group, limiter.limit))
                self.permits.serve()


def bulkhead_of(policy: UpstreamPolicy, *, clock: Clock, notify: Notify) -> Bulkhead:
    """Return the bulkhead of a whole upstream, as *policy* describes it.

    Args:
        policy: `bulkhead`, `codel` and `timeouts.queue` of it.
        clock: Tells the time.
        notify: Told of refusals and waits.
    """
    permits = Permits(policy.concurrency, policy.bulkhead.queue, _codel_of(policy), clock=clock)
    return Bulkhead(permits, clock=clock, notify=notify)


def adaptive_of(
    policy: UpstreamPolicy, *, group: str = "default", attempt: timedelta, clock: Clock, notify: Notify
) -> Bulkhead:
    """Return what limits one endpoint group to as many attempts as it can take, apart from all others (AC-4).

    Args:
        policy: `adaptive`, `bulkhead`, `codel` and `timeouts.queue` of it.
        group: Names it in events.
        attempt: The group's longest attempt.
        clock: Tells the time.
        notify: Told of refusals, waits and changes.
    """
    limiter = limiter_of(policy)
    permits = Permits(limiter.limit, policy.bulkhead.queue, _codel_of(policy), clock=clock)
    slow_after = attempt.total_seconds() * _SLOW
    return Bulkhead(permits, limiter, group=group, slow_after=slow_after, clock=clock, notify=notify)


def _codel_of(policy: UpstreamPolicy) -> Codel:
    target, interval = policy.codel.target.total_seconds(), policy.codel.interval.total_seconds()
    return Codel(target, interval, policy.timeouts.queue.total_seconds())


def limiter_of(policy: UpstreamPolicy) -> Gradient2:
    """Return what adapts the limit by *policy*, never above what the bulkhead allows."""
    adaptive, most = policy.adaptive, policy.concurrency
    highest = min(adaptive.max, most)
    return Gradient2(
        least=min(adaptive.min, highest),
        initial=min(adaptive.initial, highest),
        most=highest,
        smoothing=adaptive.smoothing,
        tolerance=adaptive.tolerance,
        queue=adaptive.queue,
        long_window=adaptive.long_window,
    )
