"""What an operation has under way is told of the stop, and waited for."""

import asyncio

from bff.errors import OperationStopped
from bff.execution.flight import Flight
from bff.testing import VirtualClock


async def test_who_asks_for_the_signal_after_the_stop_finds_it_aborted():
    """`info` is made only where a resolver wants it, the signal with it."""
    early, late = Flight(), Flight()
    asked = early.signal
    early.stop()
    late.stop()

    assert asked.aborted
    assert late.signal.aborted
    assert isinstance(late.signal.reason, OperationStopped)
    assert late.signal is late.signal


async def test_a_task_that_somebody_else_began_is_cancelled_once_and_waited_for():
    flight, cancelled, leave = Flight(), [], asyncio.Event()

    async def slow():
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(1)
            await leave.wait()

    task = asyncio.create_task(slow())
    await asyncio.sleep(0)
    flight.end(task)
    flight.end(task)
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_soon(leave.set)

    assert await flight.ended(VirtualClock(), 1.0) == set()
    assert task.done()
    assert cancelled == [1]


async def test_what_a_task_fails_with_after_it_was_given_up_is_no_news(caplog):
    """Nobody waits for it, and asyncio would complain of an exception that nobody looked at."""
    flight = Flight()

    async def fails():
        try:
            await asyncio.Event().wait()
        finally:
            raise ValueError("late")

    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    flight.end(task)
    await flight.ended(VirtualClock(), 1.0)
    del task

    assert caplog.records == []
