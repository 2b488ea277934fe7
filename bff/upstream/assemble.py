"""One upstream's policy as pipelines: what all its calls share, what a group shares, what one endpoint has."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache
from random import Random

from bff.clock import Clock
from bff.events import Notify, ignore
from bff.policy.chain import Chain
from bff.policy.experiments import Canary as CanaryPolicy
from bff.policy.experiments import Shadow as ShadowPolicy
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.upstream.cache.keeper import Keeper
from bff.upstream.cache.lookup import Prospects
from bff.upstream.cache.tiers import EntryCache
from bff.upstream.credentials.source import Source
from bff.upstream.errors import UpstreamError
from bff.upstream.group import Group
from bff.upstream.pipeline import ORDER, Call, Handler, Stage, build
from bff.upstream.pipeline.apart import Faults, Remember, WhereItReaches
from bff.upstream.pipeline.attempt import Attempt
from bff.upstream.pipeline.balance import Host, balance_of
from bff.upstream.pipeline.budget import RetryBudget
from bff.upstream.pipeline.bulkhead import Permits, bulkhead_of
from bff.upstream.pipeline.cache import Cache, Refreshes
from bff.upstream.pipeline.canary import Canary, Trial
from bff.upstream.pipeline.circuit import CircuitBreaker
from bff.upstream.pipeline.coalesce import Coalesce, Flights
from bff.upstream.pipeline.credentials import Credentials
from bff.upstream.pipeline.deadline import Deadline
from bff.upstream.pipeline.degrade import Degrade
from bff.upstream.pipeline.fanout import FanoutGuard
from bff.upstream.pipeline.fill import Fill
from bff.upstream.pipeline.guarded import GUARDS, Guarded
from bff.upstream.pipeline.health import health_checks_of
from bff.upstream.pipeline.hedge import Hedge
from bff.upstream.pipeline.retry import Retry, may_repeat
from bff.upstream.pipeline.shadow import Shadow
from bff.upstream.pipeline.split import Split
from bff.upstream.pipelines import CanaryArm, Pipelines
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
    """What every part of a pipeline may need.

    Attributes:
        clock: Tells the time.
        rng: Draws.
        notify: Told of what happens.
        caching: Keeps answers.
        trace: Goes around each attempt.
        aside: Told of what happens to calls that a fault is done to alone; nothing that counts hears it.
    """

    clock: Clock
    rng: Random
    notify: Notify
    caching: Caching
    trace: Stage | None = None
    aside: Notify = ignore


def assemble(
    name: str,
    policy: UpstreamPolicy,
    operations: OperationsPolicy,
    transport: Transport,
    world: World,
    *,
    credentials: Source | None = None,
    open_other: Callable[[], Transport] | None = None,
    circuits: Mapping[str, CircuitBreaker] | None = None,
) -> Pipelines:
    """Return the pipelines of upstream *name* around *transport*; calls carry *credentials*.

    *open_other* makes the transports of canary and shadow, so that these take no connection from real calls.
    *circuits* are the breakers of its pipelines before, by group; they go by the new policy from `take_over` on.
    """
    assembly = _Assembly(name, policy, operations, transport, world, circuits or {})
    if credentials is not None:
        assembly.carry(credentials)
    if policy.canary.hosts and open_other is not None:
        assembly.try_canary(open_other())
    if policy.shadow.hosts and open_other is not None:
        assembly.copy_to_shadow(open_other())
    return assembly.pipelines()


_CANARY = ".canary"
"""What sets the names of a canary's hosts and groups apart in events."""


