"""What is in force for one endpoint: the upstream's settings, its group's put over them, its own over both."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Annotated

from pydantic import AfterValidator, Field

from bff.policy.base import Policy, whole_milliseconds
from bff.policy.caching import Cache, Fallback, PartialCache, PartialFallback
from bff.policy.cost import CallCost, PartialCallCost
from bff.policy.names import check_part_name
from bff.policy.problem import Clash
from bff.policy.resilience import (
    Breaker,
    Hedge,
    Part,
    PartialBreaker,
    PartialHedge,
    PartialRetry,
    PartialTimeouts,
    Retry,
    Timeouts,
    override,
)
from bff.policy.units import format_duration

NameOfPart = Annotated[str, AfterValidator(check_part_name)]
"""Name of an endpoint or of an endpoint group; see `check_part_name`."""


class EndpointPart(Part):
    """What is different for one endpoint; everything else is as in its group or upstream."""

    timeouts: PartialTimeouts = PartialTimeouts()
    """How long its calls may take."""

    retry: PartialRetry = PartialRetry()
    """When and how patiently its failed calls are sent again."""

    hedge: PartialHedge = PartialHedge()
    """Whether slow calls are sent a second time."""

    cache: PartialCache = PartialCache()
    """What may be kept of its answers."""

    fallback: PartialFallback = PartialFallback()
    """What a field gets when its call fails."""

    cost: PartialCallCost = PartialCallCost()
    """What its calls cost the client."""


class Group(EndpointPart):
    """Endpoints that succeed and fail together: one breaker, so that their trouble stays theirs (CB-11)."""

    endpoints: Annotated[tuple[NameOfPart, ...], Field(min_length=1, examples=[["search"]])]
    """Names of its endpoints; each belongs to one group at most."""

    breaker: PartialBreaker = PartialBreaker()
    """When the group is left alone, and for how long."""


@dataclass(frozen=True, slots=True)
class Chain:
    """What is in force for an endpoint.

    Attributes:
        group: Name of its group, `default` for endpoints that no group names.
    """

    group: str
    timeouts: Timeouts
    retry: Retry
    hedge: Hedge
    breaker: Breaker
    cache: Cache = field(default_factory=Cache)
    fallback: Fallback = field(default_factory=Fallback)
    cost: CallCost = field(default_factory=CallCost)

    def narrowed(self, part: EndpointPart, group: str | None = None) -> "Chain":
        """Return this chain with what *part* says put over it, as that of *group* where one is given."""
        chain = replace(
            self,
            group=group or self.group,
            timeouts=override(self.timeouts, part.timeouts),
            retry=override(self.retry, part.retry),
            hedge=override(self.hedge, part.hedge),
            cache=override(self.cache, part.cache),
            fallback=override(self.fallback, part.fallback),
            cost=override(self.cost, part.cost),
        )
        return replace(chain, breaker=override(chain.breaker, part.breaker)) if isinstance(part, Group) else chain

    def clashes(self, *, hosts: int) -> Iterator[Clash]:
        """Return what does not go together between the sections, where there are so many *hosts*."""
        attempt, window = self.timeouts.attempt, self.breaker.window
        if window < 2 * attempt:
            yield Clash(
                (("breaker", "window"), ("timeouts", "attempt")),
                f"window {format_duration(window)} is shorter than two attempts of {format_duration(attempt)}: it "
                "could be empty before slow failures are counted",
                format_duration(2 * attempt),
            )
        slow = self.breaker.slow_call
        if slow is not None and slow >= attempt:
            yield Clash(
                (("breaker", "slow_call"), ("timeouts", "attempt")),
                f"slow_call {format_duration(slow)} must be shorter than attempt {format_duration(attempt)}: no "
                "call could ever be slow",
                format_duration(whole_milliseconds(attempt * 0.8)),
            )
        if self.hedge.enabled and hosts < 2:  # noqa: PLR2004 - a second send needs a second host
            yield Clash(
                (("hedge", "enabled"), ("hosts",)),
                "a hedge goes to another host, and there is only one",
                "false",
            )


def grouping_clashes(
    whole: Chain, groups: Mapping[str, Group], endpoints: Mapping[str, EndpointPart], *, hosts: int
) -> Iterator[Clash]:
    """Return what does not go together in an upstream, its groups and its endpoints.

    Args:
        whole: What is in force where neither group nor endpoint says anything.
        groups: By their name.
        endpoints: By their name.
        hosts: How many hosts the upstream has.
    """
    found = list(whole.clashes(hosts=hosts))
    yield from found
    if found:
        return
    group_of: dict[str, str] = {}
    for name, group in groups.items():
        yield from _located(("groups", name), whole.narrowed(group, name), hosts)
        for index, endpoint in enumerate(group.endpoints):
            if endpoint in group_of:
                what = f"endpoint {endpoint!r} is in group {group_of[endpoint]!r} already; it has one breaker"
                yield Clash((("groups", name, "endpoints", index),), what, None)
            group_of.setdefault(endpoint, name)
    for name, part in endpoints.items():
        owner = groups.get(group_of.get(name, ""))
        chain = whole.narrowed(owner) if owner else whole
        yield from _located(("endpoints", name), chain.narrowed(part), hosts)


def _located(place: tuple[str, str], chain: Chain, hosts: int) -> Iterator[Clash]:
    """Return the clashes of *chain*, each key first at *place* and then in the upstream."""
    sections: tuple[tuple[str, Policy], ...] = (
        ("timeouts", chain.timeouts),
        ("retry", chain.retry),
        ("breaker", chain.breaker),
        ("fallback", chain.fallback),
    )
    inner = [
        Clash(tuple((section, *key) for key in clash.keys), clash.what, clash.write)
        for section, policy in sections
        for clash in policy.clashes()
    ]
    for clash in (*inner, *chain.clashes(hosts=hosts)):
        at = [(*place, *key) for key in clash.keys if key[0] != "hosts"]
        yield Clash((*at, *clash.keys), f"{place[1]}: {clash.what}", clash.write)
