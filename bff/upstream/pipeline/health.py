"""Asks hosts how they are (LB-5), so that calls need not find out."""

import asyncio
from dataclasses import dataclass
from random import Random
from typing import Literal

from bff.clock import Clock
from bff.policy.model import UpstreamPolicy
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Request, Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.cluster import Cluster, HealthState
from bff.upstream.pipeline.pick import Member
from bff.upstream.transport import Transport

Finding = Literal["healthy", "failing", "draining"]
"""What one check found."""

_IDLE_AFTER = 60.0
"""Seconds without a call after which an upstream counts as idle."""

_DRAINING = 503
_OURS = frozenset({Outcome.POOL, Outcome.LOCAL_BUG, Outcome.CANCELLED})


@dataclass(frozen=True, slots=True)
class Settings:
    """How hosts are checked; times in seconds. `bff.policy.hosts.HealthCheck` explains each."""

    path: str
    interval: float = 5.0
    timeout: float = 1.0
    unhealthy: int = 3
    healthy: int = 2
    jitter: float = 0.2
    no_traffic_interval: float = 60.0
    fail_header: str | None = None


class Judge:
    """What one host's checks amount to; pure.

    A host that nobody knows yet counts as healthy, so that a start depends on no service; its first good check
    only confirms that. A draining host has said so itself and is believed at once.
    """

    def __init__(self, unhealthy: int, healthy: int) -> None:
        self._unhealthy = unhealthy
        self._healthy = healthy
        self._good = 0
        self._bad = 0
        self.state: HealthState = "healthy"

    def note(self, finding: Finding, *, suspected: bool = False) -> HealthState:
        """Return the host's state after one more check.

        Args:
            finding: What the check found.
            suspected: Whether calls have found the host bad already: then one failing check suffices, so that it
                does not return in between.
        """
        if finding == "healthy":
            self._bad = 0
            self._good += 1
            if self._good >= self._healthy:
                self.state = "healthy"
            return self.state
        self._good = 0
        self._bad += 1
        if finding == "draining":
            self.state = "draining"
        elif suspected or self._bad >= self._unhealthy or self.state == "draining":
            self.state = "unhealthy"
        return self.state

    def condemn(self) -> HealthState:
        """Return `unhealthy`, whatever earlier checks have found; the way back is by `healthy` good checks."""
        self._good = 0
        self.state = "unhealthy"
        return self.state


class HealthChecks:
    """The checks of one upstream: one small task a host, from `start` to `close`.

    Args:
        cluster: Told of what is found.
        transport: Carries the checks; the upstream's own, so that a check sees what calls see.
        settings: What is asked, and how often.
        clock: Tells the time.
        rng: For the jitter.
    """

    def __init__(
        self, cluster: Cluster, transport: Transport, settings: Settings, *, clock: Clock, rng: Random
    ) -> None:
        self._cluster = cluster
        self._transport = transport
        self._settings = settings
        self._clock = clock
        self._rng = rng
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Begin to ask; without effect when it has begun already."""
        if not self._tasks:
            self._tasks = {
                asyncio.create_task(self._watch(member), name=f"health of {member.name}")
                for member in self._cluster.members
            }

    async def close(self) -> None:
        """Stop asking."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        self._tasks.clear()

    async def _watch(self, member: Member) -> None:
        settings, clock = self._settings, self._clock
        judge = Judge(settings.unhealthy, settings.healthy)
        checked_at = -settings.no_traffic_interval
        await clock.sleep(self._rng.uniform(0, settings.interval * settings.jitter))
        while True:
            now = clock.now()
            idle = now - self._cluster.last_used > _IDLE_AFTER
            if not idle or now - checked_at >= settings.no_traffic_interval:
                checked_at = now
                await self._check(member, judge)
            spread = self._rng.uniform(1 - settings.jitter, 1 + settings.jitter)
            await clock.sleep(settings.interval * spread)

    async def _check(self, member: Member, judge: Judge) -> None:
        settings = self._settings
        request = Request("GET", member.origin, member.prefix + settings.path, {"accept": "*/*"})
        try:
            async with asyncio.timeout(settings.timeout):
                response = await self._transport.send(request)
        except TimeoutError:
            self._note(member, judge, "failing", f"no answer within {settings.timeout * 1000:.0f} ms")
        except UpstreamError as error:
            if error.outcome not in _OURS:
                self._note(member, judge, "failing", str(error))
        else:
            self._read(member, judge, response)

    def _read(self, member: Member, judge: Judge, response: Response) -> None:
        fail_header = self._settings.fail_header
        if fail_header is not None and fail_header in response.headers:
            state = judge.condemn()
            self._cluster.health_changed(member, state, f"answered with {fail_header}", self._clock.now())
        else:
            self._note(member, judge, found(response.status), f"status {response.status}")

    def _note(self, member: Member, judge: Judge, finding: Finding, detail: str) -> None:
        if judge.state == "healthy" and not self._cluster.is_healthy(member):
            judge.condemn()
        state = judge.note(finding, suspected=self._cluster.is_ejected(member))
        self._cluster.health_changed(member, state, detail, self._clock.now())


def found(status: int) -> Finding:
    """Return what a check that was answered with *status* found."""
    if 200 <= status < 300:  # noqa: PLR2004 - the numbers are the name of the class
        return "healthy"
    return "draining" if status == _DRAINING else "failing"


def health_checks_of(
    policy: UpstreamPolicy, cluster: Cluster, transport: Transport, *, clock: Clock, rng: Random
) -> HealthChecks | None:
    """Return the checks that *policy* asks for, None where it asks for none."""
    health = policy.health
    if health.path is None:
        return None
    settings = Settings(
        health.path,
        interval=health.interval.total_seconds(),
        timeout=health.timeout.total_seconds(),
        unhealthy=health.unhealthy,
        healthy=health.healthy,
        jitter=health.jitter,
        no_traffic_interval=health.no_traffic_interval.total_seconds(),
        fail_header=health.fail_header,
    )
    return HealthChecks(cluster, transport, settings, clock=clock, rng=rng)
