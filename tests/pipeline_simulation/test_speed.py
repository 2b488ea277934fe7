"""How much simulation a minute holds."""

import time

import pytest

from bff.testing.simulation.clients import Load, Rate
from bff.testing.simulation.services import Service
from bff.testing.simulation.world import World, policy_of, simulate

_LEAST = 1_000_000
_YARD = 0.0106
"""Seconds of a quiet core for `yard`: what a core means here."""


def yard():
    """Return the time of the CPU for a fixed piece of work; a core that shares its units needs longer."""
    began, kept = time.process_time(), {}
    for number in range(100_000):
        kept[number & 1023] = (number, str(number))
    return time.process_time() - began


@pytest.mark.parametrize(
    ("cache", "keys"),
    [
        pytest.param({"scope": "off"}, 0, id="every call reaches the service"),
        pytest.param({}, 0, id="every call is a miss, and nothing can be kept"),
        pytest.param({"default_ttl": "10s"}, 200, id="most calls are answered by the cache"),
    ],
)
def test_a_million_requests_a_minute_on_one_core(cache, keys):
    """Hours of incidents must fit into a test run; measured in time of the CPU, the best of three.

    A core that is slower at that moment, by a fixed piece of work, need not do as much.
    """
    world = World(
        1,
        (Service("catalog", hosts=2),),
        (Load("catalog", Rate.steady(500.0), keys=keys),),
        seconds=30.0,
        policies={"catalog": policy_of(cache=cache)},
    )
    speeds = []
    for _ in range(3):
        began = time.process_time()
        run = simulate(world)
        seconds = time.process_time() - began
        speeds.append(run.asked / seconds * 60 * max(1.0, yard() / _YARD))

    assert max(speeds) >= _LEAST
