"""Worlds drawn from a seed: services of all sizes, clients of all kinds, and two or three faults at once."""

from collections.abc import Callable
from random import Random
from typing import Any

from bff.policy.model import UpstreamPolicy
from bff.testing.simulation import faults
from bff.testing.simulation.clients import Load, Rate
from bff.testing.simulation.faults import Fault
from bff.testing.simulation.services import Service
from bff.testing.simulation.world import World, policy_of

_FIRST_FAULT = 4.0
_LAST_FAULT = 12.0
_LONGEST_FAULT = 12.0
_SECONDS = 45.0
"""Long enough to see a service that recovers in use again: most breakers have opened once or twice by then."""


def random_world(seed: int) -> World:
    """Return the world of *seed*: one or two sick services, and one that is well."""
    rng = Random(f"world/{seed}")
    sick = tuple(_service(rng, f"sick{number}") for number in range(rng.choice((1, 1, 2))))
    services = (*sick, _service(rng, "well"))
    replicas = rng.choice((1, 1, 2, 3))
    rates = {service.name: _rate(rng, service) for service in services}
    return World(
        seed,
        services,
        tuple(load for service in services for load in _loads(rng, service, rates[service.name])),
        tuple(fault for service in sick for fault in _faults(rng, service)),
        replicas=replicas,
        seconds=_SECONDS,
        policies={service.name: _policy(rng, service, rates[service.name]) for service in services},
    )


def _service(rng: Random, name: str) -> Service:
    return Service(
        name,
        hosts=rng.choice((1, 1, 2, 3, 5)),
        workers=rng.choice((4, 8, 16, 32)),
        seconds=rng.choice((0.002, 0.01, 0.03, 0.08)),
        queue=rng.choice((50, 200, 2000)),
    )


def _rate(rng: Random, service: Service) -> float:
    """Return a rate that one host alone could bear: what happens to those that cannot is another question."""
    return min(rng.choice((3.0, 20.0, 60.0)), 0.25 * service.capacity / service.hosts)


def _loads(rng: Random, service: Service, rate: float) -> list[Load]:
    name = service.name
    loads = [Load(name, Rate.steady(rate), leavers=rng.choice((0.0, 0.0, 0.3)))]
    if _happens(rng, 0.6):
        loads.append(Load(name, Rate.steady(rate / 5), endpoint="place", safe=False))
    if _happens(rng, 0.4):
        loads.append(Load(name, Rate.steady(rate / 5), endpoint="pay", safe=False, keyed=True))
    if _happens(rng, 0.4):
        loads.append(Load(name, Rate.steady(rate / 3), endpoint="hurried", deadline=(0.02, 0.3)))
    if _happens(rng, 0.2):
        burst = Rate(((_FIRST_FAULT, 0.0), (_FIRST_FAULT + 2, 1500.0), (_FIRST_FAULT + 2.3, 0.0)))
        loads.append(Load(name, burst, endpoint="burst"))
    return loads


def _faults(rng: Random, service: Service) -> list[Fault]:
    found = []
    for draw in rng.sample(_DRAWS, rng.choice((1, 1, 2, 3))):
        start = rng.uniform(_FIRST_FAULT, _LAST_FAULT)
        seconds = rng.choice((0.2, 3.0, rng.uniform(1.0, _LONGEST_FAULT)))
        host = rng.randrange(service.hosts) if service.hosts > 1 and _happens(rng, 0.5) else None
        found.append(draw(rng, service.name, start, seconds, host))
    return found


def _happens(rng: Random, share: float) -> bool:
    return rng.random() < share


_Draw = Callable[[Random, str, float, float, int | None], Fault]

_DRAWS: tuple[_Draw, ...] = (
    lambda _, name, at, long, host: faults.down(name, at, long, host=host),
    lambda rng, name, at, long, _: faults.partition(name, at, long, replicas=rng.choice((None, 1))),
    lambda _, name, at, long, host: faults.hang(name, at, long, host=host),
    lambda rng, name, at, long, host: faults.hang(name, at, long, share=rng.uniform(0.1, 0.9), host=host),
    lambda rng, name, at, long, host: faults.status(
        name, at, long, rng.choice((500, 502, 503, 504, 408)), host=host
    ),
    lambda rng, name, at, long, host: faults.status(
        name, at, long, 503, share=rng.uniform(0.1, 0.9), acts=True, host=host
    ),
    lambda rng, name, at, long, host: faults.status(name, at, long, 429, share=rng.uniform(0.1, 1.0), host=host),
    lambda rng, name, at, long, host: faults.status(
        name, at, long, 429, retry_after=rng.choice((0, 1, 2)), host=host
    ),
    lambda rng, name, at, long, _: faults.reset(
        name, at, long, share=rng.uniform(0.1, 1.0), acts=_happens(rng, 0.5)
    ),
    lambda rng, name, at, long, host: faults.slow(name, at, long, rng.choice((3.0, 30.0, 300.0)), host=host),
    lambda rng, name, at, long, host: faults.late(name, at, long, rng.choice((0.05, 0.3, 1.8, 5.0)), host=host),
)


def _policy(rng: Random, service: Service, rate: float) -> UpstreamPolicy:
    """Return sensible settings: room for what usually runs, hedges only where there is another host."""
    keys: dict[str, Any] = {}
    if _happens(rng, 0.5):
        keys["retry"] = {"attempts": rng.randint(1, 5), "jitter": rng.choice(("full", "decorrelated"))}
    if _happens(rng, 0.3):
        keys["bulkhead"] = {"max_concurrency": int(4 * rate * service.seconds) + 20, "queue": rng.choice((5, 50))}
    if _happens(rng, 0.3):
        keys["balance"] = {"policy": rng.choice(("round_robin", "random", "peak_ewma"))}
    if _happens(rng, 0.3):
        keys["health"] = {"path": "/health"}
    if service.hosts > 1 and _happens(rng, 0.4):
        keys["hedge"] = {"enabled": True}
    if _happens(rng, 0.2):
        keys["adaptive"] = {"enabled": True}
    if _happens(rng, 0.3):
        keys["timeouts"] = {"attempt": "500ms", "total": "2s", "connect": "200ms"}
    return policy_of(**keys)
