"""A time limit that does not blame others for a stall of our own event loop."""

import asyncio
from types import TracebackType

PUNCTUAL = 0.005
"""Seconds by which a timer of an idle loop may be late."""


class FairTimeout:
    """Ends its body after *seconds*, like `asyncio.timeout`, unless our own loop stood still meanwhile.

    A loop that was busy for longer than the limit finds timer and answer due at once and lets the timer win. So a
    timer that comes late gives what it was late by, at most *seconds*, to the answer (fault 31).

    Written out instead of built on `asyncio.timeout`, because every attempt has one: it takes a third of the time.

    Raises:
        TimeoutError: Time is up.
    """

    __slots__ = ("_cancelling", "_due", "_expired", "_loop", "_seconds", "_task", "_timer")

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._expired = False

    def __enter__(self) -> None:
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a time limit needs a task that it can end")
        self._task = task
        self._cancelling = task.cancelling()
        self._loop = loop = asyncio.get_running_loop()
        self._due = loop.time() + self._seconds
        self._timer = loop.call_later(max(0.0, self._seconds), self._look)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._timer.cancel()
        if not self._expired:
            return
        # Somebody else's cancellation of the same moment goes before ours.
        if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def _look(self) -> None:
        late = self._loop.time() - self._due
        if late > PUNCTUAL:
            self._timer = self._loop.call_later(min(late, self._seconds), self._end)
        else:
            self._end()

    def _end(self) -> None:
        self._expired = True
        self._task.cancel()
