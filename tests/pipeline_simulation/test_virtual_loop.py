"""On the virtual loop asyncio works as everywhere, but nobody waits, and order never changes."""

import asyncio
import time

import pytest

from bff.testing.simulation.virtual_loop import START, LoopClock, Stuck, VirtualLoop, run


def test_an_hour_passes_at_once():
    """Incidents are simulated in full length."""

    async def main(loop):
        await asyncio.sleep(3600)
        return loop.time()

    began = time.monotonic()
    assert run(main) == START + 3600
    assert time.monotonic() - began < 60


def test_whoever_is_due_first_wakes_first_and_equals_in_order_of_their_call():
    """Order must not depend on addresses in memory."""
    woken = []

    async def sleeper(name, seconds):
        await asyncio.sleep(seconds)
        woken.append(name)

    async def main(_):
        await asyncio.gather(sleeper("late", 2), sleeper("one", 1), sleeper("two", 1), sleeper("three", 1))

    run(main)

    assert woken == ["one", "two", "three", "late"]


def test_a_timeout_ends_what_takes_too_long_at_its_moment():
    async def main(loop):
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(1.5):
                await asyncio.Event().wait()
        return loop.time()

    assert run(main) == START + 1.5


def test_a_timeout_that_is_not_needed_moves_no_time():
    """Cancelled timers are forgotten, also by the thousand."""

    async def main(loop):
        for _ in range(5000):
            async with asyncio.timeout(60):
                await asyncio.sleep(0.001)
        assert len(loop._timers) < 300
        return loop.time()

    assert run(main) == pytest.approx(START + 5)


def test_cancelled_tasks_and_queues_work():
    async def main(loop):
        queue = asyncio.Queue()
        task = asyncio.create_task(queue.get())
        await asyncio.sleep(1)
        task.cancel()
        await asyncio.wait([task])
        loop.call_later(1, queue.put_nowait, "letter")
        return task.cancelled(), await queue.get(), loop.time()

    assert run(main) == (True, "letter", START + 2)


def test_a_timer_that_cannot_be_cancelled_runs_between_the_others():
    seen = []

    async def main(loop):
        loop.call_at(START + 1, seen.append, "first")
        loop.at(START + 2, seen.append, "second")
        loop.call_later(3, seen.append, "third")
        await asyncio.sleep(4)

    run(main)

    assert seen == ["first", "second", "third"]


def test_waiting_for_what_never_comes_is_an_error_that_names_who_waits():
    """Instead of a test that hangs."""

    async def main(_):
        asyncio.current_task().set_name("the one who waits")
        await asyncio.Event().wait()

    with pytest.raises(Stuck, match="the one who waits"):
        run(main)


def test_an_exception_that_nobody_looks_at_ends_the_run_in_failure():
    """Nothing goes wrong in silence (G1)."""

    async def fails():
        raise LookupError("lost")

    async def main(_):
        task = asyncio.create_task(fails())
        await asyncio.sleep(1)
        del task

    with pytest.raises(ExceptionGroup) as caught:
        run(main)
    assert caught.group_contains(LookupError, match="lost")


def test_what_still_runs_in_the_end_is_cancelled():
    ended = []

    async def lingers():
        try:
            await asyncio.sleep(1000)
        finally:
            ended.append("cancelled")

    async def main(_):
        task = asyncio.create_task(lingers())
        await asyncio.sleep(1)
        assert not task.done()

    run(main)

    assert ended == ["cancelled"]


def test_sockets_and_threads_are_refused():
    """A simulation that touched the world would not repeat."""

    async def main(loop):
        with pytest.raises(NotImplementedError):
            await loop.create_connection(asyncio.Protocol, "127.0.0.1", 9)
        with pytest.raises(NotImplementedError):
            loop.run_in_executor(None, print)

    run(main)


def test_it_runs_under_the_runner_of_the_standard_library():
    async def main():
        await asyncio.sleep(60)
        return asyncio.get_running_loop().time()

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        assert runner.run(main()) == START + 60


def test_two_loops_do_not_run_at_once_and_a_closed_one_not_at_all():
    async def nested(_):
        coroutine = asyncio.sleep(0)
        with pytest.raises(RuntimeError):
            VirtualLoop().run_until_complete(coroutine)
        coroutine.close()

    run(nested)
    loop = VirtualLoop()
    loop.close()
    coroutine = asyncio.sleep(0)
    with pytest.raises(RuntimeError):
        loop.run_until_complete(coroutine)
    coroutine.close()


def test_the_clock_goes_with_the_loop():
    async def main(loop):
        clock = LoopClock(loop)
        before, wall = clock.now(), clock.wall()
        await clock.sleep(90)
        return clock.now() - before, clock.wall() - wall

    assert run(main) == (90, 90)
