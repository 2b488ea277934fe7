"""The hosts of one upstream as a whole: who can be used now, and who gets the next attempt (LB-6 to LB-10)."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

from bff.events import HealthChanged, HostEjected, HostReturned, HostsCounted, Notify
from bff.upstream.message import Origin
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.hashing import stable_hash
from bff.upstream.pipeline.outlier import Ejection, Outliers
from bff.upstream.pipeline.pick import Member, PeakEwma, Picker, ramp
from bff.upstream.pipeline.zones import WHOLE, Failback, spread

HealthState = Literal["healthy", "unhealthy", "draining"]
"""What a host says of itself; a draining one means to leave."""

_RISING_STEPS = 100
_HASHES = 2.0**64


@dataclass(frozen=True, slots=True)
class Rules:
    """How hosts are chosen; times in seconds. `bff.policy.hosts.Balance` and `SlowStart` explain each."""

    overprovision: float = 1.4
    panic_threshold: float = 0.5
    failback_hold: float = 10.0
    slow_start: float = 30.0
    min_weight: float = 0.1
    aggression: float = 1.0


class Cluster:
    """Knows the hosts of one upstream; without clock, socket or task.

    Args:
        name: The upstream's.
        levels: The hosts by priority, those called first in the first group; no group is empty.
        picker: Chooses among usable hosts of one priority.
        outliers: Judges all of them by their calls.
        rules: The rest.
        rng: Chooses the priority.
        notify: Told of every change.
        now: Monotonic time in seconds.

    Attributes:
        members: All hosts.
        last_used: When the last attempt was sent on its way; minus infinity before the first.
        learns_latency: Whether `record` has to be told of good answers too; otherwise `answered` suffices.
        answered: Notes one good answer of a host.
    """

    def __init__(
        self,
        name: str,
        levels: Sequence[Sequence[Member]],
        picker: Picker,
        outliers: Outliers,
        rules: Rules,
        *,
        rng: Random,
        notify: Notify,
        now: float,
    ) -> None:
        self.members = tuple(member for level in levels for member in level)
        self.last_used = -math.inf
        self._name = name
        self._levels = tuple(tuple(level) for level in levels)
        self._picker = picker
        self._ewma = picker if isinstance(picker, PeakEwma) else None
        self.learns_latency = self._ewma is not None
        self.answered = outliers.answered
        self._outliers = outliers
        self._rules = rules
        self._rng = rng
        self._notify = notify
        self._failback = Failback(len(levels), rules.failback_hold)
        self._out: dict[Member, HealthState] = {}
        self._drained: set[Member] = set()
        self._rising: set[Member] = set()
        self._counted = (len(self.members), 0)
        self._choices: list[tuple[float, Sequence[Member]]] = []
        self._only: Sequence[Member] | None = None
        self._sole: Member | None = None
        self._next_change = -math.inf
        self._refresh(now)

    def pick(self, now: float, tried: Sequence[Origin] = (), key: str = "") -> Member | None:
        """Return the host for one attempt, None when there is nobody to ask.

        Args:
            now: Monotonic time in seconds.
            tried: Where earlier attempts of the call went; others are preferred (RT-10).
            key: What the call is hashed by.
        """
        if now >= self._next_change:
            self._refresh(now)
        self.last_used = now
        if self._sole is not None and not tried:
            return self._sole
        members = self._only
        if members is None:
            if not self._choices:
                return None
            members = self._level(key)
        if tried:
            members = self._untried(members, tried)
        return self._picker.pick(members, now, key)

    def record(self, member: Member, outcome: Outcome, seconds: float, now: float) -> None:
        """Note how an attempt at *member* ended, and after how many *seconds*."""
        if self._ewma is not None and outcome in (Outcome.OK, Outcome.READ_TIMEOUT):
            self._ewma.learn(member, seconds, now)
        ejection = self._outliers.record(member, outcome, now)
        if ejection is not None:
            self._tell(ejection)
            self._refresh(now)

    def health_changed(self, member: Member, state: HealthState, detail: str, now: float) -> None:
        """Use *member* from now on, or no longer, as its health check says."""
        before = self._out.get(member, "healthy")
        if state == before:
            return
        self._notify(HealthChanged(self._name, member.name, state, detail))
        if state == "healthy":
            del self._out[member]
            if self._outliers.let_back(member):
                self._notify(HostReturned(self._name, member.name))
            self._rise(member, now)
        else:
            self._out[member] = state
        self._refresh(now)

    def drain(self, member: Member, now: float) -> bool:
        """Send *member* no calls until `restore`, whatever its health; return False where nobody else is left.

        Not even panic (LB-7) uses a drained host: an operator said so.
        """
        if not set(self.members) - self._drained - {member}:
            return False
        if member not in self._drained:
            self._drained.add(member)
            self._notify(HealthChanged(self._name, member.name, "draining", "drained by an operator"))
            self._refresh(now)
        return True

    def restore(self, member: Member, now: float) -> None:
        """Take back `drain`; *member* begins slowly."""
        if member in self._drained:
            self._drained.remove(member)
            self._notify(HealthChanged(self._name, member.name, "healthy", "restored by an operator"))
            self._rise(member, now)
            self._refresh(now)

    def is_drained(self, member: Member) -> bool:
        """Return whether an operator has drained *member*."""
        return member in self._drained

    def health_of(self, member: Member) -> HealthState:
        """Return what *member* says of itself; `healthy` also where nobody asked."""
        return self._out.get(member, "healthy")

    def is_ejected(self, member: Member) -> bool:
        """Return whether *member* is ejected for its conduct."""
        return self._outliers.is_ejected(member)

    def is_healthy(self, member: Member) -> bool:
        """Return whether *member* itself says that it is well, or was not asked."""
        return member not in self._out

    def is_available(self, member: Member) -> bool:
        """Return whether *member* is neither ejected nor unhealthy (LB-6), nor drained by an operator."""
        gone = member in self._out or member in self._drained
        return not gone and not self._outliers.is_ejected(member)

    def _level(self, key: str) -> Sequence[Member]:
        point = WHOLE * (stable_hash(key, 3) / _HASHES if key else self._rng.random())
        for upto, members in self._choices:
            if point < upto:
                return members
        return self._choices[-1][1]

    def _untried(self, members: Sequence[Member], tried: Sequence[Origin]) -> Sequence[Member]:
        fresh = [member for member in members if member.origin not in tried]
        return fresh or [m for m in self.members if m.origin not in tried and self.is_available(m)] or members

    def _refresh(self, now: float) -> None:
        for member in self._outliers.returned(now):
            self._notify(HostReturned(self._name, member.name))
            self._rise(member, now)
        for ejection in self._outliers.sweep(now):
            self._tell(ejection)
        self._weigh(now)
        self._spread(now)
        step = now + self._rules.slow_start / _RISING_STEPS if self._rising else math.inf
        self._next_change = min(self._outliers.next_change(), self._failback.next_change(), step)

    def _tell(self, ejection: Ejection) -> None:
        name = ejection.member.name
        self._notify(HostEjected(self._name, name, ejection.cause, ejection.seconds, ejection.times))

    def _rise(self, member: Member, now: float) -> None:
        if self._rules.slow_start > 0:
            member.rising_since = now
            self._rising.add(member)

    def _weigh(self, now: float) -> None:
        rules = self._rules
        for member in tuple(self._rising):
            age = now - member.rising_since
            part = ramp(age, rules.slow_start, rules.min_weight, rules.aggression)
            member.weight = member.share * part
            if age >= rules.slow_start:
                self._rising.discard(member)

    def _spread(self, now: float) -> None:
        usable = [[member for member in level if self.is_available(member)] for level in self._levels]
        levels = self._levels
        if self._drained:
            levels = tuple(tuple(one for one in level if one not in self._drained) for level in levels)
        shares = [len(some) / len(every) if every else 0.0 for some, every in zip(usable, levels, strict=True)]
        result = spread(
            shares,
            [len(level) for level in levels],
            overprovision=self._rules.overprovision,
            panic_threshold=self._rules.panic_threshold,
            held=self._failback.held(shares, now),
        )
        self._choices, upto = [], 0.0
        for load, panics, some, every in zip(result.loads, result.panic, usable, levels, strict=True):
            members = every if panics else some
            if load > 0 and members:
                upto += load
                self._choices.append((upto, members))
        self._only = self._choices[0][1] if len(self._choices) == 1 else None
        self._sole = self._only[0] if self._only is not None and len(self._only) == 1 else None
        self._count(sum(map(len, usable)))

    def _count(self, available: int) -> None:
        counted = (available, self._outliers.ejected)
        if counted != self._counted:
            self._counted = counted
            self._notify(HostsCounted(self._name, len(self.members), *counted))


def levels_of(places: Iterable[tuple[Member, int]], zone: str | None) -> list[list[Member]]:
    """Return hosts by priority; of equal priority those of *zone* come first, None for no preference.

    Args:
        places: Each host with its configured priority.
        zone: The zone this process is in.
    """
    groups: dict[tuple[int, bool], list[Member]] = {}
    for member, priority in places:
        groups.setdefault((priority, zone is not None and member.zone != zone), []).append(member)
    return [groups[rank] for rank in sorted(groups)]
