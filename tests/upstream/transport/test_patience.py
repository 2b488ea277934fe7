"""Who stood still pays for it."""

import asyncio
import time

import pytest

from bff.upstream.transport.patience import FairTimeout

STALL = 0.08


async def test_an_answer_that_is_there_after_our_own_stall_is_taken():
    """Fault 31: a garbage collection of ours is no failure of a service."""
    loop = asyncio.get_running_loop()
    answer = loop.create_future()
    loop.call_soon(time.sleep, STALL)
    loop.call_later(STALL * 1.2, answer.set_result, "there")

    with FairTimeout(STALL / 2):
        assert await answer == "there"


async def test_time_is_up_when_the_loop_was_idle():
    with pytest.raises(TimeoutError), FairTimeout(0.01):
        await asyncio.Event().wait()


async def test_a_stall_gives_no_more_than_the_limit_once_more():
    asyncio.get_running_loop().call_soon(time.sleep, STALL)
    with pytest.raises(TimeoutError), FairTimeout(0.01):
        await asyncio.Event().wait()


async def test_a_cancellation_stays_one():
    async def body():
        with FairTimeout(10):
            await asyncio.Event().wait()

    task = asyncio.ensure_future(body())
    await asyncio.sleep(0)
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
