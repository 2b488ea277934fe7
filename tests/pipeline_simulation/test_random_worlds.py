"""Worlds drawn by chance keep every law: 16 of them, or as many as WORLDS in the environment says."""

import os

import pytest

from bff.testing.simulation.laws import check, others_notice_nothing
from bff.testing.simulation.world import simulate
from bff.testing.simulation.worlds import random_world


@pytest.mark.parametrize("seed", range(int(os.environ.get("WORLDS", "16"))))
def test_a_world_of_chance_keeps_all_laws(seed):
    """The seed in the test's name repeats the world."""
    world = random_world(seed)

    run = simulate(world)

    check(run)
    assert list(others_notice_nothing(run, simulate(world.without_faults()))) == []
    assert run.asked > 100
