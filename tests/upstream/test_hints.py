"""One process that finds a service failing lets the others look closer, and no more than that (CB-12)."""

import asyncio
from random import Random

import pytest

from bff.clock import SystemClock
from bff.policy.caching import StorePolicy
from bff.policy.resilience import Breaker
from bff.store.address import Address
from bff.store.redis_store import RedisStore
from bff.testing.redis_server import RedisServer
from bff.upstream.hints import Hints
from bff.upstream.pipeline.circuit import CircuitBreaker, Thresholds

pytestmark = pytest.mark.xdist_group("redis")


class Process:
    """A breaker and the hints of one process."""

    def __init__(self, url, *, shares=True):
        self.clock = SystemClock()
        self.store = RedisStore(
            Address.parse(url), StorePolicy(), prefix="p:", use="cache", clock=self.clock, notify=lambda _: None
        )
        self.hints = Hints(self.store, clock=self.clock)
        self.circuit = CircuitBreaker(
            Thresholds.of(Breaker(), 1.0), upstream="u", group="g", rng=Random(1), notify=self.hints.notify
        )
        if shares:
            self.hints.watch({("u", "g"): self.circuit})

    def fail(self, times=5):
        for _ in range(times):
            now = self.clock.now()
            permission = self.circuit.acquire(now)
            self.circuit.record(permission, now, failed=True, slow=False, unreached=True)

    async def close(self):
        await self.hints.close()
        await self.store.close()


@pytest.fixture
async def fleet(tmp_path):
    """A function that starts processes which share a Redis and hear each other."""
    server, made = RedisServer(tmp_path), []

    async def start(**options):
        process = Process(server.url, **options)
        made.append(process)
        heard = asyncio.Event()
        process.store.listen(Heard(heard))
        process.store.start()
        await asyncio.wait_for(heard.wait(), 5)
        return process

    yield start
    for process in made:
        await process.close()
    server.stop()


class Heard:
    """Says when a process has begun to listen."""

    def __init__(self, event):
        self._event = event

    def uncertain(self):
        self._event.set()

    def forgotten(self, tags):
        pass


async def until(true):
    async with asyncio.timeout(5):
        while not true():  # noqa: ASYNC110 - a message is on its way
            await asyncio.sleep(0.01)


async def test_a_breaker_that_opens_makes_those_of_others_probe(fleet):
    """Not open: a process that alone cannot reach a service must not black out the fleet."""
    one, other, apart = await fleet(), await fleet(), await fleet(shares=False)

    one.fail()
    await until(lambda: other.circuit.state == "half_open")

    assert one.circuit.state == "open"
    assert apart.circuit.state == "closed"
    now = other.clock.now()
    probes = [other.circuit.acquire(now) for _ in range(5)]
    assert sum(probe is not None for probe in probes) == 3
    for probe in probes[:2]:
        other.circuit.record(probe, now, failed=False, slow=False, unreached=False)
    assert other.circuit.state == "closed"


async def test_what_follows_from_a_hint_is_not_passed_on(fleet):
    """Or two processes would keep each other probing for ever."""
    one, other = await fleet(), await fleet()
    heard = []
    one.store.listen_hints(heard.append)

    one.fail()
    await until(lambda: other.circuit.state == "half_open")
    other.fail(2)
    await until(lambda: heard)
    await asyncio.sleep(0.05)

    assert other.circuit.state == "open"
    assert heard == [("u", "g")]


async def test_a_hint_changes_nothing_for_who_knows_better(fleet):
    one = await fleet()
    one.fail()
    one.hints.hear(("u", "g"))
    one.hints.hear(("u", "unknown"))

    assert one.circuit.state == "open"
