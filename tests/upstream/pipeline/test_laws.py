"""What the pipeline promises holds, whatever a service does for minutes; on a virtual clock, from a seed."""

import asyncio
from random import Random

import pytest

from bff.events import AttemptFinished, BreakerChanged, BreakerProbed, Retrying
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.testing import VirtualClock
from bff.upstream.client import open_upstreams
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.call import Call

FAILURES = [Outcome.RESET, Outcome.CONNECT, Outcome.GATEWAY_ERROR, Outcome.SERVER_ERROR, Outcome.THROTTLED]
RATE = 40
BAD = 30.0
GOOD = 130.0
"""Twice the longest open time, and ten seconds."""


class World:
    """A service that is bad for half a minute and then well, and callers who do not care."""

    def __init__(self, seed):
        self.rng = Random(seed)
        self.clock = VirtualClock(turns=12)
        self.start = self.clock.now()
        self.events = []
        self.share = self.rng.choice([0.3, 0.6, 0.9, 1.0])
        self.kinds = self.rng.sample(FAILURES, self.rng.randint(1, len(FAILURES)))
        self.arrivals = {}
        self.late = []
        self.upstreams = open_upstreams(
            {"c": UpstreamPolicy(hosts=("http://127.0.0.1:1", "http://127.0.0.1:2"))},
            OperationsPolicy(),
            open_transport=lambda limits: self,
            clock=self.clock,
            rng=self.rng,
            notify=lambda event: self.events.append((self.clock.now(), event)),
        )
        self.pipelines = self.upstreams["c"].pipelines

    async def send(self, request):
        if not self.clock.now() - self.start < BAD or self.rng.random() > self.share:
            await self.clock.sleep(0.005)
            self.arrive(request)
            return Response(200, {}, b"{}")
        kind = self.rng.choice(self.kinds)
        if kind is not Outcome.CONNECT:
            self.arrive(request)
        raise UpstreamError(kind, "as told", status=429 if kind is Outcome.THROTTLED else None)

    def arrive(self, request):
        key = request.headers["x-request-id"]
        self.arrivals[key] = self.arrivals.get(key, 0) + 1

    async def close(self):
        pass

    async def call(self, number):
        safe = number % 2 == 0
        method = "GET" if safe else "POST"
        deadline = self.clock.now() + 1.0
        call = Call("c", "e", method, "/", {"x-request-id": str(number)}, None, safe, str(number), deadline)
        try:
            await self.pipelines.default(call)
        except UpstreamError as error:
            return error.outcome
        finally:
            self.late.append(self.clock.now() - deadline)
        return Outcome.OK

    async def run(self):
        outcomes = []

        async def one(number):
            await self.clock.sleep(number / RATE)
            outcomes.append((self.clock.now() - self.start, await self.call(number)))

        await asyncio.gather(*(one(number) for number in range(int((BAD + GOOD) * RATE))))
        return outcomes


@pytest.mark.parametrize("seed", range(4))
async def test_what_the_pipeline_promises_holds_through_an_outage_and_after_it(seed):
    world = World(seed)

    outcomes = await world.clock.run(world.run())

    unsafe = {number: count for number, count in world.arrivals.items() if int(number) % 2}
    assert set(unsafe.values()) <= {1}, "nothing is done twice that must not be"
    assert max(world.late) <= 0.02, "no deadline is exceeded"
    retries = sum(isinstance(event, Retrying) for _, event in world.events)
    assert retries <= 0.2 * len(outcomes) + 2 * (BAD + GOOD), "retries keep to their budget"
    assert all(outcome is Outcome.OK for when, outcome in outcomes if when > BAD + GOOD - 10), "it is used again"
    assert world.pipelines.permits.in_flight == 0
    assert [member.active for member in world.pipelines.cluster.members] == [0, 0]
    assert calls_while_open(world.events) == 0
    opened = any(isinstance(event, BreakerChanged) and event.after == "open" for _, event in world.events)
    assert opened or world.share < 1, "a service that is down altogether is left alone"
    await world.upstreams.close()


def calls_while_open(events):
    """Return how many attempts ended between an opening and the next probe that were no stragglers."""
    state, late, opened = "closed", 0, 0.0
    for when, event in events:
        if isinstance(event, BreakerChanged):
            state, opened = event.after, when
        elif isinstance(event, BreakerProbed):
            continue
        elif isinstance(event, AttemptFinished) and state == "open":
            late += when - event.seconds > opened
    return late
