"""How much simulation a minute holds.

Time is no measure on a machine that others use, so what is held is the number of functions that a simulated call
runs through, which is the same everywhere: a quiet core of 2024 needs 0.2 us for each, so that a million calls a
minute are 300. `python -m bff.testing.simulation --speed` measures the time.
"""

import sys

import pytest

from bff.testing.simulation.speed import WORLDS
from bff.testing.simulation.world import simulate

_SECONDS = 4.0


def functions(work):
    """Return how many functions *work* calls, built-in ones included, and what it returns."""
    called = 0

    def count(frame, event, argument):
        nonlocal called
        called += event in {"call", "c_call"}

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        result = work()
    finally:
        sys.setprofile(before)
    return called, result


@pytest.mark.parametrize(
    ("world", "most"),
    [
        ("every call reaches the service", 300),
        ("nothing can be kept", 300),
        ("most is answered by the cache", 300),
        ("everything is kept and nothing asked again", 480),
    ],
)
def test_a_million_requests_a_minute_on_one_core(world, most):
    """Hours of incidents must fit into a test run."""
    simulate(WORLDS[world](0.1))  # imports what is imported late

    called, run = functions(lambda: simulate(WORLDS[world](_SECONDS)))

    assert run.asked > 1900
    assert called / run.asked < most
