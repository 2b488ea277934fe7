"""The same seed gives the same log, to the last byte: in one process, and in any other."""

import os
import subprocess
import sys

import pytest

from bff.testing.simulation.world import simulate
from bff.testing.simulation.worlds import random_world

SEEDS = (3, 37, 52)
"""Worlds with hedges, leavers and health checks among them."""

_PROGRAM = f"""
from bff.testing.simulation.world import simulate
from bff.testing.simulation.worlds import random_world
for seed in {SEEDS}:
    print(simulate(random_world(seed)).log.digest())
"""


def digests(hash_seed: str) -> list[str]:
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(sys.path)}
    return subprocess.run(
        [sys.executable, "-c", _PROGRAM], env=environment, capture_output=True, text=True, check=True
    ).stdout.split()


@pytest.fixture(scope="module")
def logs():
    """The digest of each world's log, as this process has it."""
    return [simulate(random_world(seed)).log.digest() for seed in SEEDS]


def test_the_same_seed_gives_the_same_log(logs):
    """A failure can be repeated."""
    assert [simulate(random_world(seed)).log.digest() for seed in SEEDS] == logs


def test_another_seed_gives_another_log(logs):
    """Otherwise the test above would say nothing."""
    assert len(set(logs)) == len(SEEDS)


def test_another_process_with_other_hashes_gives_the_same_log(logs):
    """Nothing depends on the order of a set of strings."""
    assert digests("1") == logs
