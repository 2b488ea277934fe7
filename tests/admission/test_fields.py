"""What clients read of limits, to the letter (RL-14 to RL-16)."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.admission.buckets import Bucket, State
from bff.admission.fields import header_fields, members, retry_after_ms
from bff.policy.clients import CostLimit, Limit

SECOND = 1_000_000


def bucket(rate="600 per minute", layer="user", **more):
    return Bucket.of(Limit(rate=rate, **more), policy="p", layer=layer, share=1)


COST = Bucket.of(CostLimit(), policy="p", layer="cost", share=1)
OPERATION = Bucket.of(Limit(rate="5 per 2 hours"), policy="p", layer="operation", share=1, name="Checkout")


def lines(limits, **options):
    return [b": ".join(field).decode() for field in header_fields(limits, **options)]


def test_rl15_golden():
    """Structured fields of draft 10; times in whole seconds, rounded up."""
    limits = [
        (bucket(), State(False, 42, 6_500_000)),
        (COST, State(False, 4990, 100_000)),
        (OPERATION, State(False, 0, 1440 * SECOND)),
    ]

    assert lines(limits) == [
        'ratelimit-policy: "user";q=600;w=60, "cost";q=5000;w=50;qu="cost", "operation.Checkout";q=5;w=7200',
        'ratelimit: "user";r=42;t=7, "cost";r=4990;t=1, "operation.Checkout";r=0;t=1440',
    ]


def test_rl15_the_wait_of_a_refused_request_is_not_before_its_t():
    """`Retry-After` must not be earlier than `t`: so t is when this request fits, not when all is back."""
    some, state = bucket(), State(True, 0, 12 * SECOND, 100_000)

    assert lines([(some, state)])[1] == 'ratelimit: "user";r=0;t=1'
    assert retry_after_ms(some, state, Random(1)) == 100


def test_rl16_old_names_tell_the_tightest_limit():
    limits = [(bucket(), State(False, 300, SECOND)), (bucket("60 per minute"), State(False, 5, 2 * SECOND))]

    assert lines(limits, legacy=True)[2:] == [
        "x-ratelimit-limit: 60", "x-ratelimit-remaining: 5", "x-ratelimit-reset: 2",
    ]  # fmt: skip


def test_nothing_known_nothing_told():
    assert header_fields([], legacy=True) == ()


def test_the_same_figures_in_extensions():
    assert members([(bucket(), State(False, 42, 6_500_001))]) == [
        {"name": "user", "limit": 600, "windowSeconds": 60, "remaining": 42, "resetMs": 6501}
    ]


@given(st.integers(1, 10**12), st.integers(0, 1000))
def test_rl14_waits_over_long_windows_are_spread_by_a_tenth(wait, seed):
    state = State(True, 0, wait, wait)

    long = retry_after_ms(bucket("600 per hour"), state, Random(seed))
    short = retry_after_ms(bucket("600 per minute"), state, Random(seed))

    assert short == -(-wait // 1000)
    assert short <= long <= short * 1.1


@pytest.mark.parametrize("algorithm", ["fixed_window", "sliding_window"])
def test_a_window_is_described_by_its_rate(algorithm):
    some = bucket("100 per 5 minutes", algorithm=algorithm)

    assert (some.quota, some.window) == (100, 300)


@given(st.integers(1, 10_000), st.sampled_from(["second", "minute", "hour", "day"]), st.integers(1, 10_000))
def test_rl15_values_are_what_the_draft_allows(amount, unit, burst):
    some = bucket(f"{amount} per {unit}", burst=burst)

    assert some.quota >= some.law.burst
    assert some.window >= 1
