"""A time limit that does not blame others for a stall of our own event loop."""

import asyncio
from types import TracebackType

PUNCTUAL = 0.005
"""Seconds by which a timer of an idle loop may be late."""


class FairTimeout:
    """Ends its body after *seconds*, like `asyncio.timeout`, unless our own loop stood still meanwhile.

    A loop that was busy for longer than the limit finds timer and answer due at once and lets the timer win. So a
    timer that comes late gives what it was late by, at most *seconds*, to the answer (fault 31).

    Raises:
        TimeoutError: Time is up.
    """

    __slots__ = ("_due", "_limit", "_loop", "_seconds", "_timer")

    _due: float
    _loop: asyncio.AbstractEventLoop
    _timer: asyncio.TimerHandle

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._limit = asyncio.timeout(None)

    async def __aenter__(self) -> None:
        self._loop = loop = asyncio.get_running_loop()
        await self._limit.__aenter__()
        self._due = loop.time() + self._seconds
        self._timer = loop.call_later(self._seconds, self._look)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        await self._limit.__aexit__(kind, error, trace)

    def _look(self) -> None:
        late = self._loop.time() - self._due
        if late > PUNCTUAL:
            self._timer = self._loop.call_later(min(late, self._seconds), self._end)
        else:
            self._end()

    def _end(self) -> None:
        self._limit.reschedule(self._loop.time())
