"""One upstream's policy as pipelines: what all its calls share, what a group shares, what one endpoint has."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

from bff.clock import Clock
from bff.events import Notify
from bff.policy.chain import Chain
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.upstream.cache.keeper import Keeper
from bff.upstream.cache.lookup import Prospects
from bff.upstream.cache.tiers import EntryCache
from bff.upstream.credentials.source import Source
from bff.upstream.errors import UpstreamError
from bff.upstream.pipeline import ORDER, Call, Handler, Stage, build
from bff.upstream.pipeline.attempt import Attempt
from bff.upstream.pipeline.balance import balance_of
from bff.upstream.pipeline.breaker import Breaker
from bff.upstream.pipeline.budget import RetryBudget
from bff.upstream.pipeline.bulkhead import Permits, adaptive_of, bulkhead_of
from bff.upstream.pipeline.cache import Cache, Refreshes
from bff.upstream.pipeline.circuit import CircuitBreaker, Mode, Thresholds
from bff.upstream.pipeline.cluster import Cluster
from bff.upstream.pipeline.coalesce import Coalesce, Flights
from bff.upstream.pipeline.credentials import Credentials
from bff.upstream.pipeline.deadline import Deadline
from bff.upstream.pipeline.degrade import Degrade
from bff.upstream.pipeline.fanout import FanoutGuard
from bff.upstream.pipeline.fill import Fill
from bff.upstream.pipeline.gate import Gate
from bff.upstream.pipeline.health import HealthChecks, health_checks_of
from bff.upstream.pipeline.hedge import Hedge
from bff.upstream.pipeline.latency import RecentLatency
from bff.upstream.pipeline.retry import Retry, may_repeat
from bff.upstream.pipeline.split import Split
from bff.upstream.transport import Transport

_HEDGE_TTL = 10.0
_LEASE_SLACK = 0.2
"""Seconds by which a lease outlasts an attempt (CA-13)."""


@dataclass(frozen=True, slots=True)
class Caching:
    """What all upstreams share to keep answers.

    Attributes:
        entries: Where they are.
        version: Names the types they are read into.
        lease_max: Longest lease on a fetch, in seconds.
    """

    entries: EntryCache
    version: str = ""
    lease_max: float = 5.0


@dataclass(frozen=True, slots=True)
class World:
    """What every part of a pipeline may need: time, chance, somebody to tell, and a stage that traces attempts."""

    clock: Clock
    rng: Random
    notify: Notify
    caching: Caching
    trace: Stage | None = None


@dataclass(frozen=True, slots=True)
class Pipelines:
    """The ways of one upstream's calls.

    Attributes:
        default: For endpoints that no override names.
        special: For those that a group or an override names.
        circuits: The circuit breakers, by endpoint group.
        budget: How much load repeating may add.
        flights: Calls under way that others may join.
        refreshes: Fetches in the background.
        permits: What each attempt needs one of.
        cluster: The hosts.
        checks: Ask the hosts how they are; None where policy does not say so.
        adaptive: What each attempt of a group needs one of too, where policy adapts its limit.
        thresholds: What each breaker goes by, and its mode, by endpoint group.
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

    def take_over(self, now: float) -> None:
        """Let breakers that an earlier pipeline had go by this one's policy from now on (CB-15)."""
        for group, (thresholds, mode) in self.thresholds.items():
            self.circuits[group].configure(thresholds, now, mode=mode)

    async def close(self) -> None:
        """End what runs in the background, and refuse whoever waits for a permit."""
        await self.refreshes.close()
        await self.flights.close()
        for permits in (*self.adaptive, self.permits):
            await permits.close()


def assemble(
    name: str,
    policy: UpstreamPolicy,
    operations: OperationsPolicy,
    transport: Transport,
    world: World,
    *,
    credentials: Source | None = None,
    circuits: Mapping[str, CircuitBreaker] | None = None,
) -> Pipelines:
    """Return the pipelines of upstream *name* around *transport*; calls carry *credentials*.

    *circuits* are the breakers of its pipelines before, by group; they go by the new policy from `take_over` on.
    """
    assembly = _Assembly(name, policy, operations, transport, world, circuits or {})
    return assembly.pipelines(credentials)


