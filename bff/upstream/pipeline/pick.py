"""Which of several hosts one attempt goes to, by weight and load (LB-1 to LB-3); pure, chance is handed in."""

import math
from collections.abc import Sequence
from itertools import accumulate
from random import Random
from typing import Protocol

from bff.upstream.message import Origin


class Member:
    """One host of an upstream, and what is known of it here.

    Attributes:
        origin: Where it is.
        prefix: Path that stands before every target.
        name: The origin as text, for events.
        zone: Where it stands; "" where nobody said.
        share: Its configured weight.
        weight: Its weight now: `share`, less during slow start.
        active: Attempts running at it.
        rising_since: When its slow start began; minus infinity when there is none.
        cost: Peak EWMA of its latency in seconds; None before the first answer.
        cost_at: When `cost` was taken.
    """

    __slots__ = (
        "active",
        "cost",
        "cost_at",
        "name",
        "origin",
        "prefix",
        "rising_since",
        "share",
        "weight",
        "zone",
    )

    def __init__(self, origin: Origin, prefix: str = "", *, zone: str = "", weight: float = 1.0) -> None:
        self.origin = origin
        self.prefix = prefix
        self.name = str(origin)
        self.zone = zone
        self.share = weight
        self.weight = weight
        self.active = 0
        self.rising_since = -math.inf
        self.cost: float | None = None
        self.cost_at = -math.inf

    def __repr__(self) -> str:
        """Return what a failing test needs."""
        return f"<Member {self.name} weight {self.weight:g} active {self.active}>"


class Picker(Protocol):
    """Chooses among members; keeps no reference to the sequence it is given."""

    def pick(self, members: Sequence[Member], now: float, key: str) -> Member:
        """Return one of *members*, of which there is at least one.

        Args:
            members: Those that may be used now.
            now: Monotonic time in seconds.
            key: What the call is hashed by; "" for none.
        """


class P2C:
    """The less busy of two distinct members; a tie is decided by chance (LB-2).

    With unequal weights, one of the two is drawn in proportion to weight / (active + 1), as Envoy's weighted least
    request does: the larger value alone would starve a light host for as long as all are idle.
    """

    def __init__(self, rng: Random) -> None:
        self._random = rng.random

    def pick(self, members: Sequence[Member], now: float, key: str) -> Member:  # noqa: ARG002 - the port has them
        """Return one of *members*."""
        random = self._random
        count = len(members)
        if count == 1:
            return members[0]
        first = int(random() * count)
        second = int(random() * (count - 1))
        if second >= first:
            second += 1
        one, other = members[first], members[second]
        if one.weight == other.weight:
            # Which of the two came first is chance already.
            return one if one.active <= other.active else other
        mine, others = one.weight / (one.active + 1), other.weight / (other.active + 1)
        return one if random() * (mine + others) < mine else other


class PeakEwma:
    """The quicker of two distinct members, by latency times queue (LB-3)."""

    unknown_and_busy = 1e6
    """Seconds that a host counts for which has calls but never answered: nobody queues up behind the first."""

    def __init__(self, tau: float, rng: Random) -> None:
        self._tau = tau
        self._random = rng.random

    def pick(self, members: Sequence[Member], now: float, key: str) -> Member:  # noqa: ARG002 - the port has it
        """Return one of *members*."""
        random = self._random
        count = len(members)
        if count == 1:
            return members[0]
        first = int(random() * count)
        second = int(random() * (count - 1))
        if second >= first:
            second += 1
        one, other = members[first], members[second]
        return one if self.score(one, now) <= self.score(other, now) else other

    def score(self, member: Member, now: float) -> float:
        """Return what a further call at *member* would cost, in seconds; 0 for an idle host that nobody knows."""
        if member.cost is None:
            return self.unknown_and_busy + member.active if member.active else 0.0
        cost = member.cost * math.exp((member.cost_at - now) / self._tau)
        return cost * (member.active + 1) / member.weight

    def learn(self, member: Member, seconds: float, now: float) -> None:
        """Note that *member* took *seconds*: a slower answer counts at once, a quicker one by and by."""
        if member.cost is None:
            member.cost = seconds
        else:
            rest = math.exp((member.cost_at - now) / self._tau)
            past = member.cost * rest
            member.cost = seconds if seconds > past else past + seconds * (1 - rest)
        member.cost_at = now


class RandomPick:
    """Any member, in proportion to its weight."""

    def __init__(self, rng: Random) -> None:
        self._rng = rng

    def pick(self, members: Sequence[Member], now: float, key: str) -> Member:  # noqa: ARG002 - the port has them
        """Return one of *members*."""
        return draw(members, [member.weight for member in members], self._rng)


class RoundRobin:
    """Each member in turn, as often as its weight says, spread evenly (smooth weighted round robin).

    Every turn adds each member's weight to its credit and takes the sum from whoever has most; the first turn
    begins anywhere, so that workers do not march in step.
    """

    def __init__(self, rng: Random) -> None:
        self._rng = rng
        self._credit: dict[Member, float] = {}

    def pick(self, members: Sequence[Member], now: float, key: str) -> Member:  # noqa: ARG002 - the port has them
        """Return one of *members*."""
        credit = self._credit
        best, most, total = members[0], -math.inf, 0.0
        for member in members:
            weight = member.weight
            known = credit.get(member)
            value = self._rng.random() * weight if known is None else known + weight
            credit[member] = value
            total += weight
            if value > most:
                best, most = member, value
        credit[best] = most - total
        return best


def draw(members: Sequence[Member], weights: Sequence[float], rng: Random) -> Member:
    """Return one of *members* in proportion to *weights*, of which one at least is above 0."""
    sums = list(accumulate(weights))
    point = rng.random() * sums[-1]
    return next((member for member, upto in zip(members, sums, strict=True) if point < upto), members[-1])


def ramp(age: float, window: float, min_weight: float, aggression: float) -> float:
    """Return the part of its weight that a host has *age* seconds after its return (LB-10)."""
    if age >= window:
        return 1.0
    return max(min_weight, math.pow(max(age, 0.0) / window, 1 / aggression))
