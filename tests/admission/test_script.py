"""The law in Lua is the law in Python, on a real Redis (RL-3, RL-4)."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from redis import Redis

from bff.admission.buckets import Bucket, Charge
from bff.admission.local import LocalLimiter
from bff.admission.script import GIVE_BACK, TAKE, arguments, read
from bff.policy.clients import Limit
from bff.testing import VirtualClock

PATIENT = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
AT = "{ARGV[#ARGV - 1], ARGV[#ARGV]}"
"""The time as the test says it, in place of Redis's own: seconds and microseconds."""


def frozen(script):
    assert script.count("redis.call('TIME')") == 1
    return script.replace("redis.call('TIME')", AT)


def bucket(rate, burst, mode, number):
    limit = Limit(rate=rate, burst=burst, mode=mode)
    return Bucket.of(limit, policy="p", layer="user", share=1, name=str(number))


BUCKETS = st.tuples(
    st.sampled_from(["7 per minute", "600 per minute", "3 per second", "1 per day", "9999 per second"]),
    st.integers(1, 20),
    st.sampled_from(["enforce", "measure"]),
)
COSTS = st.one_of(st.integers(0, 25), st.floats(0, 25).map(lambda cost: round(cost, 3)))
STEPS = st.lists(
    st.tuples(
        st.sampled_from(["take", "take", "take", "give back"]),
        st.lists(st.tuples(st.integers(0, 3), COSTS), min_size=1, max_size=4, unique_by=lambda one: one[0]),
        st.one_of(st.just(0), st.integers(0, 3_000_000)),
    ),
    max_size=15,
)


@pytest.fixture(scope="module")
def redis(shared_redis):
    with Redis(port=shared_redis.port) as client:
        yield client


@PATIENT
@given(buckets=st.lists(BUCKETS, min_size=4, max_size=4), steps=STEPS)
def test_rl3_lua_and_python_decide_alike(redis, buckets, steps):
    redis.flushall()
    made = [bucket(*one, number) for number, one in enumerate(buckets)]
    clock = VirtualClock(start=1_700_000_000.0)
    local = LocalLimiter(clock)
    now = 1_700_000_000_000_000
    for what, asked, passed in steps:
        now += passed
        clock._now = now / 1_000_000
        now = int(clock.now() * 1_000_000)
        time = [now // 1_000_000, now % 1_000_000]
        charges = [Charge(made[place], f"{{v1}}{place}", cost) for place, cost in asked]
        keys, words = arguments([charges])
        if what == "give back":
            local.give_back(charges)
            redis.eval(frozen(GIVE_BACK), len(keys), *keys, *prices(charges), *time)
            continue
        (told,) = read(redis.eval(frozen(TAKE), len(keys), *keys, *words, *time), [charges])

        decided = local.take(charges)

        assert told.refused == decided.refused
        assert list(told.states) == list(decided.states)


def prices(charges):
    return [word for bucket, _, cost in charges for word in (bucket.law.price(cost), bucket.law.tolerance)]


def test_rl3_many_requests_travel_in_one_call_and_each_is_all_or_nothing(redis):
    redis.flushall()
    wide, narrow = bucket("60 per day", 10, "enforce", 1), bucket("60 per day", 2, "enforce", 2)
    requests = [[Charge(wide, "{v1}wide"), Charge(narrow, "{v1}narrow")]] * 4
    keys, words = arguments(requests)

    told = read(redis.eval(TAKE, len(keys), *keys, *words), requests)

    assert [one.refused for one in told] == [None, None, 1, 1]
    assert [one.states[0].remaining for one in told] == [9, 8, 8, 8], "the refused ones took nothing"


def test_rl3_every_key_lapses_a_second_after_its_bucket_is_full(redis):
    redis.flushall()
    some = bucket("1 per second", 5, "enforce", 1)
    keys, words = arguments([[Charge(some, "{v1}k", 3)]])

    redis.eval(TAKE, len(keys), *keys, *words)

    assert 3000 < redis.pttl("{v1}k") <= 4000


def test_rl1_looking_writes_nothing(redis):
    redis.flushall()
    keys, words = arguments([[Charge(bucket("1 per second", 5, "enforce", 1), "{v1}k", 0)]])

    redis.eval(TAKE, len(keys), *keys, *words)

    assert redis.keys() == []


def test_an_answer_to_something_else_is_not_believed():
    with pytest.raises(ValueError, match="something else"):
        read([0], [[Charge(bucket("1 per second", 5, "enforce", 1), "k")]])
