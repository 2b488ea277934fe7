"""Counting together in Redis, and what happens without it (RL-4, RL-18, RL-19)."""

import asyncio

import pytest

from bff.admission.buckets import Bucket, Charge
from bff.admission.local import LocalLimiter
from bff.admission.shared import MOST_AT_ONCE, SharedLimiter
from bff.clock import SystemClock
from bff.events import LimiterDegraded, StoreFailed
from bff.policy.clients import Limit
from bff.store import StoreUnavailable

NOWHERE = "redis://127.0.0.1:1/0"


def bucket(rate="1000 per day", burst=10, share=1, name="", **more):
    limit = Limit(rate=rate, burst=burst, **more)
    return Bucket.of(limit, policy="p", layer="user", share=share, name=name)


@pytest.fixture
def limiter(events):
    return lambda store: SharedLimiter(store, LocalLimiter(SystemClock(), counted="share"), events.append)


def charge(some, key="k", cost=1):
    return [Charge(some, f"rl:{{v1}}:{key}", cost)]


class Down:
    """A store that is never there."""

    async def evaluate(self, script, keys, args):
        raise StoreUnavailable("down")


class Counting:
    """Passes calls on, and counts them."""

    def __init__(self, store):
        self.store = store
        self.calls = 0

    async def evaluate(self, script, keys, args):
        self.calls += 1
        return await self.store.evaluate(script, keys, args)


async def test_rl4_all_who_ask_in_one_turn_travel_together(shared_redis, open_store, limiter):
    store = Counting(open_store(shared_redis.url))
    some = limiter(store)

    decisions = await asyncio.gather(*(some.take(charge(bucket(), "together")) for _ in range(MOST_AT_ONCE + 1)))

    assert store.calls == 2
    assert sum(decision.refused is None for decision in decisions) == 10
    assert {decision.counted for decision in decisions} == {"store"}


async def test_what_was_given_back_may_be_taken_again_and_never_more(shared_redis, open_store, limiter):
    some, own = limiter(open_store(shared_redis.url)), bucket()
    await some.take(charge(own, "back", 10))

    await some.give_back(charge(own, "back", 4), "store")
    after = await some.take(charge(own, "back", 0))
    await some.give_back(charge(own, "back", 1000), "store")
    full = await some.take(charge(own, "back", 0))

    assert after.states[0].remaining == 4
    assert full.states[0].remaining == 10


async def test_a_redis_that_lost_its_scripts_is_sent_them_again(shared_redis, open_store, limiter):
    """EVALSHA answers NOSCRIPT after a restart, or SCRIPT FLUSH."""
    some = limiter(open_store(shared_redis.url))
    await some.take(charge(bucket(), "script"))
    shared_redis.command("SCRIPT", "FLUSH")

    decision = await some.take(charge(bucket(), "script"))

    assert decision.counted == "store"
    assert decision.states[0].remaining == 8


async def test_rl18_without_redis_each_process_has_its_share(limiter, events):
    some, own = limiter(Down()), bucket(burst=10, share=5)

    decisions = [await some.take(charge(own)) for _ in range(5)]

    assert [decision.refused for decision in decisions] == [None, None, 0, 0, 0]
    assert {decision.counted for decision in decisions} == {"share"}
    assert events == [LimiterDegraded(True)], "told once"


async def test_rl18_a_share_is_as_full_as_the_whole_was(redis_server, open_store, limiter, events):
    some, own = limiter(open_store(redis_server.url, events=events)), bucket(burst=100, share=5)
    await some.take(charge(own, cost=80))

    redis_server.stop()
    found = await some.take(charge(own, cost=0))

    assert found.counted == "share"
    assert found.states[0].remaining == 4, "a fifth of the 20 that were left"
    assert any(isinstance(event, StoreFailed) and event.use == "ratelimit" for event in events)


async def test_rl21_a_redis_that_restarts_empty_gives_at_most_one_more_burst(redis_server, open_store, limiter):
    some, own = limiter(open_store(redis_server.url)), bucket(burst=10)
    first = [await some.take(charge(own)) for _ in range(20)]
    redis_server.stop()
    redis_server.start()

    second = [await some.take(charge(own)) for _ in range(20)]

    assert sum(decision.refused is None for decision in first) == 10
    assert sum(decision.refused is None for decision in second) <= 10
    assert second[-1].counted == "store"


@pytest.mark.parametrize(
    ("choice", "refused"), [pytest.param("open", None, id="open"), pytest.param("closed", 0, id="closed")]
)
async def test_rl18_a_limit_may_be_open_or_closed_without_redis(limiter, choice, refused):
    some = limiter(Down())

    decision = await some.take(charge(bucket(burst=1, on_store_error=choice)))

    assert (decision.refused, decision.counted) == (refused, "share" if choice == "open" else "nowhere")


async def test_rl18_limits_of_one_request_may_differ_without_redis(limiter):
    some = limiter(Down())
    both = [
        *charge(bucket(burst=1, on_store_error="open", name="a"), "a"),
        *charge(bucket(burst=1, name="b"), "b"),
    ]

    first, second = await some.take(both), await some.take(both)

    assert first.refused is None
    assert second.refused == 1
    assert [state.over for state in second.states] == [False, True]


async def test_a_fault_in_counting_refuses_nobody(limiter):
    """Whatever a store answers, a request goes on."""

    class Mad:
        async def evaluate(self, script, keys, args):
            return "nonsense"

    decision = await limiter(Mad()).take(charge(bucket()))

    assert (decision.refused, decision.counted) == (None, "share")


async def test_rl10_what_redis_counted_is_not_given_back_without_it(limiter):
    """A refund is best effort, and no credit."""
    some, own = limiter(Down()), bucket(burst=10)
    await some.take(charge(own, cost=10))

    await some.give_back(charge(own, cost=10), "store")

    assert (await some.take(charge(own))).refused == 0


async def test_rl10_what_a_share_counted_is_given_back_to_it(limiter):
    some, own = limiter(Down()), bucket(burst=10)
    await some.take(charge(own, cost=10))

    await some.give_back(charge(own, cost=1), "share")

    assert (await some.take(charge(own))).refused is None


async def test_rl19_together_again_when_redis_is_back(redis_server, open_store, limiter, events):
    some, own = limiter(open_store(redis_server.url, breaker_open="20ms")), bucket()
    redis_server.stop()
    await some.take(charge(own))
    redis_server.start()

    async with asyncio.timeout(10):
        while (await some.take(charge(own))).counted != "store":  # noqa: ASYNC110 - redis has no event
            await asyncio.sleep(0.02)

    assert events == [LimiterDegraded(True), LimiterDegraded(False)]


async def test_a_caller_who_left_is_not_answered(shared_redis, open_store, limiter):
    some = limiter(open_store(shared_redis.url))
    left = asyncio.ensure_future(some.take(charge(bucket(), "left")))
    stayed = some.take(charge(bucket(), "left"))

    left.cancel()

    assert (await stayed).states[0].remaining == 8
