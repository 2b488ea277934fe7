"""How long calls can take by the policies' timeouts, and which of them wait for one another."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from math import ceil
from typing import Any

from bff.explain.counting import Use
from bff.explain.plan import Latency, Link
from bff.explain.sites import Site
from bff.policy.chain import Chain
from bff.policy.load import PolicySet
from bff.policy.units import format_duration
from bff.upstream.batch import Batching
from bff.upstream.endpoint import Endpoint, Single

_KEY = "idempotency-key"


@dataclass(frozen=True, slots=True)
class Timing:
    """How long one call of an endpoint can take, in milliseconds.

    Attributes:
        worst: With all attempts, pauses and queues.
        attempt: One attempt alone.
        text: What `worst` is made of, in words.
    """

    worst: int
    attempt: int
    text: str


def chain_of(policies: PolicySet, endpoint: Endpoint[Any]) -> Chain:
    """Return what is in force for *endpoint*; all defaults where its upstream has no policy."""
    policy = policies.upstreams.get(endpoint.upstream.name)
    if policy is not None:
        return policy.chain(endpoint.name)
    rules = policies.defaults
    return Chain("default", rules.timeouts, rules.retry, rules.hedge, rules.breaker, rules.cache, rules.fallback)


def timing_of(policies: PolicySet, endpoint: Endpoint[Any]) -> Timing:
    """Return how long one call of *endpoint* can take (DL-6, RT-1)."""
    chain = chain_of(policies, endpoint)
    times, attempts = chain.timeouts, _attempts(chain, endpoint)
    sending = attempts * (times.attempt + times.queue) + _pauses(chain, attempts)
    worst = min(sending, times.total)
    said = f"{attempts} attempts of {format_duration(times.attempt)}" if attempts > 1 else "1 attempt"
    text = f"{said}, at most {format_duration(times.total)}" if worst == times.total else said
    if isinstance(endpoint, Single) and endpoint.otherwise is not None:
        other = timing_of(policies, endpoint.otherwise)
        return Timing(
            _ms(worst) + other.worst, _ms(times.attempt), f"{text}; then {endpoint.otherwise}: {other.text}"
        )
    return Timing(_ms(worst), _ms(times.attempt), text)


def deadline_of(policies: PolicySet, name: str | None) -> int:
    """Return the deadline of the operation *name*, in milliseconds."""
    operations = policies.operations
    return _ms(operations.deadlines.get(name or "", operations.deadline))


class Clockwork:
    """When each site begins and ends at worst, if every call before it takes all its time.

    Args:
        policies: The timeouts in force.
        sites: Of one operation, parents before children.
        single: Whether every call has one attempt only.
    """

    def __init__(self, policies: PolicySet, sites: Sequence[Site], *, single: bool = False) -> None:
        self._policies = policies
        self._single = single
        self._width = policies.operations.max_concurrent_attempts
        self._before: dict[int, Site | None] = {}
        self._starts: dict[int, int] = {}
        self._ends: dict[int, int] = {}
        last: Site | None = None
        for turn in sorted({one.turn for one in sites}):
            mine = [one for one in sites if one.turn == turn]
            for one in mine:
                before = one.trigger or last
                self._before[id(one)] = before
                self._starts[id(one)] = self._ends[id(before)] if before else 0
                self._ends[id(one)] = self._starts[id(one)] + sum(link.worst_ms for link in self._links(one))
            last = max(mine, key=lambda one: self._ends[id(one)])
        self._last = max(sites, key=lambda one: self._ends[id(one)]) if sites else None

    def start(self, site: Site) -> int:
        """Return when *site* begins at worst, in milliseconds."""
        return self._starts[id(site)]

    @property
    def total(self) -> int:
        """When the last call has ended, in milliseconds."""
        return self._ends[id(self._last)] if self._last else 0

    @property
    def longest(self) -> tuple[Link, ...]:
        """The calls that make up `total`, first to last."""
        links: list[Link] = []
        at = self._last
        while at is not None:
            links[:0] = self._links(at)
            at = self._before[id(at)]
        return tuple(links)

    def _links(self, site: Site) -> list[Link]:
        """Return what *site* waits for: several batches of one resolver at once, other endpoints in turn."""
        found: list[Link] = []
        for endpoint in site.calls:
            timing = timing_of(self._policies, endpoint)
            rounds = 1
            if Use(endpoint, site).manner == "per parent":
                rounds = max(1, ceil(site.parents / self._width))
            took = timing.attempt if self._single else timing.worst
            found.append(Link(endpoint=str(endpoint), worst_ms=took * rounds, attempt_ms=timing.attempt))
        at_once = len(found) > 1 and all(isinstance(one, Batching) for one in site.calls)
        return [max(found, key=lambda link: link.worst_ms)] if at_once else found


def latency_of(policies: PolicySet, sites: Sequence[Site], name: str | None) -> Latency:
    """Return how long the operation *name* with these *sites* can take."""
    deadline = deadline_of(policies, name)
    whole, single = Clockwork(policies, sites), Clockwork(policies, sites, single=True)
    return Latency(
        worst_ms=min(whole.total, deadline),
        calls_ms=whole.total,
        single_ms=single.total,
        deadline_ms=deadline,
        chain=whole.longest,
        single_chain=single.longest,
    )


def _attempts(chain: Chain, endpoint: Endpoint[Any]) -> int:
    keyed = chain.retry.keyed and _KEY in getattr(endpoint, "headers", ())
    return chain.retry.attempts if endpoint.safe or keyed else 1


def _pauses(chain: Chain, attempts: int) -> timedelta:
    retry = chain.retry
    pauses = [min(retry.first_delay * 2**place, retry.max_delay) for place in range(attempts - 1)]
    if retry.jitter == "decorrelated":
        pauses = [retry.max_delay] * len(pauses)
    # A service may name its own pause instead (RT-6).
    return sum((max(pause, retry.retry_after_max_wait) for pause in pauses), timedelta(0))


def _ms(value: timedelta) -> int:
    return round(value.total_seconds() * 1000)
