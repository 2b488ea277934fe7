"""Replicas share what one of them fetched; a Redis in trouble costs hits and nothing else."""

import asyncio
import signal
import time

import msgspec
import pytest

from bff.policy.caching import StorePolicy
from bff.store import StoreUnavailable
from bff.store.memory import MemoryStore
from bff.testing.virtual_clock import VirtualClock
from bff.upstream.declare import Upstream
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome

pytestmark = pytest.mark.xdist_group("redis")

catalog = Upstream("catalog")
thing = catalog.get("/things/{id}", returns=msgspec.Raw, name="thing")
many = catalog.batch(
    "/things", ids="ids", returns=list[msgspec.defstruct("Thing", [("id", str)])], key="id", name="many"
)


async def ask(bff, number=1):
    return bytes(await thing(bff.context(thing), id=number))


async def test_what_one_replica_fetched_another_has(replica, reply):
    """CA-16."""
    one, other = replica(), replica()
    for bff in one, other:
        bff.service.answer = lambda _: reply("shared", cache_control="max-age=60", vary="accept-language")

    await ask(one)
    await one.entries.written()

    assert await ask(other) == b'"shared"'
    assert other.service.requests == []
    assert other.entries.counts["shared_hits"] == 1
    await ask(other)
    assert other.entries.counts["hits"] == 1


async def test_replicas_share_batches_key_by_key(replica, reply):
    one, other = replica(), replica()
    for bff in one, other:
        bff.service.answer = lambda request: reply(
            [{"id": key} for key in request.target.partition("ids=")[2].split(",")], cache_control="max-age=60"
        )
    await many.many(one.context(many), ["a", "b"])
    await one.entries.written()

    await many.many(other.context(many), ["a", "b", "c"])

    assert [request.target for request in other.service.requests] == ["/things?ids=c"]


async def test_what_one_replica_forgets_others_forget_within_a_second(replica, reply):
    """CA-17: also where the message is lost; nothing listens here."""
    one, other = replica(), replica()
    for bff in one, other:
        bff.service.answer = lambda _: reply("v", cache_control="max-age=60")
    await ask(one)
    await one.entries.written()
    await ask(other)

    await one.entries.forget(["upstream:catalog"])
    await asyncio.sleep(1.05)
    await ask(other)

    assert len(other.service.requests) == 1


async def test_a_stampede_on_four_replicas_is_one_call(replica, reply):
    """CA-13, CA-26: 500 concurrent misses over 4 processes make 1 call while the lease works."""
    replicas = [replica() for _ in range(4)]

    async def slow(_):
        await asyncio.sleep(0.1)
        return reply("v", cache_control="max-age=60")

    for bff in replicas:
        bff.service.answer = slow
    found = await asyncio.gather(*(ask(replicas[number % 4]) for number in range(500)))

    assert set(found) == {b'"v"'}
    assert sum(len(bff.service.requests) for bff in replicas) == 1


async def test_without_redis_a_stampede_is_one_call_for_each_replica(replica, redis_server, reply):
    """CA-13: Redis error, everyone fetches, still one per process."""
    replicas = [replica() for _ in range(4)]
    redis_server.stop()
    for bff in replicas:
        bff.service.answer = lambda _: reply("v", cache_control="max-age=60")
    await asyncio.gather(*(ask(replicas[number % 4]) for number in range(200)))

    assert sum(len(bff.service.requests) for bff in replicas) <= 4


async def test_a_redis_that_dies_is_no_error_and_soon_no_delay(replica, redis_server, reply):
    """Fault 27: what the process has still helps, what it lacks is fetched."""
    bff = replica(store_policy=StorePolicy(local_ttl="50ms"))
    bff.service.answer = lambda _: reply("v", cache_control="max-age=60")
    await ask(bff, 1)
    await bff.entries.written()
    redis_server.signal(signal.SIGSTOP)

    took = []
    for number in range(40):
        started = time.perf_counter()
        assert await ask(bff, number % 20 + 1) == b'"v"'
        took.append(time.perf_counter() - started)

    assert len(bff.service.requests) <= 20
    assert max(took[-20:]) < 0.06


