"""Fixed and sliding windows: the library's strategies without its traps (RL-7)."""

import asyncio
from inspect import isawaitable

import pytest

from bff.admission.buckets import Bucket, Charge
from bff.admission.local import LocalLimiter
from bff.admission.shared import SharedLimiter
from bff.admission.window_storage import ProcessStorage, ScriptStorage
from bff.admission.windows import WindowLimiter
from bff.clock import SystemClock
from bff.policy.clients import Limit

KINDS = ["fixed_window", "sliding_window"]


def charge(algorithm, key, cost=1, rate="10 per hour", **more):
    limit = Limit(rate=rate, algorithm=algorithm, **more)
    bucket = Bucket.of(limit, policy="p", layer="user", share=1, name=algorithm)
    return Charge(bucket, f"rl:{{v1}}:p:{key}", cost)


@pytest.fixture(params=["process", "redis"])
async def limiter(request, shared_redis, open_store):
    """In this process, and in Redis."""
    if request.param == "process":
        yield WindowLimiter(LocalLimiter(SystemClock()), ProcessStorage(SystemClock()))
        return
    shared_redis.command("FLUSHALL")
    store = open_store(shared_redis.url)
    shared = SharedLimiter(store, LocalLimiter(SystemClock(), counted="share"), [].append)
    yield WindowLimiter(shared, ScriptStorage(store), shared.alone)


async def taken(limiter, *charges):
    found = limiter.take(charges)
    return await found if isawaitable(found) else found


@pytest.mark.parametrize("kind", KINDS)
async def test_a_window_lets_through_what_it_says(limiter, kind):
    decisions = [await taken(limiter, charge(kind, f"plain {kind}")) for _ in range(12)]

    assert [decision.refused for decision in decisions] == [None] * 10 + [0, 0]
    assert [decision.states[0].remaining for decision in decisions] == [*range(9, -1, -1), 0, 0]
    assert 0 < decisions[-1].states[0].wait <= 2 * 3600 * 1_000_000


@pytest.mark.parametrize("kind", KINDS)
async def test_what_is_refused_is_not_charged(limiter, kind):
    """The library's fixed window: 8 of 10, 8 more refused and charged, then not even 1 of the 2 that were left."""
    key = f"refused {kind}"
    first = await taken(limiter, charge(kind, key, 8))
    second = await taken(limiter, charge(kind, key, 8))
    third = await taken(limiter, charge(kind, key, 2))

    assert [first.refused, second.refused, third.refused] == [None, 0, None]


@pytest.mark.parametrize("kind", KINDS)
async def test_a_negative_cost_is_no_credit(limiter, kind):
    with pytest.raises(ValueError, match="cost counts from 0"):
        await taken(limiter, charge(kind, f"negative {kind}", -50))


@pytest.mark.parametrize("kind", KINDS)
async def test_a_cost_beyond_the_window_never_fits(limiter, kind):
    decision = await taken(limiter, charge(kind, f"too much {kind}", 11))

    assert (decision.refused, decision.states[0].wait) == (0, None)


@pytest.mark.parametrize("kind", KINDS)
async def test_rl4_what_gcra_took_is_given_back_when_a_window_refuses(limiter, kind):
    bucket, window = charge("gcra", f"back {kind}", burst=5), charge(kind, f"full {kind}", rate="1 per hour")

    decisions = [await taken(limiter, window, bucket) for _ in range(3)]
    left = await taken(limiter, bucket._replace(cost=0))

    assert [decision.refused for decision in decisions] == [None, 0, 0]
    assert left.states[0].remaining == 4


@pytest.mark.parametrize("kind", KINDS)
async def test_rl4_a_window_is_not_asked_when_gcra_refuses(limiter, kind):
    bucket, window = charge("gcra", f"first {kind}", burst=1), charge(kind, f"not asked {kind}")
    await taken(limiter, bucket)

    refused = await taken(limiter, window, bucket)

    assert refused.refused == 1
    assert (await taken(limiter, window)).states[0].remaining == 9


@pytest.mark.parametrize("kind", KINDS)
async def test_a_window_that_only_measures_refuses_nobody(limiter, kind):
    window = charge(kind, f"measured {kind}", rate="1 per hour", mode="measure")

    decisions = [await taken(limiter, window) for _ in range(3)]

    assert [(decision.refused, decision.states[0].over) for decision in decisions] == [
        (None, False), (None, True), (None, True),
    ]  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
async def test_rl18_without_redis_a_window_is_counted_in_the_process(redis_server, open_store, kind):
    store = open_store(redis_server.url)
    shared = SharedLimiter(store, LocalLimiter(SystemClock(), counted="share"), [].append)
    limiter = WindowLimiter(shared, ScriptStorage(store), shared.alone)
    redis_server.stop()

    decisions = [await taken(limiter, charge(kind, "away")) for _ in range(3)]

    assert [decision.refused for decision in decisions] == [None, None, 0], "a fifth of 10 at once"
    assert {decision.counted for decision in decisions} == {"share"}


@pytest.mark.parametrize("kind", KINDS)
async def test_parallel_requests_get_no_more_than_the_window(limiter, kind):
    decisions = await asyncio.gather(*(taken(limiter, charge(kind, f"parallel {kind}")) for _ in range(50)))

    assert sum(decision.refused is None for decision in decisions) <= 10


async def test_a_fixed_window_ends_with_its_time(clock):
    limiter = WindowLimiter(LocalLimiter(clock), ProcessStorage(clock))
    full = [await taken(limiter, charge("fixed_window", "k")) for _ in range(11)]

    await clock.advance(3599)
    early = await taken(limiter, charge("fixed_window", "k"))
    await clock.advance(1)
    late = await taken(limiter, charge("fixed_window", "k"))

    assert (full[-1].refused, early.refused, late.refused) == (0, 0, None)
    assert late.states[0].remaining == 9


@pytest.mark.parametrize(("later", "free"), [(3599, 0), (3600, 0), (3960, 1), (5400, 5), (7200, 10)])
async def test_a_sliding_window_frees_what_was_used_bit_by_bit(clock, later, free):
    limiter = WindowLimiter(LocalLimiter(clock), ProcessStorage(clock))
    for _ in range(10):
        await taken(limiter, charge("sliding_window", "k"))

    await clock.advance(later)
    decisions = [await taken(limiter, charge("sliding_window", "k")) for _ in range(12)]

    assert sum(decision.refused is None for decision in decisions) == free


async def test_windows_in_a_process_are_bounded(clock):
    """The library's own storage looks at all of them with each request."""
    storage = ProcessStorage(clock, max_keys=50)
    limiter = WindowLimiter(LocalLimiter(clock), storage)

    for number in range(200):
        await taken(limiter, charge("fixed_window", f"k{number}"))

    assert len(storage) == 50


async def test_windows_can_be_looked_at_and_forgotten(shared_redis, open_store, clock):
    """The library's storages have these; whoever debugs a limit uses them."""
    shared_redis.command("FLUSHALL")
    for storage in (ProcessStorage(clock), ScriptStorage(open_store(shared_redis.url))):
        await storage.incr("{v1}a", 60, 3)
        await storage.acquire_sliding_window_entry("{v1}b", 10, 60, 4)
        assert await storage.check()
        assert await storage.get("{v1}a") == 3
        assert (await storage.get_sliding_window("{v1}b", 60))[2] == 4

        await storage.clear("{v1}a")
        await storage.clear_sliding_window("{v1}b", 60)

        assert await storage.get("{v1}a") == 0
        assert (await storage.get_sliding_window("{v1}b", 60))[2] == 0
