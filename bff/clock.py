"""Time as something that is handed in, so that tests can own it."""

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Where time comes from; durations are in seconds."""

    def now(self) -> float:
        """Return monotonic time in seconds; only differences mean anything."""

    def wall(self) -> float:
        """Return seconds since the Unix epoch, for dates and token lifetimes only (PY-20)."""

    async def sleep(self, seconds: float) -> None:
        """Wait for *seconds*; 0 lets other tasks run."""


class SystemClock:
    """The real clock."""

    now = staticmethod(time.monotonic)
    wall = staticmethod(time.time)
    sleep = staticmethod(asyncio.sleep)
