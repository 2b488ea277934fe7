"""Waiting for what an operation brings, as long as it has time."""

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from bff.clock import SystemClock
from bff.context import Operation
from bff.execution.flight import Flight

T = TypeVar("T")


async def until(operation: Operation, result: Awaitable[T], flight: Flight, reserve: float = 0.0) -> T:
    """Return *result*, which is whole, or what is there *reserve* seconds before the time of *operation* is up."""
    alarm = _set_alarm(operation, flight, reserve)
    try:
        return await result
    finally:
        alarm.cancel()
        if isinstance(alarm, asyncio.Task):
            await asyncio.wait({alarm})


def _set_alarm(operation: Operation, flight: Flight, reserve: float) -> asyncio.TimerHandle | asyncio.Task[None]:
    deadline = operation.deadline
    seconds = max(0.0, deadline.remaining() - reserve)

    def stop() -> None:
        operation.expired = True
        flight.stop()

    if isinstance(deadline.clock, SystemClock):  # the loop's own timer costs a tenth of a task
        return asyncio.get_running_loop().call_later(seconds, stop)

    async def sleep_and_stop() -> None:
        await deadline.clock.sleep(seconds)
        stop()

    return asyncio.create_task(sleep_and_stop())
