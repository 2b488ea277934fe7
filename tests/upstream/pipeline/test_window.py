"""The counts are those of the last ten buckets, whatever happens when (CB-2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.upstream.pipeline.budget import RetryBudget
from bff.upstream.pipeline.window import BUCKETS, Window

MOMENTS = st.lists(
    st.tuples(st.one_of(st.integers(0, 4), st.integers(0, 60)), st.booleans(), st.booleans()), max_size=60
)
"""Quarters of a bucket that pass before each call, whether it fails, and whether it is slow."""


@given(calls=MOMENTS, start=st.integers(0, 10**6))
def test_a_window_counts_what_came_in_its_last_ten_buckets(calls, start):
    window, quarter, told = Window(10.0), start, []
    for passed, failed, slow in calls:
        quarter += passed
        told.append((quarter // 4, failed, slow))
        window.add(quarter / 4, failed=failed, slow=slow)

        recent = [each for each in told if each[0] > quarter // 4 - BUCKETS]
        counts = len(recent), sum(failed for _, failed, _ in recent), sum(slow for _, _, slow in recent)
        assert (window.calls, window.failures, window.slow) == counts


@given(calls=MOMENTS, start=st.integers(0, 10**6))
def test_a_budget_counts_what_came_in_its_last_ten_buckets(calls, start):
    """RT-3."""
    budget, quarter, firsts, repeats = RetryBudget(ratio=0.5, ttl=10.0, reserve=0.1), start, [], []
    for passed, repeats_too, _ in calls:
        quarter += passed
        now, bucket = quarter / 4, quarter // 4
        firsts.append(bucket)
        budget.deposit(now)
        spent = sum(each > bucket - BUCKETS for each in repeats)
        allowed = 0.5 * sum(each > bucket - BUCKETS for each in firsts) + 1.0
        assert budget.balance(now) == allowed - spent
        if repeats_too:
            assert budget.withdraw(now) == (allowed - spent >= 1)
            repeats += [bucket] if allowed - spent >= 1 else []


@pytest.mark.parametrize("seconds", [0.3, 0.7, 1.1, 10.0 / 3])
def test_nothing_is_lost_or_left_behind_where_a_bucket_has_no_exact_end(seconds):
    """Moments are binary fractions, and ends of buckets need not be."""
    window, width = Window(seconds), seconds / BUCKETS
    for number in range(20_000):
        window.count(number * width)
        assert min(number + 1, BUCKETS - 1) <= window.calls <= BUCKETS + 1

    window.roll(20_000 * width + seconds * 2)

    assert window.calls == 0
