"""Worlds that the tests of this folder share, and ways to look at runs."""

from collections import Counter
from collections.abc import Sequence
from typing import ClassVar

import pytest

from bff.policy.model import UpstreamPolicy
from bff.testing.simulation.clients import Load, Rate
from bff.testing.simulation.faults import Fault
from bff.testing.simulation.laws import check
from bff.testing.simulation.log import Began, Ended, Sent, Told
from bff.testing.simulation.services import Service
from bff.testing.simulation.world import Run, World, policy_of, simulate


class Lab:
    """Makes worlds of a service `catalog` in trouble and a service `orders` that has none."""

    undisturbed: ClassVar[dict[tuple[float, int], str]] = {}
    """What the log says of `orders` when nothing else is wrong, by length and replicas of the world."""

    @staticmethod
    def world(
        *faults: Fault,
        rate: float = 200.0,
        hosts: int = 1,
        seconds: float = 100.0,
        replicas: int = 1,
        loads: Sequence[Load] = (),
        policy: UpstreamPolicy | None = None,
    ) -> World:
        catalog, orders = Service("catalog", hosts=hosts), Service("orders", hosts=2)
        return World(
            7,
            (catalog, orders),
            (Load("catalog", Rate.steady(rate)), Load("orders", Rate.steady(20.0)), *loads),
            faults,
            replicas=replicas,
            seconds=seconds,
            policies={"catalog": policy or policy_of()},
        )

    @classmethod
    def lawful(cls, world: World) -> Run:
        """Return a run of *world* that keeps all laws; `orders` notices nothing of faults, loads and policies."""
        run = simulate(world)
        check(run)
        quiet = (world.seconds, world.replicas)
        if quiet not in cls.undisturbed:
            calm = cls.world(seconds=world.seconds, replicas=world.replicas, rate=1.0)
            cls.undisturbed[quiet] = simulate(calm).log.digest("orders")
        assert run.log.digest("orders") == cls.undisturbed[quiet], "orders has no fault, and is called otherwise"
        return run

    @staticmethod
    def outcomes(run: Run, *, after: float = 0.0, before: float = 1e9, service: str = "catalog") -> Counter[str]:
        """Return how the calls that began between these seconds ended."""
        begun = {b.call for b in run.log.of(Began, service) if after <= b.at - run.start < before}
        return Counter(end.outcome for end in run.log.of(Ended, service) if end.call in begun)

    @staticmethod
    def sent(run: Run, *, after: float = 0.0, before: float = 1e9, host: int | None = None) -> list[Sent]:
        """Return what was sent to `catalog` between these seconds, to one of its hosts or to all."""
        return [
            sent
            for sent in run.log.of(Sent, "catalog")
            if after <= sent.at - run.start < before and host in (None, sent.host)
        ]

    @staticmethod
    def told(run: Run, kind: type, *, after: float = 0.0) -> list[Told]:
        """Return the events of *kind* about `catalog`."""
        return [
            told
            for told in run.log.of(Told, "catalog")
            if isinstance(told.event, kind) and told.at - run.start >= after
        ]


@pytest.fixture(scope="session")
def lab() -> type[Lab]:
    return Lab
