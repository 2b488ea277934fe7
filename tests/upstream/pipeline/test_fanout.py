"""One operation cannot start any number of attempts (BH-3)."""

import asyncio

import pytest

from bff.testing import VirtualClock
from bff.upstream.message import Response
from bff.upstream.pipeline.fanout import Fanout, FanoutExceeded, FanoutGuard

OK = Response(200, {}, b"")


@pytest.fixture
def world(make_call):
    class World:
        def __init__(self, at_once=64, in_all=256):
            self.clock = VirtualClock(turns=5)
            self.guard = FanoutGuard(at_once, in_all, clock=self.clock)
            self.fanout = Fanout()
            self.running = self.most = 0

        async def send(self, call):
            self.running += 1
            self.most = max(self.most, self.running)
            try:
                await self.clock.sleep(1)
            finally:
                self.running -= 1
            return OK

        def ask(self, deadline=1e9):
            return asyncio.ensure_future(self.guard(make_call(fanout=self.fanout, deadline=deadline), self.send))

    return World


async def test_bh3_64_run_at_once_and_the_others_wait(world):
    some = world()
    tasks = [some.ask() for _ in range(200)]

    await some.clock.advance(10)

    assert some.most == 64
    assert all(task.result() is OK for task in tasks)
    assert (some.fanout.running, some.fanout.total, len(some.fanout.waiting)) == (0, 200, 0)


async def test_bh3_the_257th_attempt_fails(world):
    some = world(at_once=1000)
    for _ in range(256):
        some.ask()

    await some.clock.advance(0)
    with pytest.raises(FanoutExceeded) as told:
        await some.ask()

    assert (told.value.code, told.value.sent) == ("OPERATION_FANOUT_EXCEEDED", False)
    assert told.value.fresh().code == "OPERATION_FANOUT_EXCEEDED"
    await some.clock.advance(2)


async def test_bh3_whoever_waits_for_a_place_counts_towards_the_total(world):
    """Otherwise all who wait would be let through in the end, however many they are."""
    some = world(at_once=1, in_all=2)
    tasks = [some.ask() for _ in range(3)]

    await some.clock.advance(10)

    assert [task.exception() is None for task in tasks] == [True, True, False]


async def test_bh3_waiting_ends_at_the_calls_deadline(world):
    some = world(at_once=1)
    some.ask()
    late = some.ask(deadline=some.clock.now() + 0.5)

    await some.clock.advance(0.5)

    assert isinstance(late.exception(), FanoutExceeded)
    await some.clock.advance(1)
    assert (some.fanout.running, len(some.fanout.waiting)) == (0, 0)


async def test_bh5_a_caller_that_leaves_gives_its_place_on(world):
    some = world(at_once=1)
    first, leaving, last = some.ask(), some.ask(), some.ask()
    await some.clock.advance(0)

    first.cancel()
    leaving.cancel()
    await some.clock.advance(2)

    assert last.result() is OK
    assert some.fanout.running == 0


async def test_calls_of_no_operation_are_not_counted(world, make_call):
    some = world(at_once=0, in_all=0)

    task = asyncio.ensure_future(some.guard(make_call(), some.send))
    await some.clock.advance(1)

    assert task.result() is OK
