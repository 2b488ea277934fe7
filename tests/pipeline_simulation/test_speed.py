"""How much simulation a minute holds."""

import time

from bff.testing.simulation.clients import Load, Rate
from bff.testing.simulation.services import Service
from bff.testing.simulation.world import World, simulate

_LEAST = 1_000_000


def test_a_million_requests_a_minute_on_one_core():
    """Hours of incidents must fit into a test run; measured in time of the CPU, the best of three."""
    world = World(1, (Service("catalog", hosts=2),), (Load("catalog", Rate.steady(500.0)),), seconds=40.0)
    speeds = []
    for _ in range(3):
        began = time.process_time()
        run = simulate(world)
        speeds.append(run.asked / (time.process_time() - began) * 60)

    assert max(speeds) >= _LEAST
