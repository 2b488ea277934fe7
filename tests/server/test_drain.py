"""The steps of the way out, on a clock that does not wait."""

import asyncio

import pytest

from bff.policy.model import Drain
from bff.server.drain import LAST_WORDS, drain
from bff.server.lifecycle import Lifecycle, Phase
from bff.testing.virtual_clock import VirtualClock


class Door:
    """Notes when it was told what; `busy` until a moment, or until requests are stopped."""

    def __init__(self, clock, lifecycle, busy_until=0.0):
        self.clock, self.lifecycle, self.busy_until = clock, lifecycle, busy_until
        self.start = clock.now()
        self.log = []

    def elapsed(self):
        return round(self.clock.now() - self.start, 1)

    def announce_closing(self):
        self.log.append(("announce", self.elapsed(), self.lifecycle.phase))

    def close(self):
        self.log.append(("close", self.elapsed(), self.lifecycle.phase))

    def busy(self):
        return self.clock.now() - self.start < self.busy_until


class Request:
    def __init__(self, door):
        self.door, self.stopped_at = door, None

    def shut_down(self):
        self.stopped_at = self.door.elapsed()
        self.door.busy_until = 0.0


@pytest.fixture
def world():
    clock = VirtualClock()
    lifecycle = Lifecycle(clock)
    lifecycle.ready()
    return clock, lifecycle


POLICY = Drain.model_validate({"delay": "5s", "timeout": "20s"})


async def leave(clock, lifecycle, door, hurry=None):
    events = []
    await clock.run(
        drain(POLICY, lifecycle, door, hurry=hurry or asyncio.Event(), clock=clock, notify=events.append)
    )
    return [event.step for event in events]


async def test_readiness_goes_first_and_the_door_stays_open_for_the_delay(world):
    """DR-2: load balancers hear of it late, and what they still send is still served."""
    clock, lifecycle = world
    door = Door(clock, lifecycle)

    steps = await leave(clock, lifecycle, door)

    assert door.log == [("announce", 0.0, Phase.DRAINING), ("close", 5.0, Phase.DRAINING)]
    assert steps == ["draining", "closed", "finished"]
    assert door.elapsed() == 5.0


async def test_requests_in_flight_are_waited_for(world):
    clock, lifecycle = world
    door = Door(clock, lifecycle, busy_until=12.0)
    lifecycle.in_flight.add(request := Request(door))

    steps = await leave(clock, lifecycle, door)

    assert steps == ["draining", "closed", "finished"]
    assert request.stopped_at == pytest.approx(12.0, abs=0.1)


async def test_what_takes_longer_than_the_timeout_is_cancelled(world):
    clock, lifecycle = world
    door = Door(clock, lifecycle, busy_until=1000.0)
    lifecycle.in_flight.add(request := Request(door))

    steps = await leave(clock, lifecycle, door)

    assert steps == ["draining", "closed", "cancelled", "finished"]
    assert request.stopped_at == 25.0
    assert lifecycle.phase is Phase.STOPPING


async def test_what_does_not_even_cancel_is_left_behind(world):
    clock, lifecycle = world
    door = Door(clock, lifecycle, busy_until=1000.0)

    await leave(clock, lifecycle, door)

    assert door.elapsed() == pytest.approx(25.0 + LAST_WORDS, abs=0.1)


async def test_a_second_signal_cancels_at_once(world):
    clock, lifecycle = world
    door = Door(clock, lifecycle, busy_until=1000.0)
    lifecycle.in_flight.add(request := Request(door))
    hurry = asyncio.Event()

    async def impatient():
        await clock.sleep(1.0)
        hurry.set()

    second = asyncio.create_task(impatient())
    await leave(clock, lifecycle, door, hurry)
    await second

    assert request.stopped_at == pytest.approx(1.0, abs=0.1)
