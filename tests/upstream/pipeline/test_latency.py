"""What is usual is known to 5 % from counts alone, and forgotten after half a minute (HG-2)."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.upstream.pipeline.latency import RecentLatency


@settings(deadline=None)
@given(st.lists(st.floats(0.0002, 5.0), min_size=100, max_size=400))
def test_the_percentile_is_right_to_five_percent(durations):
    latency = RecentLatency()
    for duration in durations:
        latency.add(1000.0, duration)

    ranked = sorted(durations)
    exact = next(value for place, value in enumerate(ranked, 1) if place >= 0.95 * len(ranked))

    assert exact * 0.999 <= latency.p95(1000.0) <= exact * 1.051


def test_fewer_than_a_hundred_durations_mean_nothing():
    latency = RecentLatency()
    for _ in range(99):
        latency.add(1000.0, 0.01)

    assert latency.p95(1000.0) is None
    latency.add(1000.5, 0.01)
    assert latency.p95(1001.1) == pytest.approx(0.01, rel=0.06)


def test_what_was_half_a_minute_ago_is_forgotten():
    latency, rng = RecentLatency(), Random(1)
    for tick in range(300):
        latency.add(1000.0 + tick / 100, rng.uniform(0.9, 1.0))
    for tick in range(300):
        latency.add(1031.0 + tick / 100, rng.uniform(0.009, 0.01))

    assert latency.p95(1035.0) < 0.011
    assert latency.p95(1100.0) is None


def test_durations_beyond_every_bin_are_counted_all_the_same():
    latency = RecentLatency()
    for duration in [0.0, 1e-9, 1e9] * 40:
        latency.add(5.0, duration)

    assert latency.p95(5.0) > 20
