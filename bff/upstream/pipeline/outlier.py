"""Which hosts are left alone for a while, judged by the calls they get (OE-2 to OE-4); pure."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Literal

from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.pick import Member

Cause = Literal["local failures", "upstream failures", "success rate"]
"""What a host is ejected for: the network's failures, its own answers, or doing worse than its peers."""

LOCAL = frozenset({Outcome.CONNECT, Outcome.DNS, Outcome.RESET, Outcome.READ_TIMEOUT, Outcome.BODY_BROKEN})
"""Nothing whole came back (OE-3)."""

REPORTED = frozenset({Outcome.SERVER_ERROR, Outcome.GATEWAY_ERROR})
"""The host itself said that it failed (OE-3)."""

SILENT = frozenset({Outcome.CANCELLED, Outcome.POOL, Outcome.OPEN, Outcome.LOCAL_BUG, Outcome.REFUSED})
"""Says nothing about the host."""

_JITTER = 0.2


@dataclass(frozen=True, slots=True)
class Rules:
    """When a host is ejected and for how long; times in seconds. The policy model explains each."""

    consecutive: int = 5
    base: float = 10.0
    longest: float = 300.0
    percent: float = 0.5
    interval: float = 10.0
    success_rate_hosts: int = 5
    success_rate_calls: int = 100
    success_rate_factor: float = 1.9


@dataclass(frozen=True, slots=True)
class Ejection:
    """One host was ejected; `seconds` for how long."""

    member: Member
    cause: Cause
    seconds: float
    times: int


class _Record:
    __slots__ = ("calls", "failures", "in_a_row", "local", "multiplier", "until")

    def __init__(self) -> None:
        self.local = 0
        self.in_a_row = 0
        self.calls = 0
        self.failures = 0
        self.multiplier = 0
        self.until: float | None = None


class Outliers:
    """Counts each host's failures and ejects it in time, within bounds that keep the upstream alive.

    Args:
        members: All hosts of the upstream.
        rules: When and for how long.
        rng: For the jitter of ejections.
        now: Monotonic time in seconds.
    """

    def __init__(self, members: Iterable[Member], rules: Rules, rng: Random, now: float) -> None:
        self._records = {member: _Record() for member in members}
        self._rules = rules
        self._rng = rng
        self._sweep_at = now + rules.interval
        self._ejected = 0
        count = len(self._records)
        allowed = max(1, math.floor(count * rules.percent)) if rules.percent > 0 else 0
        self._most = min(allowed, count - 1)

    @property
    def ejected(self) -> int:
        """How many hosts are ejected now."""
        return self._ejected

    def is_ejected(self, member: Member) -> bool:
        """Return whether *member* is ejected."""
        return self._records[member].until is not None

    def answered(self, member: Member) -> None:
        """Count one good answer of *member*."""
        record = self._records[member]
        record.calls += 1
        if record.local or record.in_a_row:
            record.local = record.in_a_row = 0

    def record(self, member: Member, outcome: Outcome, now: float) -> Ejection | None:
        """Count one attempt at *member*, and eject it when that was one failure too many."""
        if outcome is Outcome.OK:
            self.answered(member)
            return None
        if outcome in SILENT:
            return None
        record = self._records[member]
        record.calls += 1
        rules = self._rules
        if outcome in LOCAL:
            record.failures += 1
            record.local += 1
            if record.local >= rules.consecutive:
                return self._eject(member, record, "local failures", now)
        elif outcome in REPORTED:
            record.failures += 1
            record.local = 0
            record.in_a_row += 1
            if record.in_a_row >= rules.consecutive:
                return self._eject(member, record, "upstream failures", now)
        else:
            record.local = record.in_a_row = 0
        return None

    def returned(self, now: float) -> list[Member]:
        """Return the hosts whose ejection is over, and end it."""
        over = [
            member for member, record in self._records.items() if record.until is not None and record.until <= now
        ]
        for member in over:
            self.let_back(member)
        return over

    def let_back(self, member: Member) -> bool:
        """End the ejection of *member* and forget its failures; return whether there was one."""
        record = self._records[member]
        record.local = record.in_a_row = record.calls = record.failures = 0
        if record.until is None:
            return False
        record.until = None
        self._ejected -= 1
        return True

    def sweep(self, now: float) -> list[Ejection]:
        """Return whom the last interval's success rates ejected, and forgive the others a little (OE-2, OE-4)."""
        if now < self._sweep_at:
            return []
        passed = 1 + int((now - self._sweep_at) / self._rules.interval)
        self._sweep_at += passed * self._rules.interval
        ejections = [
            ejection
            for member in self._below_their_peers()
            if (ejection := self._eject(member, self._records[member], "success rate", now))
        ]
        for record in self._records.values():
            record.calls = record.failures = 0
            if record.until is None:
                record.multiplier = max(0, record.multiplier - passed)
        return ejections

    def next_change(self) -> float:
        """Return when `returned` or `sweep` has something to do if nothing else happens."""
        ends = (record.until for record in self._records.values() if record.until is not None)
        return min((self._sweep_at, *ends))

    def _eject(self, member: Member, record: _Record, cause: Cause, now: float) -> Ejection | None:
        if record.until is not None or self._ejected >= self._most:
            return None
        record.multiplier += 1
        seconds = self._rules.base * record.multiplier * self._rng.uniform(1 - _JITTER, 1 + _JITTER)
        seconds = min(seconds, self._rules.longest)
        record.until = now + seconds
        self._ejected += 1
        record.local = record.in_a_row = 0
        return Ejection(member, cause, seconds, record.multiplier)

    def _below_their_peers(self) -> list[Member]:
        rules = self._rules
        rates = {
            member: 1 - record.failures / record.calls
            for member, record in self._records.items()
            if record.until is None and record.calls >= rules.success_rate_calls
        }
        if len(rates) < rules.success_rate_hosts:
            return []
        mean = sum(rates.values()) / len(rates)
        deviation = math.sqrt(sum((rate - mean) ** 2 for rate in rates.values()) / len(rates))
        limit = mean - rules.success_rate_factor * deviation
        return [member for member, rate in rates.items() if rate < limit]
