"""A sleep that something else may end."""

import asyncio

from bff.clock import Clock


async def sleep_unless(event: asyncio.Event, seconds: float, clock: Clock) -> None:
    """Wait for *seconds* on *clock*, or until *event* is set."""
    waits = [asyncio.ensure_future(clock.sleep(seconds)), asyncio.ensure_future(event.wait())]
    try:
        await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for one in waits:
            one.cancel()
