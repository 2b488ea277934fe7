"""A host dies and returns under load, on real sockets, and callers hardly notice (fault 23; LB-5, LB-9, OE-2)."""

import asyncio
import time
from random import Random

import pytest

from bff.clock import SystemClock
from bff.context import Context, Deadline, Operation
from bff.events import AttemptFinished, HealthChanged, HostEjected, HostsCounted
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.testing import FakeUpstream
from bff.upstream.client import open_upstreams
from bff.upstream.declare import Upstream
from bff.upstream.errors import UpstreamError
from bff.upstream.transport.engines import open_transport

thing = Upstream("catalog").get("/thing", returns=dict, name="thing")
INTERVAL = 0.1
RATE = 200


class Load:
    """Two hosts, and calls at a steady rate."""

    def __init__(self, fakes, /, **policy):
        self.clock, self.events, self.failed, self.calls = SystemClock(), [], 0, 0
        rng = Random(1)
        urls = [fake.url for fake in fakes]
        self.upstreams = open_upstreams(
            {"catalog": UpstreamPolicy.model_validate({"hosts": urls, **policy})},
            OperationsPolicy(),
            open_transport=lambda limits: open_transport(limits, clock=self.clock, rng=rng),
            clock=self.clock,
            rng=rng,
            notify=self.events.append,
        )

    async def __aenter__(self):
        await self.upstreams.start()
        return self

    async def __aexit__(self, *_):
        await self.upstreams.close()

    async def call(self):
        operation = Operation("r", Deadline.after(5, self.clock), self.upstreams)
        self.calls += 1
        try:
            await thing(Context(operation, frozenset({thing}), "test"))
        except UpstreamError:
            self.failed += 1

    async def run(self, seconds):
        until, tasks = time.monotonic() + seconds, []
        while time.monotonic() < until:
            tasks.append(asyncio.ensure_future(self.call()))
            await asyncio.sleep(1 / RATE)
        await asyncio.gather(*tasks)

    async def run_until(self, true, limit):
        """Run load until *true*, and return how long that took."""
        started = time.monotonic()
        while not true():
            assert time.monotonic() - started < limit
            await self.run(0.01)
        return time.monotonic() - started

    def told(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def hosts():
    fakes = [FakeUpstream(), FakeUpstream()]
    for fake in fakes:
        fake.on("GET", "/thing", json={"ok": True})
        fake.on("GET", "/health", json={"ok": True})
        await fake.start()
    yield fakes
    for fake in fakes:
        await fake.close()


ZONES = ("near", "far")
CHECKED = {
    "health": {"path": "/health", "interval": "100ms", "timeout": "80ms", "no_traffic_interval": "1s"},
    "outlier": {"base": "300ms"},
    "slow_start": {"window": "300ms"},
}


async def test_a_host_of_two_dies_under_load_and_returns(hosts):
    """Fewer than 0.5 % of calls fail; back within two probe intervals of its return; no flapping."""
    dead = hosts[1]
    async with Load(hosts, **CHECKED) as load:
        await load.run(0.3)
        await dead.stop()
        await load.run(1.0)
        ejections = load.told(HostEjected)
        assert [event.origin for event in ejections] == [dead.url]
        assert [(event.origin, event.state) for event in load.told(HealthChanged)] == [(dead.url, "unhealthy")]

        await dead.start()
        took = await load.run_until(lambda: load.told(HostsCounted)[-1].available == 2, limit=2)
        arrived = len(dead.arrivals)
        await load.run(0.5)

    # Two intervals, each up to 20 % longer, a check under way, and a slow machine.
    assert took < 3 * 1.2 * INTERVAL + 0.2
    assert [event.state for event in load.told(HealthChanged)] == ["unhealthy", "healthy"]
    assert load.told(HostEjected) == ejections
    assert sum(request.path == "/thing" for request in dead.arrivals[arrived:]) > 10
    assert load.calls > 200
    assert load.failed / load.calls < 0.005


async def test_oe2_without_retry_a_dead_host_costs_five_calls_and_those_under_way(hosts):
    async with Load(hosts, retry={"attempts": 1}) as load:
        await load.run(0.2)
        await hosts[1].stop()
        await load.run_until(lambda: load.told(HostEjected), limit=10)
        await load.run(0.2)

    assert 1 <= load.failed <= 12
    (ejection,) = load.told(HostEjected)
    failures = [event for event in load.told(AttemptFinished) if event.outcome != "OK"]
    assert ejection.cause == "local failures"
    assert len(failures) == load.failed


async def test_lb14_one_host_of_three_dies_and_costs_five_attempts_and_no_call(hosts):
    """LB-14, with the one retry that is the default."""
    third = FakeUpstream()
    third.on("GET", "/thing", json={"ok": True})
    async with third, Load([*hosts, third]) as load:
        for _ in range(60):
            await load.call()
        await third.stop()
        for _ in range(200):
            await load.call()

    failures = [event for event in load.told(AttemptFinished) if event.outcome != "OK"]
    assert load.failed == 0
    assert 1 <= len(failures) <= 5


async def test_fault_23_a_host_that_answers_500_is_ejected(hosts):
    hosts[1].on("GET", "/thing", status=500)
    async with Load(hosts) as load:
        await load.run_until(lambda: load.told(HostEjected), limit=10)
        await load.run(0.2)

    assert [event.cause for event in load.told(HostEjected)] == ["upstream failures"]
    assert load.failed <= 8


async def test_fault_24_a_zone_dies_and_returns(hosts):
    """Calls go to the near zone, fail over to the far one, and come back by themselves."""
    near, far = hosts
    places = [{"url": host.url, "zone": zone} for host, zone in zip(hosts, ZONES, strict=True)]
    balance = {"zone": "near", "failback_hold": "200ms"}
    async with Load(hosts, **{**CHECKED, "hosts": places, "balance": balance}) as load:
        await load.run(0.2)
        assert {request.path for request in far.arrivals} <= {"/health"}

        await near.stop()
        await load.run(0.6)
        served_by_far = sum(request.path == "/thing" for request in far.arrivals)
        assert served_by_far > 20

        await near.start()
        seen = len(near.arrivals)
        await load.run_until(lambda: any(one.path == "/thing" for one in near.arrivals[seen:]), limit=3)
        rested = len(far.arrivals)
        await load.run(0.3)

    assert load.failed / load.calls < 0.005
    assert sum(request.path == "/thing" for request in far.arrivals[rested:]) <= 2


async def test_an_upstream_without_checks_and_calls_hears_nothing(hosts):
    async with Load(hosts):
        await asyncio.sleep(0.05)

    assert hosts[0].arrivals == hosts[1].arrivals == []
    assert hosts[0].accepted_connections == 0
