"""The experiments of one process: started, found by operations, ended in time."""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from random import Random
from typing import Final

from bff.clock import Clock
from bff.context import Principal
from bff.events import ExperimentEnded, ExperimentStarted, Notify
from bff.experiments.header import Asked, BadHeader, parse_header
from bff.experiments.model import Ending, Experiment
from bff.experiments.plan import Plan, World
from bff.policy.experiments import FaultInjection
from bff.policy.units import format_duration, format_share

MOST: Final = 20
"""Experiments at once."""


class NotAllowed(Exception):
    """Policy forbids it; the message says which key would allow it."""


class Impossible(ValueError):
    """There is nothing such, or it is more than policy allows; the message says what would do."""


class Experiments:
    """What is done on purpose in this process.

    Args:
        policy: Who may do what.
        upstreams: Names of the upstreams, by their public names.
        development: Whether the process runs for developers, with everything open.
        clock: Ends experiments.
        rng: Draws.
        notify: Told of beginnings, ends and every fault.
        ended: Called with each experiment that this process ends of itself because of errors, to tell others.

    Attributes:
        running: Those under way with the tasks that end them, by name; only this class changes it.
    """

    def __init__(
        self,
        policy: FaultInjection,
        upstreams: Mapping[str, str],
        *,
        development: bool,
        clock: Clock,
        rng: Random,
        notify: Notify,
        ended: Callable[[Experiment], None] | None = None,
    ) -> None:
        self._development = development
        self._clock = clock
        self._notify = notify
        self.ended = ended
        self._rng = rng
        self.running: dict[str, tuple[Experiment, asyncio.Task[None]]] = {}
        self.obey(policy, upstreams)

    @property
    def policy(self) -> FaultInjection:
        """Who may do what."""
        return self._policy

    @property
    def upstreams(self) -> Mapping[str, str]:
        """Names of the upstreams, by their public names."""
        return self._upstreams

    @property
    def allowed(self) -> bool:
        """Whether operators may start experiments."""
        return self.allowed_by(self._policy)

    def allowed_by(self, policy: FaultInjection) -> bool:
        """Return whether *policy* lets anybody do anything here."""
        return policy.allow == "scope" or (policy.allow == "development" and self._development)

    @property
    def open(self) -> bool:
        """Whether everybody may break services for their own operations."""
        return self._policy.allow != "never" and self._development

    def require_allowed(self) -> None:
        """Refuse operators whom policy gives no experiments.

        Raises:
            NotAllowed: With the key that decides.
        """
        if not self.allowed:
            raise NotAllowed(
                f"fault_injection.allow in policies/operations.yaml is {self._policy.allow}: "
                "`scope` would let operators start experiments here."
            )

    def list(self) -> list[Experiment]:
        """Return those that run, oldest first."""
        return [experiment for experiment, _ in self.running.values()]

    def _check(self, experiment: Experiment) -> None:
        self.require_allowed()
        if experiment.upstream not in self._upstreams.values():
            near = get_close_matches(experiment.upstream, self._upstreams.values(), 1, 0.5)
            meant = f" Did you mean {near[0]!r}?" if near else ""
            known = ", ".join(sorted(self._upstreams.values())) or "none"
            raise Impossible(f"There is no upstream {experiment.upstream!r}.{meant} There are {known}.")
        most = self._policy.max_share
        if not 0 < experiment.share <= most:
            raise Impossible(
                f"A share of {format_share(experiment.share)} is not above 0% and up to {format_share(most)}, "
                "which fault_injection.max_share allows."
            )
        longest = self._policy.max_duration
        if not 0 < experiment.until - self._clock.wall() <= longest.total_seconds():
            raise Impossible(
                f"An experiment lasts longer than 0s and up to {format_duration(longest)}, which "
                "fault_injection.max_duration allows."
            )
        if len(self.running) >= MOST:
            raise Impossible(f"{MOST} experiments run already; stop one first.")

    def start(self, experiment: Experiment) -> None:
        """Begin *experiment*; one that runs already goes on.

        Raises:
            NotAllowed: Policy gives operators none.
            Impossible: More than policy allows, or no such upstream.
        """
        if experiment.id in self.running:
            return
        self._check(experiment)
        seconds = experiment.until - self._clock.wall()
        task = asyncio.create_task(self._expire(experiment, seconds), name=f"experiment {experiment.id}")
        self.running[experiment.id] = (experiment, task)
        self._notify(
            ExperimentStarted(
                experiment.id,
                experiment.upstream,
                experiment.endpoint,
                str(experiment.fault),
                experiment.share,
                str(experiment.scope),
                seconds,
                experiment.note,
            )
        )

    def stop(self, name: str, reason: Ending = "stopped") -> Experiment | None:
        """End the experiment called *name*; return it, None where none such runs."""
        found = self.running.pop(name, None)
        if found is None:
            return None
        experiment, task = found
        if task is not asyncio.current_task():
            task.cancel()
        self._notify(ExperimentEnded(experiment.id, experiment.upstream, reason, experiment.hits))
        return experiment

    def obey(self, policy: FaultInjection, upstreams: Mapping[str, str]) -> None:
        """Go on under another *policy*; experiments that it does not allow, or whose upstream is gone, end."""
        self._policy, self._upstreams = policy, dict(upstreams)
        aliases = {name: alias for alias, name in upstreams.items()}
        self._world = World(self._clock, self._rng, self._notify, lambda name: aliases.get(name, name))
        for experiment in self.list():
            if not self.allowed or experiment.upstream not in aliases or experiment.share > policy.max_share:
                self.stop(experiment.id, "policy")

    def asked(self, text: str, principal: Principal) -> Asked:
        """Return what the header *text* of *principal* asks for.

        Raises:
            NotAllowed: Policy does not let *principal* ask.
            BadHeader: It cannot be understood, or does not hold (any more).
        """
        policy = self._policy
        if not self.open:
            if policy.allow != "scope":
                raise NotAllowed(
                    f"{policy.header} is not allowed here: fault_injection.allow in policies/operations.yaml is "
                    f"{policy.allow}."
                )
            if policy.scope not in principal.scopes:
                raise NotAllowed(
                    f"{policy.header} needs the scope {policy.scope!r}, which fault_injection.scope in "
                    "policies/operations.yaml names."
                )
        try:
            asked = parse_header(text, self._upstreams)
        except BadHeader as error:
            raise BadHeader(f"{policy.header}: {error}") from None
        self._require_time(asked)
        return asked

    def _require_time(self, asked: Asked) -> None:
        policy, now = self._policy, self._clock.wall()
        longest = policy.max_duration.total_seconds()
        write = f"write until={int(now + longest)} or less, seconds since 1970"
        if asked.until is None:
            if not self.open:
                raise BadHeader(f"{policy.header}: it has to say when it ends; {write}.")
        elif asked.until <= now:
            raise BadHeader(f"{policy.header}: it ended at {asked.until:.0f}; {write}.")
        elif asked.until > now + longest:
            allowed = format_duration(timedelta(seconds=longest))
            raise BadHeader(f"{policy.header}: it ends later than in {allowed}; {write}.")

    def plan(self, asked: Asked | None, principal: Principal, operation: str | None) -> Plan | None:
        """Return what is done to one operation, None where nothing is."""
        found: Sequence[Experiment] = ()
        if self.running:
            found = [one for one, _ in self.running.values() if one.scope.holds(principal, operation)]
        if asked is None and not found:
            return None
        return Plan(self._world, asked, found, self._harmful)

    async def close(self) -> None:
        """End all, without a word: the process ends."""
        tasks = [task for _, task in self.running.values()]
        self.running.clear()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _expire(self, experiment: Experiment, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self.stop(experiment.id, "time")

    def _harmful(self, experiment: Experiment) -> None:
        if self.stop(experiment.id, "errors") is not None and self.ended is not None:
            self.ended(experiment)
