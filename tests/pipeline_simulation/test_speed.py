"""How much simulation a minute holds."""

import time

import pytest

from bff.testing.simulation.clients import Load, Rate
from bff.testing.simulation.services import Service
from bff.testing.simulation.world import World, policy_of, simulate

_LEAST = 1_000_000


@pytest.mark.parametrize(
    ("cache", "keys"),
    [
        pytest.param({"scope": "off"}, 0, id="every call reaches the service"),
        pytest.param({}, 0, id="every call is a miss, and nothing can be kept"),
        pytest.param({"default_ttl": "10s"}, 0, id="every call is a miss, and is kept"),
        pytest.param({"default_ttl": "10s"}, 200, id="most calls are answered by the cache"),
    ],
)
def test_a_million_requests_a_minute_on_one_core(cache, keys):
    """Hours of incidents must fit into a test run; measured in time of the CPU, the best of three."""
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
        speeds.append(run.asked / (time.process_time() - began) * 60)

    assert max(speeds) >= _LEAST
