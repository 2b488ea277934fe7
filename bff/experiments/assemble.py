"""Everything about experiments in one process, put together."""

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from random import Random
from typing import Any

from fastapi import APIRouter

from bff.clock import Clock
from bff.events import Notify
from bff.experiments.admin import ExperimentDesk, catch_up, experiment_routes, told_of_end
from bff.experiments.edge import FaultHeader
from bff.experiments.model import Experiment
from bff.experiments.registry import Experiments
from bff.experiments.trials import trial_routes
from bff.policy.experiments import FaultInjection
from bff.policy.model import UpstreamPolicy
from bff.server.colleagues import Colleagues
from bff.upstream.client import Upstreams


class Laboratory:
    """What is tried on purpose in one process.

    Args:
        policy: Who may do what.
        upstreams: Policies of the services.
        colleagues: The other workers of the host.
        development: Whether the process runs for developers.
        clock: Ends experiments.
        rng: Draws.
        new_id: Names experiments.
        notify: Told of everything.

    Attributes:
        experiments: What operations ask.
    """

    def __init__(
        self,
        policy: FaultInjection,
        upstreams: Mapping[str, UpstreamPolicy],
        colleagues: Colleagues,
        *,
        development: bool,
        clock: Clock,
        rng: Random,
        new_id: Callable[[], str],
        notify: Notify,
    ) -> None:
        self.experiments = Experiments(
            policy,
            public_names(upstreams),
            development=development,
            clock=clock,
            rng=rng,
            notify=notify,
            ended=self._tell_of_end,
        )
        self._colleagues = colleagues
        self._clock = clock
        self._desk = ExperimentDesk(self.experiments, colleagues, clock=clock, new_id=new_id)
        self._tasks: set[asyncio.Task[None]] = set()

    def header(self, policy: FaultInjection) -> FaultHeader:
        """Return what reads the header of developers by *policy*."""
        return FaultHeader(self.experiments, policy.header)

    def obey(self, policy: FaultInjection, upstreams: Mapping[str, UpstreamPolicy]) -> None:
        """Go on under another *policy*; what it does not allow ends."""
        self.experiments.obey(policy, public_names(upstreams))

    def page(self, policy: FaultInjection, upstreams: Mapping[str, UpstreamPolicy]) -> dict[str, object] | None:
        """Return what GraphiQL needs to break services for its own runs, None where *policy* lets nobody."""
        if not self.experiments.allowed_by(policy):
            return None
        return {
            "header": policy.header,
            "maxSeconds": int(policy.max_duration.total_seconds()),
            "upstreams": sorted(public_names(upstreams)),
        }

    def routes(self, upstreams: Callable[[], Upstreams]) -> tuple[APIRouter, ...]:
        """Return the routes for the admin port, over the *upstreams* in use at the time."""
        trials = trial_routes(upstreams, self._colleagues, clock=self._clock)
        return experiment_routes(self._desk), trials

    def start(self) -> None:
        """Ask the other workers what runs; nobody waits for their answers."""
        if self._colleagues.number is not None:
            self._begin(catch_up(self.experiments, self._colleagues))

    async def close(self) -> None:
        """End what runs."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self.experiments.close()

    def _tell_of_end(self, experiment: Experiment) -> None:
        self._begin(told_of_end(experiment, self._colleagues))

    def _begin(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)


def public_names(upstreams: Mapping[str, UpstreamPolicy]) -> dict[str, str]:
    """Return the names of *upstreams*, by the names that clients see."""
    return {policy.alias or name: name for name, policy in upstreams.items()}
