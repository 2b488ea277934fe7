"""Sends a slow call a second time, to another host; the first usable answer wins (HG-1 to HG-5)."""

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

from bff.clock import Clock
from bff.events import HedgeFinished, Notify
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.pipeline.budget import RetryBudget
from bff.upstream.pipeline.call import Call, Handler
from bff.upstream.pipeline.latency import RecentLatency

_LEAST_LEVEL = 0.5

Send = asyncio.Task[Response]
"""One of the two sends of a call."""


class Hedge:
    """Hedges the calls of one endpoint; built only where policy says so and there are two hosts.

    Args:
        min_delay: Shortest time before the second send, in seconds.
        latency: What is usual; shared by the endpoint group.
        hedges: The budget of second sends, without reserve (HG-3).
        retries: The budget of all repetitions, which a second send draws from, too (RT-3).
        calm: Whether the service can take more: its breaker is closed, its limiter not at the limit (HG-5).
        retryable: Whether a failure is one that another host may not have.
        clock: Tells the time and waits.
        notify: Told how each second send ended.
    """

    def __init__(
        self,
        *,
        min_delay: float,
        latency: RecentLatency,
        hedges: RetryBudget,
        retries: RetryBudget,
        calm: Callable[[], bool],
        retryable: Callable[[Call, UpstreamError], bool],
        clock: Clock,
        notify: Notify,
    ) -> None:
        self._min_delay = min_delay
        self._latency = latency
        self._hedges = hedges
        self._retries = retries
        self._calm = calm
        self._retryable = retryable
        self._clock = clock
        self._notify = notify

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Return the first usable response; whoever loses is cancelled and awaited before.

        Raises:
            UpstreamError: Neither send brought one.
        """
        now = self._clock.now()
        first_send = call.attempt == 1
        if first_send:
            self._hedges.deposit(now)
        usual = self._latency.p95(now) if call.safe and call.repeatable and first_send else None
        if usual is None:
            response = await send(call)
        else:
            response = await self._race(call, send, max(self._min_delay, usual))
        self._latency.add(self._clock.now(), call.seconds)
        return response

    async def _race(self, call: Call, send: Handler, delay: float) -> Response:
        first = asyncio.create_task(_run(call, send))
        sends = {first: call}
        try:
            await self._patience(first, delay)
            if first.done() and not self._worth_another(call, first):
                return first.result()
            now = self._clock.now()
            if not self._affordable(now):
                return await first
            twin = call.twin()
            sends[asyncio.create_task(_run(twin, send))] = twin
            winner = await self._first_usable(sends)
            self._adopt(call, sends[winner])
            won = winner is not first
            self._notify(HedgeFinished(call.upstream, call.endpoint, call.request_id, delay, won, call.number))
            return winner.result()
        finally:
            await _end(tuple(sends))

    async def _patience(self, first: Send, delay: float) -> None:
        alarm = asyncio.create_task(self._clock.sleep(delay))
        try:
            racers: tuple[asyncio.Task[Any], ...] = (first, alarm)
            await asyncio.wait(racers, return_when=asyncio.FIRST_COMPLETED)
        finally:
            await _end((alarm,))

    def _worth_another(self, call: Call, first: Send) -> bool:
        error = None if first.cancelled() else first.exception()
        return isinstance(error, UpstreamError) and self._retryable(call, error)

    def _affordable(self, now: float) -> bool:
        return (
            self._calm()
            and self._retries.level(now) >= _LEAST_LEVEL
            and self._hedges.balance(now) >= 1
            and self._retries.withdraw(now)
            and self._hedges.withdraw(now)
        )

    async def _first_usable(self, sends: dict[Send, Call]) -> Send:
        """Return the first send that succeeds, or that fails in a way that ends all; the last one otherwise."""
        pending = set(sends)
        last = next(iter(sends))
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            # A success of the same moment goes before a failure; apart from that, the order of sending decides.
            for last in sorted((send for send in sends if send in done), key=_has_failed):
                if not self._worth_another(sends[last], last):
                    return last
        return last

    @staticmethod
    def _adopt(call: Call, winner: Call) -> None:
        call.attempt += 1
        call.origin, call.prefix, call.tried = winner.origin, winner.prefix, winner.tried
        call.value, call.seconds, call.limit = winner.value, winner.seconds, winner.limit


def _has_failed(send: Send) -> bool:
    return send.cancelled() or send.exception() is not None


async def _run(call: Call, send: Handler) -> Response:
    return await send(call)


async def _end(tasks: Iterable[asyncio.Task[Any]]) -> None:
    """Cancel what still runs and wait until it has ended, so that permits are free and sockets closed (HG-4)."""
    running = [task for task in tasks if not task.done()]
    for task in running:
        task.cancel()
    if running:
        await asyncio.wait(running)
    for task in tasks:
        if not task.cancelled():
            task.exception()
