"""Equal calls under way at the same time are made once, across operations (CA-12, DL-3)."""

import asyncio
from collections.abc import Callable
from typing import Any

from bff.clock import Clock
from bff.events import Coalesced, Notify
from bff.policy.caching import CacheRules
from bff.upstream.cache.keys import NOISE
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.call import Call, Handler

Rescue = Callable[[Call, UpstreamError], Response | None]
"""Finds a stand-in for one waiter whose own time was up, None where there is none."""


class _Flight:
    """One call under way in a task of its own, and who waits for it; `until` is when its leader's time is up."""

    __slots__ = ("call", "joinable", "key", "place", "task", "tasks", "until", "waiters")

    def __init__(self, key: object, place: int, call: Call, until: float, flights: "Flights") -> None:
        self.key = key
        self.place = place
        self.call = call
        self.until = until
        self.joinable = flights.joinable
        self.tasks = flights.tasks
        self.waiters: list[asyncio.Future[None]] = []
        self.task: asyncio.Task[Response]

    def close(self) -> None:
        """Let nobody join any more."""
        if self.joinable.get(self.place) is self:
            del self.joinable[self.place]

    def landed(self, task: "asyncio.Task[Response]") -> None:
        """Wake all who wait."""
        self.tasks.discard(task)
        self.close()
        if not task.cancelled():
            task.exception()
        for waiter in self.waiters:
            _wake(waiter)


class Flights:
    """The calls of one upstream that are under way, and which of them may be joined."""

    def __init__(self) -> None:
        self.joinable: dict[int, _Flight] = {}
        """By the hash of what they ask, which is not computed again for each step."""
        self.tasks: set[asyncio.Task[Response]] = set()

    async def close(self) -> None:
        """End calls under way."""
        tasks = list(self.tasks)
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)


class Coalesce:
    """Position 3: one live call for all who ask the same at the same time.

    What may change the answer is in the key: endpoint, method, target, body, who asks, and every header that
    travels on but the tracing ones. The call runs in a task of its own, survives waiters that leave and ends
    with the last. Nobody joins a call that began before a change which passed through here.

    Args:
        rules: Say whether to.
        flights: The upstream's calls under way.
        total: Longest call, in seconds.
        reserve: Kept of an operation's time, in seconds.
        clock: Tells the time.
        notify: Told of calls that were not made.
        rescue: Finds a stand-in for a waiter whose time is up before the call's.
    """

    def __init__(
        self,
        rules: CacheRules,
        flights: Flights,
        *,
        total: float,
        reserve: float,
        clock: Clock,
        notify: Notify,
        rescue: Rescue,
    ) -> None:
        self._off = not rules.coalesce or rules.scope == "off"
        self._flights = flights
        self._total = total
        self._reserve = reserve
        self._clock = clock
        self._notify = notify
        self._rescue = rescue

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Make *call*, or wait for the equal one that is under way."""
        if not call.cacheable:
            return await self._alone(call, send)
        if self._off:
            return await send(call)
        key, until = _key(call), call.deadline
        place = hash(key)
        flight = self._flights.joinable.get(place)
        if flight is None or flight.key != key or not self._suits(flight, until):
            flight = self._start(key, place, call, send)
            return await self._result(flight, call, until, leads=True)
        leader = flight.call
        if call.injection is not None and leader.injection is not None:
            call.injection.join(leader.injection)
        self._notify(
            Coalesced(call.upstream, call.endpoint, call.request_id, call.number, leader.request_id, leader.number)
        )
        try:
            return await self._result(flight, call, until - self._reserve, leads=False)
        except UpstreamError as error:
            if (
                error.phase == "operation"
                and self._flights.joinable.get(place) is not flight
                and self._has_time(until)
            ):
                return await self(call, send)
            raise

    async def _alone(self, call: Call, send: Handler) -> Response:
        self._flights.joinable.clear()
        try:
            return await send(call)
        finally:
            self._flights.joinable.clear()

    def _suits(self, flight: _Flight, until: float) -> bool:
        """Return whether *flight* has at least half of the time that a call of one's own would have.

        Where that is not enough in the end, the waiter still has the other half for a call of its own.
        """
        now = self._clock.now()
        return flight.until - now >= min(until - now, self._total) / 2

    def _has_time(self, until: float) -> bool:
        return self._clock.now() + self._reserve < until

    def _start(self, key: object, place: int, call: Call, send: Handler) -> _Flight:
        flights = self._flights
        flight = _Flight(key, place, call, call.deadline, flights)
        work: Any = send(call)
        flight.task = task = asyncio.get_running_loop().create_task(work)
        flights.joinable[place] = flight
        flights.tasks.add(task)
        task.add_done_callback(flight.landed)
        return flight

    async def _result(self, flight: _Flight, call: Call, until: float, *, leads: bool) -> Response:
        loop, task, waiters = asyncio.get_running_loop(), flight.task, flight.waiters
        waiter = loop.create_future()
        waiters.append(waiter)
        # The leader's time bounds the call itself.
        alarm = None if leads else loop.call_later(max(0.0, until - self._clock.now()), _wake, waiter)
        try:
            await waiter
        finally:
            if alarm is not None:
                alarm.cancel()
            waiters.remove(waiter)
            if not waiters and not task.done():
                flight.close()
                task.cancel()
        if not task.done() or (task.cancelled() and self._clock.now() >= until):
            return self._left_behind(call)
        if task.cancelled():
            raise UpstreamError(Outcome.RESET, "the call that was waited for was cancelled")
        error = task.exception()
        if error is None:
            return task.result()
        if leads or not isinstance(error, UpstreamError):
            raise error
        raise error.fresh()

    def _left_behind(self, call: Call) -> Response:
        error = UpstreamError(Outcome.READ_TIMEOUT, "the operation's time was up first", phase="operation")
        found = self._rescue(call, error)
        if found is None:
            raise error
        return found


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


def _key(call: Call) -> object:
    headers = tuple(sorted([pair for pair in call.headers.items() if pair[0] not in NOISE]))
    asker = call.principal if call.speaks_for == "user" else None
    return (call.endpoint, call.method, call.target, call.body, asker, headers)
