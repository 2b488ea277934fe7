"""Metastable failure: an outage and a wiped cache leave more load than the service can bear; does it ever recover?

While its cache works, the service gets half of what clients ask for. Without the cache it gets all of it, which is
more than its capacity. An overloaded service answers too late, late answers fill no cache, and repetitions add to
the load: with naive settings that state keeps itself alive long after its cause is gone.

Source: Bronson et al., "Metastable Failures in Distributed Systems", HotOS 2021.
"""

from dataclasses import dataclass

from bff.policy.model import UpstreamPolicy
from bff.testing.simulation.clients import Cache, Load, Rate
from bff.testing.simulation.faults import down
from bff.testing.simulation.log import Ended, Sent
from bff.testing.simulation.services import Service
from bff.testing.simulation.world import Run, World, policy_of

OUTAGE = 60.0
"""Length of the outage in seconds."""

BEFORE = 60.0
"""Seconds of health before it, in which the cache fills."""

AFTER = 180.0
"""Seconds that are watched after it."""

_RATE = 600.0
_KEPT = 30.0
_SERVICE = Service("catalog", workers=40, seconds=0.1, queue=2000)

_OUTSIDE = {"scope": "off"}
"""The cache of this world is one that all replicas share; here it stands before them."""

NAIVE = policy_of(
    retry={"attempts": 4, "budget": {"ratio": "100%", "reserve": 1000}},
    breaker={"mode": "disabled"},
    cache=_OUTSIDE,
)
"""Three repetitions, no budget, no breaker; everything else as shipped."""

DEFAULTS = policy_of(cache=_OUTSIDE)
"""Nothing but our defaults."""


@dataclass(frozen=True, slots=True)
class Curve:
    """What the service got and gave in each second.

    Attributes:
        capacity: Requests a second that it can answer.
        asked: Requests that reached its network, refused ones included.
        answered: Calls that succeeded.
    """

    capacity: float
    asked: list[int]
    answered: list[int]


def world(
    policy: UpstreamPolicy, *, replicas: int = 200, scale: float = 1.0, after: float = AFTER, seed: int = 1
) -> World:
    """Return the world in which *policy* is tried.

    Args:
        policy: How each replica calls the service.
        replicas: How many there are.
        scale: Makes load and capacity larger or smaller.
        after: Seconds that are watched after the outage.
        seed: Where all chance comes from.
    """
    service = Service(
        _SERVICE.name,
        workers=int(_SERVICE.workers * scale),
        seconds=_SERVICE.seconds,
        queue=int(_SERVICE.queue * scale),
    )
    rate = _RATE * scale
    cache = Cache(ttl=_KEPT, wiped=(BEFORE + OUTAGE,), filled=0.5)
    load = Load(service.name, Rate.steady(rate), keys=int(rate * _KEPT), cache=cache)
    return World(
        seed,
        (service,),
        (load,),
        (down(service.name, BEFORE, OUTAGE),),
        replicas=replicas,
        seconds=BEFORE + OUTAGE + after,
        policies={service.name: policy},
    )


def curve(run: Run) -> Curve:
    """Return what happened in each second of *run*."""
    seconds = int(run.world.seconds)
    asked, answered = [0] * seconds, [0] * seconds
    for sent in run.log.of(Sent):
        _count(asked, sent.at - run.start)
    for end in run.log.of(Ended):
        if end.outcome == "OK":
            _count(answered, end.at - run.start)
    return Curve(run.world.services[0].capacity, asked, answered)


def _count(seconds: list[int], moment: float) -> None:
    if moment < len(seconds):
        seconds[int(moment)] += 1
