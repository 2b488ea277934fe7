"""Clients that failed together do not come back together (RT-2)."""

from random import Random

import pytest

from bff.policy.resilience import RetryRules
from bff.upstream.pipeline.backoff import Backoff

DRAWS = 10_000
CRITICAL = 1.95 / DRAWS**0.5
"""Distance that a Kolmogorov-Smirnov test against the right distribution exceeds once in a thousand runs."""


@pytest.mark.parametrize(
    ("repetition", "ceiling"), [(1, 0.025), (2, 0.05), (3, 0.1), (4, 0.2), (5, 0.25), (9, 0.25), (500, 0.25)]
)
def test_t_rt_e_full_jitter_is_even_up_to_a_doubling_ceiling(repetition, ceiling):
    """T-RT-e: 10,000 delays are uniform by Kolmogorov-Smirnov, and none is above the cap."""
    backoff = Backoff(RetryRules(), Random(repetition))

    delays = sorted(backoff.delay(repetition) for _ in range(DRAWS))

    distance = max(
        max(abs((place + 1) / DRAWS - delay / ceiling), abs(place / DRAWS - delay / ceiling))
        for place, delay in enumerate(delays)
    )
    assert distance < CRITICAL
    assert delays[0] >= 0
    assert delays[-1] <= ceiling


def test_decorrelated_jitter_lies_between_the_base_and_three_times_the_pause_before():
    backoff = Backoff(RetryRules(jitter="decorrelated"), Random(3))
    previous = 0.0

    for repetition in range(1, DRAWS):
        delay = backoff.delay(repetition, previous)
        assert 0.025 <= delay <= min(0.25, max(0.025, 3 * previous))
        previous = delay


def test_repetitions_count_from_one():
    with pytest.raises(ValueError, match="counts from 1"):
        Backoff(RetryRules(), Random(1)).delay(0)
