"""What is done on purpose to the calls of one operation."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any

from bff.clock import Clock
from bff.events import FaultInjected, Notify
from bff.experiments.faults import Fault, inflict
from bff.experiments.header import Asked
from bff.experiments.model import Experiment

if TYPE_CHECKING:
    from bff.upstream.pipeline.call import Call

_LEAST_OPERATIONS = 20
"""Before shares of failed operations mean anything."""


@dataclass(frozen=True, slots=True)
class World:
    """What faults need from outside; `alias` is the public name of an upstream."""

    clock: Clock
    rng: Random
    notify: Notify
    alias: Callable[[str], str]


@dataclass(slots=True)
class Injection:
    """What is done to one call; all that is made of the call carry the same one.

    Attributes:
        world: What faults need.
        alone: Done to this call on a way of its own, which shares nothing with other calls; None for nothing.
        by: The experiment that *alone* belongs to; None for the request's own header.
        common: Experiments for everyone, for each of which a draw is made with every attempt.
        cold: Whether to behave as if nothing old were kept.
        done: What was done, by fault and experiment.
    """

    world: World
    alone: Fault | None
    by: Experiment | None
    common: Sequence[Experiment]
    cold: bool = False
    done: Counter[tuple[str, Fault, str | None]] = field(default_factory=Counter)

    def join(self, other: "Injection") -> None:
        """Count what is done to *other*, whose answer is this call's too."""
        self.done = other.done

    async def strike(self, call: "Call") -> None:
        """Do to an attempt of *call* what experiments for everyone draw.

        Raises:
            UpstreamError: As if the service had failed.
        """
        for experiment in self.common:
            if self.world.rng.random() < experiment.share:
                await self._inflict(call, experiment.fault, experiment)

    async def strike_alone(self, call: "Call") -> None:
        """Do to *call* what is for it alone.

        Raises:
            UpstreamError: As if the service had failed.
        """
        assert self.alone is not None
        await self._inflict(call, self.alone, self.by)

    async def _inflict(self, call: "Call", fault: Fault, experiment: Experiment | None) -> None:
        name = None
        if experiment is not None:
            experiment.hits += 1
            name = experiment.id
        self.done[call.upstream, fault, name] += 1
        self.world.notify(
            FaultInjected(call.upstream, call.endpoint, call.request_id, fault.kind, str(fault), name, call.number)
        )
        await inflict(fault, self.world.clock, self.world.rng)


class Plan:
    """Faults for one operation; made for it, gone with it.

    Args:
        world: What faults need.
        asked: What its own header asks for; None where there is none.
        experiments: Those whose scope it is in.
        stop: Ends an experiment that does too much harm.

    Attributes:
        alone: Whether the operation may share nothing with others.
    """

    __slots__ = ("_asked", "_experiments", "_given", "_met", "_stop", "_world", "alone")

    def __init__(
        self,
        world: World,
        asked: Asked | None,
        experiments: Sequence[Experiment],
        stop: Callable[[Experiment], None],
    ) -> None:
        self._world = world
        self._asked = asked
        self._experiments = experiments
        self._stop = stop
        self._given: list[Injection] = []
        self._met: set[Experiment] = set()
        self.alone = asked is not None or any(not one.scope.everyone for one in experiments)

    def of(self, upstream: str, endpoint: str) -> Injection | None:
        """Return what is done to one call of *endpoint*, None for nothing."""
        own = self._asked.fault(upstream, endpoint) if self._asked is not None else None
        near = [one for one in self._experiments if one.hits_endpoint(upstream, endpoint)]
        if own is None and not near:
            return None
        self._met.update(near)
        common = [one for one in near if one.scope.everyone]
        by = None
        if own is None:
            by = next((one for one in near if not one.scope.everyone and self._draws(one)), None)
            own = by.fault if by is not None else None
        injection = Injection(self._world, own, by, common, cold=self._asked is not None and self._asked.cold)
        self._given.append(injection)
        return injection

    @property
    def hit(self) -> bool:
        """Whether a fault was done to the operation alone."""
        return any(one.alone is not None and one.done for one in self._given)

    def _draws(self, experiment: Experiment) -> bool:
        return self._world.rng.random() < experiment.share

    def told(self) -> list[dict[str, Any]]:
        """Return `extensions.faults`: what was done, so that nobody takes it for real."""
        done: Counter[tuple[str, Fault, str | None]] = Counter()
        for shared in {id(one.done): one.done for one in self._given}.values():
            done.update(shared)
        return [
            {
                "upstream": self._world.alias(upstream),
                "fault": str(fault),
                "by": "header" if name is None else "experiment",
                **({} if name is None else {"experiment": name}),
                "times": times,
            }
            for (upstream, fault, name), times in done.items()
        ]

    def finished(self, *, failed: bool) -> None:
        """Count the operation for the experiments that it met, and end those that do too much harm."""
        for experiment in self._met:
            experiment.operations += 1
            experiment.failed += failed
            above = experiment.stop_above
            if above is None or experiment.operations < _LEAST_OPERATIONS:
                continue
            if experiment.failed / experiment.operations > above:
                self._stop(experiment)
