"""A time limit that does not blame others for a stall of our own event loop."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

PUNCTUAL = 0.005
"""Seconds by which a timer of an idle loop may be late."""


@asynccontextmanager
async def fair_timeout(seconds: float) -> AsyncIterator[None]:
    """End the body after *seconds*, like `asyncio.timeout`, unless our own loop stood still meanwhile.

    A loop that was busy for longer than the limit finds timer and answer due at once and lets the timer win. So a
    timer that comes late gives what it was late by, at most *seconds*, to the answer (fault 31).

    Raises:
        TimeoutError: Time is up.
    """
    loop = asyncio.get_running_loop()
    async with asyncio.timeout(None) as limit:
        due = loop.time() + seconds

        def end() -> None:
            limit.reschedule(loop.time())

        def look() -> None:
            late = loop.time() - due
            if late > PUNCTUAL:
                timers.append(loop.call_later(min(late, seconds), end))
            else:
                end()

        timers = [loop.call_later(seconds, look)]
        try:
            yield
        finally:
            for timer in timers:
                timer.cancel()
