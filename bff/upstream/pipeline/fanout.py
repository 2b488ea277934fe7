"""One operation cannot start any number of attempts: some at once, some in all (BH-3)."""

import asyncio
from collections import deque

from bff.clock import Clock
from bff.codes import Code
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.call import Call, Handler


class Fanout:
    """The attempts of one operation.

    Attributes:
        running: Those under way.
        total: Those begun or waiting to begin, in all.
        waiting: Whoever wants to begin and has to wait, oldest first.
        sent: How often each endpoint was really called, by `upstream.endpoint`; what the client pays for (RL-10).
    """

    __slots__ = ("running", "sent", "total", "waiting")

    def __init__(self) -> None:
        self.running = 0
        self.total = 0
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.sent: dict[str, int] = {}

    def count(self, call: Call) -> None:
        """Note that *call* is really sent."""
        name = f"{call.upstream}.{call.endpoint}"
        self.sent[name] = self.sent.get(name, 0) + 1


class FanoutExceeded(UpstreamError):
    """An operation wanted more attempts than it may have; nothing was sent."""

    def __init__(self, detail: str, *, upstream: str = "", endpoint: str = "") -> None:
        super().__init__(Outcome.POOL, detail, sent=False, upstream=upstream, endpoint=endpoint)

    @property
    def code(self) -> Code:
        """What the client reads: its own operation is the cause, not the service."""
        return Code.OPERATION_FANOUT_EXCEEDED

    def fresh(self) -> UpstreamError:
        """Return an equal error without traceback."""
        return FanoutExceeded(self.detail, upstream=self.upstream, endpoint=self.endpoint)


class FanoutGuard:
    """Bounds the attempts of each operation; one stage for all upstreams would do, for it keeps nothing itself.

    Args:
        at_once: Attempts of one operation that may run at the same time; further ones wait.
        in_all: Attempts of one operation; further ones fail.
        clock: Tells the time.
    """

    def __init__(self, at_once: int, in_all: int, *, clock: Clock) -> None:
        self._at_once = at_once
        self._in_all = in_all
        self._clock = clock

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Pass *call* on when its operation has room for it.

        Raises:
            FanoutExceeded: It has not, or not before the call's deadline.
        """
        fanout = call.fanout
        if fanout is None:
            return await send(call)
        if fanout.total >= self._in_all:
            raise FanoutExceeded(f"the operation has begun {fanout.total} attempts, as many as it may")
        fanout.total += 1
        if fanout.running < self._at_once and not fanout.waiting:
            fanout.running += 1
        else:
            await self._wait(fanout, call.deadline)
        try:
            return await send(call)
        finally:
            _pass_on(fanout)

    async def _wait(self, fanout: Fanout, deadline: float) -> None:
        """Wait for a place, which whoever leaves hands over."""
        place = asyncio.get_running_loop().create_future()
        fanout.waiting.append(place)
        alarm = asyncio.ensure_future(self._clock.sleep(deadline - self._clock.now()))
        try:
            await asyncio.wait((place, alarm), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if place.done():
                _pass_on(fanout)
            raise
        finally:
            alarm.cancel()
            if not place.done():
                fanout.waiting.remove(place)
        if not place.done():
            raise FanoutExceeded(f"{fanout.running} attempts of the operation were running all the time")


def _pass_on(fanout: Fanout) -> None:
    if fanout.waiting:
        fanout.waiting.popleft().set_result(None)
    else:
        fanout.running -= 1
