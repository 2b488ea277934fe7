"""One operation cannot start any number of attempts: some at once, some in all (BH-3)."""

import asyncio
from collections import deque
from collections.abc import Mapping
from typing import NamedTuple

from bff.clock import Clock
from bff.codes import Code
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.call import Call, Handler


class Inherited(NamedTuple):
    """What the calls of one operation to one service take over from the request that asked for it.

    Attributes:
        headers: The header fields that travel on.
        repeatable: Whether calls may be sent again at all; not when our own caller already repeats (RT-7).
    """

    headers: Mapping[str, str]
    repeatable: bool


class Fanout:
    """The attempts of one operation, and what its calls have in common.

    Attributes:
        running: Those under way.
        total: Those begun or waiting to begin, in all.
        waiting: Whoever wants to begin and has to wait, oldest first.
        sent: How often each endpoint was really called, by `upstream.endpoint`; what the client pays for (RL-10).
        inherited: What its calls take over, by the names that a service's policy lets travel on.
    """

    __slots__ = ("inherited", "running", "sent", "total", "waiting")

    def __init__(self) -> None:
        self.running = 0
        self.total = 0
        self.waiting: deque[asyncio.Future[None]] = deque()
        self.sent: dict[str, int] = {}
        self.inherited: dict[tuple[str, ...], Inherited] = {}

    def count(self, call: Call) -> None:
        """Note that *call* is really sent."""
        name, sent = f"{call.upstream}.{call.endpoint}", self.sent
        sent[name] = sent.get(name, 0) + 1


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
        if not self.admits(fanout):
            await self.wait(fanout, call.deadline)
        try:
            return await send(call)
        finally:
            pass_on(fanout)

    def admits(self, fanout: Fanout) -> bool:
        """Count one more attempt of *fanout*; return whether it need not `wait` for its place.

        Raises:
            FanoutExceeded: It would be one too many.
        """
        if fanout.total >= self._in_all:
            raise FanoutExceeded(f"the operation has begun {fanout.total} attempts, as many as it may")
        fanout.total += 1
        if fanout.running >= self._at_once or fanout.waiting:
            return False
        fanout.running += 1
        return True

    async def wait(self, fanout: Fanout, deadline: float) -> None:
        """Wait for a place, which whoever leaves hands over.

        Raises:
            FanoutExceeded: There was none before *deadline*.
        """
        place = asyncio.get_running_loop().create_future()
        fanout.waiting.append(place)
        alarm = asyncio.ensure_future(self._clock.sleep(deadline - self._clock.now()))
        try:
            await asyncio.wait((place, alarm), return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if place.done():
                pass_on(fanout)
            raise
        finally:
            alarm.cancel()
            if not place.done():
                fanout.waiting.remove(place)
        if not place.done():
            raise FanoutExceeded(f"{fanout.running} attempts of the operation were running all the time")


def pass_on(fanout: Fanout) -> None:
    """Give up the place of an attempt that is over, to whoever has waited longest."""
    if fanout.waiting:
        fanout.waiting.popleft().set_result(None)
    else:
        fanout.running -= 1
