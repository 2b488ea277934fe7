"""The ways that the calls of one upstream go, and what belongs to them as long as they are used."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from bff.upstream.pipeline import Handler
from bff.upstream.pipeline.budget import RetryBudget
from bff.upstream.pipeline.bulkhead import Permits
from bff.upstream.pipeline.cache import Refreshes
from bff.upstream.pipeline.canary import Trial
from bff.upstream.pipeline.circuit import CircuitBreaker, Mode, Thresholds
from bff.upstream.pipeline.cluster import Cluster
from bff.upstream.pipeline.coalesce import Flights
from bff.upstream.pipeline.health import HealthChecks
from bff.upstream.pipeline.shadow import Shadow
from bff.upstream.transport import Transport


@dataclass(frozen=True, slots=True)
class CanaryArm:
    """The other hosts of an upstream with a canary, and what is theirs.

    Attributes:
        trial: Who goes there, and whether anybody still does.
        circuits: Their circuit breakers, by endpoint group.
        permits: What each attempt there needs one of.
        cluster: The hosts.
        checks: Ask them how they are; None where policy does not say so.
        adaptive: What each attempt of a group needs one of too.
        transport: Reaches them.
    """

    trial: Trial
    circuits: Mapping[str, CircuitBreaker]
    permits: Permits
    cluster: Cluster
    checks: HealthChecks | None
    adaptive: tuple[Permits, ...]
    transport: Transport

    async def close(self) -> None:
        """Refuse whoever waits for a permit, and close the connections."""
        for permits in (*self.adaptive, self.permits):
            await permits.close()
        if self.checks is not None:
            await self.checks.close()
        await self.transport.close()


@dataclass(frozen=True, slots=True)
class Pipelines:
    """The ways of one upstream's calls.

    Attributes:
        default: For endpoints that no override names.
        special: For those that a group or an override names.
        reading: As `default`, without the stages that do nothing for calls that read and have no other source.
        special_reading: As `special`, likewise.
        circuits: The circuit breakers, by endpoint group.
        budget: How much load repeating may add.
        flights: Calls under way that others may join.
        refreshes: Fetches in the background.
        permits: What each attempt needs one of.
        cluster: The hosts.
        checks: Ask the hosts how they are; None where policy does not say so.
        adaptive: What each attempt of a group needs one of too, where policy adapts its limit.
        thresholds: What each breaker goes by, and its mode, by endpoint group.
        apart: Returns the way of an endpoint's calls that a fault is done to alone.
        canary: Other hosts that get a share of the calls; None where there are none.
        shadow: Sends copies of calls; None where nobody wants any.
    """

    default: Handler
    special: Mapping[str, Handler]
    circuits: Mapping[str, CircuitBreaker]
    budget: RetryBudget
    flights: Flights
    refreshes: Refreshes

    permits: Permits
    cluster: Cluster
    checks: HealthChecks | None
    adaptive: tuple[Permits, ...] = ()
    thresholds: Mapping[str, tuple[Thresholds, Mode]] = field(default_factory=dict)
    reading: Handler = field(kw_only=True)
    special_reading: Mapping[str, Handler] = field(kw_only=True)
    apart: Callable[[str], Handler] = field(kw_only=True)
    canary: CanaryArm | None = None
    shadow: Shadow | None = None

    async def start(self) -> None:
        """Begin to ask hosts how they are, where policy says so."""
        for checks in (self.checks, self.canary.checks if self.canary else None):
            if checks is not None:
                await checks.start()

    def take_over(self, now: float) -> None:
        """Let breakers that an earlier pipeline had go by this one's policy from now on (CB-15)."""
        for group, (thresholds, mode) in self.thresholds.items():
            self.circuits[group].configure(thresholds, now, mode=mode)

    async def close(self) -> None:
        """End what runs in the background, and refuse whoever waits for a permit."""
        if self.shadow is not None:
            await self.shadow.close()
        await self.refreshes.close()
        await self.flights.close()
        if self.canary is not None:
            await self.canary.close()
        if self.checks is not None:
            await self.checks.close()
        for permits in (*self.adaptive, self.permits):
            await permits.close()
