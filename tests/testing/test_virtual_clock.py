"""Hours pass in no time, and everything that waits wakes in its order and at its moment."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.clock import Clock
from bff.testing import VirtualClock


async def test_it_is_a_clock(virtual_clock):
    clock: Clock = virtual_clock
    start, wall = clock.now(), clock.wall()

    await virtual_clock.advance(5)

    assert (clock.now() - start, clock.wall() - wall) == (5, 5)


async def test_nobody_wakes_before_time(virtual_clock):
    task = asyncio.create_task(virtual_clock.sleep(10))

    await virtual_clock.advance(9.999)
    early = task.done()
    await virtual_clock.advance(0.001)

    assert (early, task.done()) == (False, True)


@given(st.lists(st.integers(1, 50), max_size=20))
def test_sleepers_wake_in_the_order_of_their_moments(delays):
    """Equal moments wake in the order of falling asleep."""
    woken = []

    async def scenario():
        clock = VirtualClock()

        async def sleeper(number, delay):
            await clock.sleep(delay)
            woken.append((clock.now(), delay, number))

        start = clock.now()
        tasks = [asyncio.create_task(sleeper(n, delay)) for n, delay in enumerate(delays)]
        await clock.advance(50)
        assert all(task.done() for task in tasks)
        return start

    start = asyncio.run(scenario())

    assert woken == sorted(woken)
    assert [moment - start for moment, _, _ in woken] == [delay for _, delay, _ in woken]


async def test_one_advance_sees_sleep_after_sleep(virtual_clock):
    moments = []

    async def ticking():
        for _ in range(100):
            await virtual_clock.sleep(36)
            moments.append(virtual_clock.now())

    start = virtual_clock.now()
    task = asyncio.create_task(ticking())

    await virtual_clock.advance(3600)

    assert task.done()
    assert moments == [start + 36 * n for n in range(1, 101)]


async def test_a_long_chain_of_tasks_acts_at_the_moment_it_was_woken(virtual_clock):
    """Awaiting through ten tasks takes no time, as it does in life."""
    seen = []

    async def layer(depth):
        if depth:
            await asyncio.create_task(layer(depth - 1))
        else:
            await virtual_clock.sleep(1)

    async def top():
        await layer(10)
        seen.append(virtual_clock.now())

    start = virtual_clock.now()
    task = asyncio.create_task(top())
    await virtual_clock.advance(100)

    assert task.done()
    assert seen == [start + 1]


async def test_a_cancelled_sleeper_is_gone(virtual_clock):
    task = asyncio.create_task(virtual_clock.sleep(10))
    await virtual_clock.advance(1)
    asleep = virtual_clock.sleepers

    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert (asleep, virtual_clock.sleepers) == (1, 0)
    await virtual_clock.advance(100)


async def test_sleeping_for_nothing_lets_others_run(virtual_clock):
    order = []

    async def other():
        order.append("other")

    task = asyncio.create_task(other())
    await virtual_clock.sleep(0)
    order.append("self")

    assert order == ["other", "self"]
    await task


async def test_run_moves_time_as_far_as_the_work_needs(virtual_clock):
    async def work():
        async with asyncio.TaskGroup() as group:
            for hours in (3, 1, 2):
                group.create_task(virtual_clock.sleep(hours * 3600))
        return "done"

    start = virtual_clock.now()

    assert await virtual_clock.run(work()) == "done"
    assert virtual_clock.now() - start == 3 * 3600


async def test_run_does_not_hang_on_what_time_does_not_bring(virtual_clock):
    cancelled = []

    async def work():
        try:
            await asyncio.get_running_loop().create_future()
        except asyncio.CancelledError:
            cancelled.append(True)
            raise

    with pytest.raises(RuntimeError, match="waits for something else"):
        await virtual_clock.run(work())

    assert cancelled == [True]


async def test_run_passes_errors_on(virtual_clock):
    async def work():
        await virtual_clock.sleep(1)
        raise LookupError("gone")

    with pytest.raises(LookupError, match="gone"):
        await virtual_clock.run(work())


async def test_the_wall_clock_may_jump_while_durations_do_not(virtual_clock):
    before, wall = virtual_clock.now(), virtual_clock.wall()

    virtual_clock.step_wall(-3600)

    assert virtual_clock.now() == before
    assert virtual_clock.wall() == wall - 3600


async def test_time_does_not_run_backwards(virtual_clock):
    with pytest.raises(ValueError, match="backwards"):
        await virtual_clock.advance(-1)