async def test_a_broken_entry_in_redis_is_a_miss(replica, redis_server, reply):
    """CA-20."""
    one, other = replica(), replica()
    for bff in one, other:
        bff.service.answer = lambda _: reply("v", cache_control="max-age=60")
    await ask(one)
    await one.entries.written()
    (key,) = [slot[0] for slot in one.entries._local]
    redis_server.command("SET", f"bff:test:{key}", "broken")

    assert await ask(other) == b'"v"'
    assert other.entries.counts["unreadable"] == 1


async def test_a_replica_serves_its_own_copy_while_redis_is_away(replica, redis_server, reply):
    """A stale answer that only this process has still stands in when service and Redis are both down."""
    bff = replica(store_policy=StorePolicy(local_ttl="10ms"))
    bff.service.answer = lambda _: reply("v", cache_control="max-age=60")
    await ask(bff)
    await bff.entries.written()
    redis_server.stop()
    await asyncio.sleep(0.02)

    assert await ask(bff) == b'"v"'
    assert len(bff.service.requests) == 1


class Silent(MemoryStore):
    """A shared store that answers nothing; each command costs its caller 50 ms."""

    shared = True

    def __init__(self, clock):
        super().__init__(clock)
        self.clock = clock
        self.asked = []

    async def _fail(self, command):
        self.asked.append(command)
        await self.clock.sleep(0.05)
        raise StoreUnavailable(command)

    async def get(self, keys):
        return await self._fail("get")

    async def set(self, values, ttl):
        await self._fail("set")

    async def acquire(self, key, ttl):
        return await self._fail("acquire")

    async def generations(self, tags):
        return await self._fail("generations")


async def test_a_store_that_answers_nothing_keeps_a_call_waiting_once(make_bff, reply):
    """CA-26: it costs a request its 50 ms once, not for the entry, the lease, the generations and the writing."""
    clock = VirtualClock()
    store = Silent(clock)
    bff = make_bff(store=store, clock=clock)
    bff.service.answer = lambda _: reply("fetched", cache_control="max-age=60")
    asked_at = clock.now()

    assert await clock.run(ask(bff)) == b'"fetched"'

    assert clock.now() - asked_at == pytest.approx(0.05)
    assert store.asked == ["get", "set"]


async def test_a_stampede_of_batches_on_four_replicas_asks_for_each_key_once(replica, reply):
    """CA-13: leases are by key, so that batches which overlap share what they have in common."""
    replicas = [replica() for _ in range(4)]

    async def slow(request):
        keys = request.target.partition("ids=")[2].split(",")
        await asyncio.sleep(0.1)
        return reply([{"id": key} for key in keys], cache_control="max-age=60")

    for bff in replicas:
        bff.service.answer = slow
    batches = [["a", "b", "c"], ["b", "c", "d"], ["c", "d", "e"], ["e", "f", "a"]]
    found = await asyncio.gather(
        *(many.many(bff.context(many), keys) for bff, keys in zip(replicas, batches, strict=True))
    )

    assert [[one.id for one in batch] for batch in found] == batches
    asked = [
        key
        for bff in replicas
        for request in bff.service.requests
        for key in request.target.partition("ids=")[2].split(",")
    ]
    assert sorted(asked) == ["a", "b", "c", "d", "e", "f"]


async def test_who_waits_for_another_replica_fails_with_it(replica):
    """CA-10: a failure is told to those who wait, so that they do not all ask the failing service in turn."""
    replicas = [replica() for _ in range(4)]

    async def fail(_):
        await asyncio.sleep(0.1)
        return Response(503, {}, b"")

    for bff in replicas:
        bff.service.answer = fail
    errors = await asyncio.gather(*(ask(bff) for bff in replicas), return_exceptions=True)

    assert {error.outcome for error in errors} == {Outcome.GATEWAY_ERROR}
    assert sum(len(bff.service.requests) for bff in replicas) == 1


async def test_a_failure_of_our_own_is_told_to_nobody(replica, reply):
    """Somebody else may have more time, or a pool that is not empty."""
    one, other = replica(), replica()

    async def slow(_):
        await asyncio.sleep(0.15)
        return reply("v", cache_control="max-age=60")

    for bff in one, other:
        bff.service.answer = slow
    hasty = asyncio.ensure_future(thing(one.context(thing, seconds=0.1), id=1))
    await asyncio.sleep(0.02)
    patient = asyncio.ensure_future(ask(other))

    with pytest.raises(UpstreamError):
        await hasty
    assert await patient == b'"v"'
