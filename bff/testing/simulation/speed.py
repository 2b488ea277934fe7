"""How many calls a minute of one core simulates, in worlds where nothing goes wrong."""

import time
from collections.abc import Callable, Mapping
from functools import partial

from bff.testing.simulation.clients import Load, Rate
from bff.testing.simulation.services import Service
from bff.testing.simulation.world import World, policy_of, simulate

_ROUNDS = 5
_SECONDS = 30.0


def _world(cache: dict[str, object], keys: int, seconds: float) -> World:
    return World(
        1,
        (Service("catalog", hosts=2),),
        (Load("catalog", Rate.steady(500.0), keys=keys),),
        seconds=seconds,
        policies={"catalog": policy_of(cache=cache)},
    )


WORLDS: Mapping[str, Callable[[float], World]] = {
    "every call reaches the service": partial(_world, {"scope": "off"}, 0),
    "nothing can be kept": partial(_world, {}, 0),
    "most is answered by the cache": partial(_world, {"default_ttl": "10s"}, 200),
    "everything is kept and nothing asked again": partial(_world, {"default_ttl": "10s"}, 0),
}
"""Worlds of so many virtual seconds, by what becomes of their calls."""


def calls_a_minute(world: World) -> float:
    """Return how many calls of *world* a minute of this core simulates, in the best of several rounds."""
    best = 0.0
    for _ in range(_ROUNDS):
        began = time.process_time()
        run = simulate(world)
        best = max(best, run.asked * 60 / (time.process_time() - began))
    return best


def report() -> str:
    """Return a line for each world."""
    return "\n".join(f"{calls_a_minute(make(_SECONDS)):12,.0f} a minute: {name}" for name, make in WORLDS.items())