class _Assembly:
    def __init__(  # noqa: PLR0917 - what `assemble` was given
        self,
        name: str,
        policy: UpstreamPolicy,
        operations: OperationsPolicy,
        transport: Transport,
        world: World,
        circuits: Mapping[str, CircuitBreaker],
    ) -> None:
        budget = policy.retry.budget
        self._name = name
        self._policy = policy
        self._operations = operations
        self._transport = transport
        self._world = world
        self._hosts = len(policy.places)
        self._budget = RetryBudget(
            ratio=budget.ratio, ttl=budget.ttl.total_seconds(), reserve=float(budget.reserve)
        )
        clock, notify = world.clock, world.notify
        self._balance = balance_of(name, policy, clock=clock, rng=world.rng, notify=notify)
        self._bulkhead = bulkhead_of(policy, clock=clock, notify=notify)
        self._shared: dict[str, Stage] = {
            "fanout": FanoutGuard(operations.max_concurrent_attempts, operations.max_attempts_total, clock=clock),
            "balance": self._balance,
            "bulkhead": self._bulkhead,
        }
        if world.trace is not None:
            self._shared["trace"] = world.trace
        self._groups: dict[str, _Group] = {}
        self._circuits = circuits
        self._flights = Flights()
        self._refreshes = Refreshes()
        self._prospects = Prospects()

    def pipelines(self, credentials: Source | None) -> Pipelines:
        policy = self._policy
        if credentials is not None:
            self._shared["credentials"] = Credentials(credentials, clock=self._world.clock)
        named = {endpoint for group in policy.groups.values() for endpoint in group.endpoints} | set(
            policy.endpoints
        )
        default = self._pipeline(policy.chain(None))
        special = {endpoint: self._pipeline(policy.chain(endpoint)) for endpoint in sorted(named)}
        circuits = {group: found.circuit for group, found in self._groups.items()}
        world, cluster = self._world, self._balance.cluster
        checks = health_checks_of(policy, cluster, self._transport, clock=world.clock, rng=world.rng)
        return Pipelines(
            default,
            special,
            circuits,
            self._budget,
            self._flights,
            self._refreshes,
            self._bulkhead.permits,
            cluster,
            checks,
            tuple(group.permits for group in self._groups.values() if group.permits is not None),
            {name: (group.thresholds, group.mode) for name, group in self._groups.items()},
        )

    def _pipeline(self, chain: Chain) -> Handler:
        group = self._groups.get(chain.group)
        if group is None:
            whole = self._group_chain(chain)
            known = self._circuits.get(chain.group)
            group = self._groups[chain.group] = _Group(self._name, self._policy, whole, self._world, known)
        stages = {**self._shared, **group.stages, **self._own(chain, group), **self._keeping(chain)}
        world = self._world
        attempt = Attempt(
            self._transport,
            chain.timeouts.attempt.total_seconds(),
            group=chain.group,
            clock=world.clock,
            notify=world.notify,
        )
        return build([stages[stage] for stage in ORDER if stage in stages], attempt)

    def _group_chain(self, chain: Chain) -> Chain:
        """Return the chain of the group itself: what one endpoint overrides is not the group's."""
        group = self._policy.groups.get(chain.group)
        default = self._policy.chain(None)
        return default.narrowed(group, chain.group) if group else default

    def _own(self, chain: Chain, group: "_Group") -> dict[str, Stage]:
        world, least = self._world, self._operations.min_attempt_time.total_seconds()
        stages: dict[str, Stage] = {
            "deadline": Deadline(
                chain.timeouts.total.total_seconds(),
                reserve=self._operations.deadline_reserve.total_seconds(),
                min_attempt_time=least,
                clock=world.clock,
            ),
            "retry": Retry(
                chain.retry,
                self._budget,
                hosts=self._hosts,
                min_attempt_time=least,
                clock=world.clock,
                rng=world.rng,
                notify=world.notify,
            ),
        }
        if chain.retry.split_on:
            stages["split"] = Split(
                chain.retry, self._budget, min_attempt_time=least, clock=world.clock, notify=world.notify
            )
        if chain.hedge.enabled and self._hosts > 1:
            stages["hedge"] = self._hedge(chain, group)
        return stages

    def _keeping(self, chain: Chain) -> dict[str, Stage]:
        """Return the stages that keep answers and fall back on them."""
        world, caching = self._world, self._world.caching
        total, reserve = chain.timeouts.total.total_seconds(), self._operations.deadline_reserve.total_seconds()
        degrade = Degrade(chain.fallback, clock=world.clock, notify=world.notify)
        return {
            "cache": Cache(
                chain.cache,
                caching.entries,
                self._refreshes,
                self._prospects,
                version=caching.version,
                refresh_time=total + reserve,
                clock=world.clock,
                rng=world.rng,
                notify=world.notify,
            ),
            "coalesce": Coalesce(
                chain.cache,
                self._flights,
                total=total,
                reserve=reserve,
                clock=world.clock,
                notify=world.notify,
                rescue=degrade.rescue,
            ),
            "degrade": degrade,
            "fill": Fill(
                self._keeper(chain),
                caching.entries,
                lease=min(chain.timeouts.attempt.total_seconds() + _LEASE_SLACK, caching.lease_max),
                clock=world.clock,
                notify=world.notify,
            ),
        }

    def _keeper(self, chain: Chain) -> Keeper | None:
        if chain.cache.scope == "off":
            return None
        world, caching = self._world, self._world.caching
        return Keeper(
            chain.cache,
            caching.entries,
            self._prospects,
            version=caching.version,
            clock=world.clock,
            rng=world.rng,
        )

    def _at_limit(self) -> bool:
        permits = self._bulkhead.permits
        return permits.in_flight >= permits.limit

    def _hedge(self, chain: Chain, group: "_Group") -> Hedge:
        retry = chain.retry

        def retryable(call: Call, error: UpstreamError) -> bool:
            return may_repeat(error, safe=call.safe, keyed=False, statuses=retry.statuses)

        return Hedge(
            min_delay=chain.hedge.min_delay.total_seconds(),
            latency=group.latency,
            hedges=RetryBudget(ratio=chain.hedge.extra_load, ttl=_HEDGE_TTL, reserve=0.0),
            retries=self._budget,
            calm=lambda: group.calm() and not self._at_limit(),
            retryable=retryable,
            clock=self._world.clock,
            notify=self._world.notify,
        )