class _Assembly:
    def __init__(  # noqa: PLR0917 - what `assemble` was given
        self,
        name: str,
        policy: UpstreamPolicy,
        operations: OperationsPolicy,
        transport: Transport,
        world: World,
        circuits: Mapping[str, CircuitBreaker],
        arm: str = "",
    ) -> None:
        self._name = name
        self._policy = policy
        self._operations = operations
        self._transport = transport
        self._world = world
        self._hosts = len(policy.places)
        self._budget = self._budget_of(policy)
        clock, notify = world.clock, world.notify
        self._arm = arm
        self._balance = balance_of(name + arm, policy, clock=clock, rng=world.rng, notify=notify)
        self._bulkhead = bulkhead_of(policy, clock=clock, notify=notify)
        self._fanout = FanoutGuard(operations.max_concurrent_attempts, operations.max_attempts_total, clock=clock)
        self._shared: dict[str, Stage] = {
            "fanout": self._fanout,
            "balance": self._balance,
            "bulkhead": self._bulkhead,
        }
        if world.trace is not None:
            self._shared["trace"] = world.trace
        self._groups: dict[str, Group] = {}
        self._circuits = circuits
        self._flights = Flights()
        self._refreshes = Refreshes()
        self._prospects = Prospects()
        self._credentials: Source | None = None
        self._other: _Assembly | None = None
        self._trial: Trial | None = None
        self._shadow: Shadow | None = None

    def carry(self, credentials: Source) -> None:
        """Give each attempt *credentials*; to be said before there is a canary."""
        self._credentials = credentials
        self._shared["credentials"] = Credentials(credentials, clock=self._world.clock)

    def try_canary(self, transport: Transport) -> None:
        """Send a share of the calls to other hosts by *transport*."""
        policy, world = self._policy, self._world
        other = policy.model_copy(
            update={"hosts": policy.canary.hosts, "canary": CanaryPolicy(), "shadow": ShadowPolicy()}
        )
        self._other = _Assembly(self._name, other, self._operations, transport, world, {}, _CANARY)
        if self._credentials is not None:
            self._other.carry(self._credentials)
        self._trial = Trial(policy.canary, world.rng)

    def copy_to_shadow(self, transport: Transport) -> None:
        """Send copies of calls to other hosts by *transport*."""
        policy, world = self._policy.shadow, self._world
        hosts = [Host.parse(place.url) for place in policy.places]
        self._shadow = self._shared["shadow"] = Shadow(
            policy, hosts, transport, clock=world.clock, rng=world.rng, notify=world.notify
        )

    def pipelines(self) -> Pipelines:
        policy = self._policy
        named = {endpoint for group in policy.groups.values() for endpoint in group.endpoints} | set(
            policy.endpoints
        )
        chains = {endpoint: policy.chain(endpoint) for endpoint in sorted(named)}
        stages = {endpoint: self._stages(chain) for endpoint, chain in chains.items()}
        usual = policy.chain(None)
        usually = self._stages(usual)
        circuits = {group: found.circuit for group, found in self._groups.items()}
        world, cluster = self._world, self._balance.cluster
        checks = health_checks_of(policy, cluster, self._transport, clock=world.clock, rng=world.rng)
        return Pipelines(
            self.built(usual, usually),
            {endpoint: self.built(chain, stages[endpoint]) for endpoint, chain in chains.items()},
            circuits,
            self._budget,
            self._flights,
            self._refreshes,
            self._bulkhead.permits,
            cluster,
            checks,
            self._adaptive(),
            {name: (group.thresholds, group.mode) for name, group in self._groups.items()},
            reading=self.built(usual, _for_reading(usual, usually)),
            special_reading={
                endpoint: self.built(chain, _for_reading(chain, stages[endpoint]))
                for endpoint, chain in chains.items()
            },
            apart=cache(lambda endpoint: self._apart(policy.chain(endpoint))),
            canary=self._other.as_canary(self._trial) if self._other and self._trial else None,
            shadow=self._shadow,
        )

    def _adaptive(self) -> tuple[Permits, ...]:
        return tuple(group.permits for group in self._groups.values() if group.permits is not None)

    def as_canary(self, trial: Trial) -> CanaryArm:
        """Return what the hosts of a canary have for themselves."""
        world, cluster = self._world, self._balance.cluster
        return CanaryArm(
            trial,
            {name: group.circuit for name, group in self._groups.items()},
            self._bulkhead.permits,
            cluster,
            health_checks_of(self._policy, cluster, self._transport, clock=world.clock, rng=world.rng),
            self._adaptive(),
            self._transport,
        )

    def _stages(self, chain: Chain) -> dict[str, Stage]:
        return {**self._own(chain, self._group(chain)), **self._keeping(chain)}

    def built(self, chain: Chain, own: Mapping[str, Stage]) -> Handler:
        """Return the stages of *chain*: its *own*, its group's, and those of the whole upstream."""
        stages = {**self._shared, **self._group(chain).stages, **own}
        world = self._world
        if self._other is not None and self._trial is not None:
            way = self._other.built(chain, {})
            stages["canary"] = Canary(self._trial, way, clock=world.clock, notify=world.notify)
        if self._arm:
            del stages["fanout"]
        attempt = Attempt(
            self._transport,
            chain.timeouts.attempt.total_seconds(),
            group=chain.group + self._arm,
            clock=world.clock,
            notify=world.notify,
        )
        if stages.keys() >= set(GUARDS) and stages.keys().isdisjoint({"canary", "adaptive"}):
            guarded = self._guarded(self._group(chain))
            stages = {name: stage for name, stage in stages.items() if name not in GUARDS} | {GUARDS[0]: guarded}
        return build([stages[stage] for stage in ORDER if stage in stages], attempt.__call__)

    def _guarded(self, group: Group) -> Guarded:
        return Guarded(
            self._fanout, self._balance, group.gate, group.breaker, self._bulkhead, clock=self._world.clock
        )

    def _apart(self, chain: Chain) -> Handler:
        """Return the way of calls that a fault is done to for one operation alone (`pipeline/apart.py`)."""
        caching = self._world.caching
        world = replace(self._world, notify=self._world.aside)
        keeping = self._keeping(chain)
        own = self._own(chain, self._group(chain), world, self._budget_of(self._policy))
        own.pop("hedge", None)
        own["cache"] = Remember(
            chain.cache, caching.entries, WhereItReaches(keeping["cache"]), version=caching.version
        )
        own["coalesce"] = WhereItReaches(keeping["coalesce"])
        own["degrade"] = Degrade(chain.fallback, clock=world.clock, notify=world.notify)
        own["faults"] = Faults(
            chain.timeouts.attempt.total_seconds(), group=chain.group, clock=world.clock, notify=world.notify
        )
        return self.built(chain, own)

    def _group(self, chain: Chain) -> Group:
        group = self._groups.get(chain.group)
        if group is None:
            whole = self._group_chain(chain)
            whole = replace(whole, group=whole.group + self._arm)
            known = self._circuits.get(chain.group)
            group = self._groups[chain.group] = Group(self._name, self._policy, whole, self._world, known)
        return group

    def _group_chain(self, chain: Chain) -> Chain:
        """Return the chain of the group itself: what one endpoint overrides is not the group's."""
        group = self._policy.groups.get(chain.group)
        default = self._policy.chain(None)
        return default.narrowed(group, chain.group) if group else default

    @staticmethod
    def _budget_of(policy: UpstreamPolicy) -> RetryBudget:
        budget = policy.retry.budget
        return RetryBudget(ratio=budget.ratio, ttl=budget.ttl.total_seconds(), reserve=float(budget.reserve))

    def _own(
        self, chain: Chain, group: Group, world: World | None = None, budget: RetryBudget | None = None
    ) -> dict[str, Stage]:
        world, budget = world or self._world, budget or self._budget
        least = self._operations.min_attempt_time.total_seconds()
        stages: dict[str, Stage] = {
            "deadline": Deadline(
                chain.timeouts.total.total_seconds(),
                reserve=self._operations.deadline_reserve.total_seconds(),
                min_attempt_time=least,
                clock=world.clock,
            ),
            "retry": Retry(
                chain.retry,
                budget,
                hosts=self._hosts,
                min_attempt_time=least,
                clock=world.clock,
                rng=world.rng,
                notify=world.notify,
            ),
        }
        if chain.retry.split_on:
            stages["split"] = Split(
                chain.retry, budget, min_attempt_time=least, clock=world.clock, notify=world.notify
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

    def _hedge(self, chain: Chain, group: Group) -> Hedge:
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


def _for_reading(chain: Chain, stages: Mapping[str, Stage]) -> dict[str, Stage]:
    """Return those of *stages* that do something for a call that reads, and has no other source."""
    idle = set()
    if chain.cache.scope == "off":
        idle |= {"cache", "coalesce", "fill"}
        if chain.fallback.on_failure in {"error", "stale"}:
            idle.add("degrade")
    elif not chain.cache.coalesce:
        idle.add("coalesce")
    return {name: stage for name, stage in stages.items() if name not in idle}
