"""Whatever happens to Redis, the caller learns it in bounded time, then in no time (CA-19, faults 27 to 29)."""

import asyncio
import signal
import socket
import time

import pytest

from bff.events import StoreFailed
from bff.store import StoreUnavailable
from bff.store.breaker import StoreBreaker
from bff.testing.virtual_clock import VirtualClock

pytestmark = pytest.mark.xdist_group("redis")

BOUND = 0.15
"""Seconds: the 50 ms of one command or of one turn in the pool (CA-19), and what a busy machine adds."""


async def failed(store):
    """Return how long a failing read takes, in seconds."""
    started = time.perf_counter()
    with pytest.raises(StoreUnavailable):
        await store.get(["a"])
    return time.perf_counter() - started


async def test_a_refused_connection_fails_at_once_and_then_without_trying(open_store, free_address):
    """F8: redis-py's own defaults take 4.5 s; ours repeat nothing, and five failures open the breaker."""
    events = []
    store = open_store(free_address, events=events)

    assert max([await failed(store) for _ in range(5)]) < BOUND
    assert store.is_open
    assert min([await failed(store) for _ in range(20)]) < 0.001
    assert [event.refused for event in events if isinstance(event, StoreFailed)] == [False] * 5 + [True] * 20


async def test_a_black_hole_fails_in_time(open_store):
    """F8: 5.8 s by default; an address that accepts and never answers."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        store = open_store(f"redis://127.0.0.1:{silent.getsockname()[1]}")
        assert max([await failed(store) for _ in range(5)]) < BOUND
        assert await failed(store) < 0.05


async def test_a_frozen_redis_fails_in_time_and_is_used_again_when_it_thaws(open_store, redis_server):
    store = open_store(redis_server.url, breaker_open="50ms", breaker_open_max="100ms")
    await store.set({"a": b"1"}, 60)
    redis_server.signal(signal.SIGSTOP)
    try:
        assert max([await failed(store) for _ in range(6)]) < BOUND
    finally:
        redis_server.signal(signal.SIGCONT)

    assert await eventually(store, "a") == b"1"


async def eventually(store, key):
    """Return the value of *key* once Redis answers again."""
    for _ in range(200):
        try:
            return (await store.get([key]))[key]
        except StoreUnavailable:
            await asyncio.sleep(0.02)
    return "never"


async def test_a_redis_that_comes_back_empty_is_used_again(open_store, redis_server):
    """Fault 28: no error, and what was there is absent."""
    store = open_store(redis_server.url, breaker_open="50ms", breaker_open_max="100ms")
    await store.set({"a": b"1"}, 60)
    redis_server.stop()
    await failed(store)
    redis_server.start()

    assert await eventually(store, "a") is None
    await store.set({"a": b"2"}, 60)
    assert await store.get(["a"]) == {"a": b"2"}


async def test_a_full_redis_refuses_writes_and_still_reads(open_store, redis_server):
    """Fault 29."""
    store = open_store(redis_server.url)
    await store.set({"a": b"1"}, 60)
    redis_server.command("CONFIG", "SET", "maxmemory", "1")

    with pytest.raises(StoreUnavailable):
        await store.set({"b": b"2"}, 60)
    assert await store.get(["a"]) == {"a": b"1"}


async def test_a_primary_that_became_a_replica_refuses_writes(open_store, redis_server):
    """Fault 28: READONLY."""
    store = open_store(redis_server.url)
    redis_server.command("REPLICAOF", "127.0.0.1", "1")

    with pytest.raises(StoreUnavailable):
        await store.set({"b": b"2"}, 60)


async def test_many_callers_share_few_connections(open_store, redis_server):
    """PY-14: the pool makes callers wait instead of failing."""
    store = open_store(redis_server.url, pool_size=4, pool_wait="10s")
    await store.set({"a": b"1"}, 60)

    assert await asyncio.gather(*(store.get(["a"]) for _ in range(200))) == [{"a": b"1"}] * 200


async def test_replicas_hear_what_others_forget(open_store, redis_server):
    """CA-17, CA-18."""

    class Heard:
        def __init__(self):
            self.tags, self.flushes, self.changed = [], 0, asyncio.Event()

        def forgotten(self, tags):
            self.tags += tags
            self.changed.set()

        def uncertain(self):
            self.flushes += 1
            self.changed.set()

    one, other, heard = open_store(redis_server.url), open_store(redis_server.url), Heard()
    one.listen(heard)
    one.start()
    async with asyncio.timeout(5):
        await heard.changed.wait()
        heard.changed.clear()
        await other.forget(["menus"])
        await heard.changed.wait()

    assert heard.flushes == 1
    assert heard.tags == ["menus"]
    assert one.silent_for() < 5


def test_successes_in_between_do_not_excuse_errors_but_time_does():
    """A lost node of a cluster fails every third call for as long as it is away."""
    clock = VirtualClock()
    lost, rare = StoreBreaker(5, 2.0, 30.0, clock=clock), StoreBreaker(5, 2.0, 30.0, clock=clock)
    for _ in range(5):
        lost.succeeded()
        lost.failed()

    assert lost.is_open
    for _ in range(20):
        rare.failed()
        assert not rare.is_open
        clock._now += 3


def test_the_breaker_opens_for_longer_each_time_and_closes_with_one_success():
    """CA-19: 5 errors open it for 2 s, doubled up to 30 s."""
    clock = VirtualClock()
    breaker = StoreBreaker(5, 2.0, 30.0, clock=clock)
    for _ in range(5):
        assert breaker.permit()
        breaker.failed()
    waits = []
    for _ in range(6):
        waited = 0.0
        while not breaker.permit():
            clock._now += 0.5
            waited += 0.5
        waits.append(waited)
        breaker.failed()

    assert waits == [2.0, 4.0, 8.0, 16.0, 30.0, 30.0]
    breaker.succeeded()
    assert breaker.permit()