class _Group:
    """What the endpoints of one group share."""

    def __init__(
        self, upstream: str, policy: UpstreamPolicy, chain: Chain, world: World, known: CircuitBreaker | None
    ) -> None:
        self.latency = RecentLatency()
        self.mode: Mode = chain.breaker.mode
        self.thresholds = Thresholds.of(chain.breaker, chain.timeouts.attempt.total_seconds())
        self.circuit = known or CircuitBreaker(
            self.thresholds,
            mode=self.mode,
            upstream=upstream,
            group=chain.group,
            rng=world.rng,
            notify=world.notify,
        )
        self.stages: dict[str, Stage] = {
            "gate": Gate(
                longest=chain.retry.gate_max.total_seconds(),
                window=chain.breaker.window.total_seconds(),
                upstream=upstream,
                group=chain.group,
                clock=world.clock,
                notify=world.notify,
            ),
            "breaker": Breaker(
                self.circuit, upstream=upstream, group=chain.group, clock=world.clock, notify=world.notify
            ),
        }

        self.permits: Permits | None = None
        if policy.adaptive.enabled:
            stage = adaptive_of(
                policy, group=chain.group, attempt=chain.timeouts.attempt, clock=world.clock, notify=world.notify
            )
            self.stages["adaptive"] = stage
            self.permits = stage.permits

    def calm(self) -> bool:
        """Whether the group can take more calls than it must (HG-5)."""
        permits = self.permits
        full = permits is not None and permits.in_flight >= permits.limit
        return self.circuit.state in {"closed", "metrics_only", "disabled"} and not full
