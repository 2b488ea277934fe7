"""The circuit breaker's decisions, without clock or socket: time comes in with each call (CB-1 to CB-9)."""

from dataclasses import dataclass
from random import Random
from typing import Literal

from bff.events import BreakerCause, BreakerChanged, BreakerProbed, BreakerState, Notify
from bff.policy.resilience import Breaker
from bff.upstream.pipeline.window import Window

_SLOW_SHARE = 0.8
_SHORTEST_LEASE = 10.0
_FORGIVEN_AFTER = 60.0
_NEVER = float("inf")

Mode = Literal["enforced", "metrics_only", "forced_open", "disabled"]
"""What policy says that a breaker does."""

_STATE_OF: dict[str, BreakerState] = {
    "enforced": "closed",
    "metrics_only": "metrics_only",
    "forced_open": "forced_open",
    "disabled": "disabled",
}


@dataclass(frozen=True, slots=True)
class Thresholds:
    """What a breaker goes by; times in seconds, shares from 0 to 1."""

    window: float
    min_calls: int
    failure_rate: float
    slow_rate: float
    slow_call: float
    consecutive_failures: int
    open_time: float
    max_open_time: float
    open_jitter: float
    permits: int
    successes: int
    lease: float
    attempt: float

    @classmethod
    def of(cls, policy: Breaker, attempt: float) -> "Thresholds":
        """Return what *policy* means where an attempt may take *attempt* seconds."""
        slow, lease = policy.slow_call, policy.probe_lease
        return cls(
            window=policy.window.total_seconds(),
            min_calls=policy.min_calls,
            failure_rate=policy.failure_rate,
            slow_rate=policy.slow_rate,
            slow_call=slow.total_seconds() if slow else attempt * _SLOW_SHARE,
            consecutive_failures=policy.consecutive_failures,
            open_time=policy.open_time.total_seconds(),
            max_open_time=policy.max_open_time.total_seconds(),
            open_jitter=policy.open_jitter,
            permits=policy.half_open_permits,
            successes=policy.half_open_successes,
            lease=lease.total_seconds() if lease else max(attempt, _SHORTEST_LEASE),
            attempt=attempt,
        )


class Permission:
    """One call's permission; it belongs to the generation of the breaker that gave it (CB-7)."""

    __slots__ = ("expires", "generation")

    def __init__(self, generation: int, expires: float = _NEVER) -> None:
        self.generation = generation
        self.expires = expires


class CircuitBreaker:
    """Leaves a failing service alone, and finds out with a few probes when it is well again.

    Every permission is to be ended once, by `record` or `release`. An ending that comes after the breaker has
    moved on changes nothing (CB-7).

    Args:
        thresholds: What it goes by.
        mode: What `policy.mode` says.
        upstream: Names it in events, together with *group*.
        group: The endpoint group that it guards.
        rng: Spreads the open times.
        notify: Told of changes and probes.
    """

    def __init__(
        self,
        thresholds: Thresholds,
        *,
        mode: Mode = "enforced",
        upstream: str,
        group: str,
        rng: Random,
        notify: Notify,
    ) -> None:
        self._t = thresholds
        self._mode = mode
        self._names = (upstream, group)
        self._rng = rng
        self._notify = notify
        self._window = Window(thresholds.window)
        self._state: BreakerState = _STATE_OF[mode]
        self._pass = Permission(0)
        self._run = 0
        self._opens = 0
        self._closed_at = 0.0
        self.since: float | None = None
        """Moment of the last change of state; None before the first."""
        self._until = 0.0
        self._probes: list[Permission] = []
        self._succeeded = self._failed = 0

    @property
    def state(self) -> BreakerState:
        """The state as of the last call; an open time that is over shows with the next one."""
        return self._state

    @property
    def slow_call(self) -> float:
        """Seconds after which an attempt is slow."""
        return self._t.slow_call

    def acquire(self, now: float) -> Permission | None:
        """Return the permission for one call at *now*, None where it must not be made."""
        state = self._state
        if state in {"closed", "metrics_only", "disabled"}:
            return self._pass
        if state == "open" and now >= self._until:
            self._move("half_open", "open_time_over", now)
        return self._probe(now) if self._state == "half_open" else None

    def record(self, permission: Permission, now: float, *, failed: bool, slow: bool, unreached: bool) -> None:
        """Count how a permitted call ended.

        Args:
            permission: What `acquire` returned for it.
            now: When it ended.
            failed: Whether it failed in a way that counts (CB-9).
            slow: Whether it took longer than `slow_call`.
            unreached: Whether the failure is of a kind that counts in a row (CB-3).
        """
        if permission.generation != self._pass.generation or self._state == "disabled":
            return
        if self._state == "half_open":
            self._judge(permission, now, failed=failed or slow)
            return
        self._window.add(now, failed=failed, slow=slow)
        self._run = self._run + 1 if unreached and failed else 0
        if (failed or slow) and self._state == "closed":
            cause = self._cause()
            if cause:
                self._open(cause, now)

    def succeeded(self, permission: Permission, now: float, seconds: float, limit: float) -> None:
        """Count that a permitted call succeeded at *now*.

        Args:
            permission: What `acquire` returned for it.
            now: When it ended.
            seconds: How long it took.
            limit: The attempt's timer; an answer that came later was held up by a stall of ours (fault 31).
        """
        slow = self._t.slow_call < seconds <= limit
        if slow or permission is not self._pass or self._state == "disabled":
            self.record(permission, now, failed=False, slow=slow, unreached=False)
            return
        self._window.count(now)
        self._run = 0

    def release(self, permission: Permission) -> None:
        """Take back a permission whose call says nothing about the service (PL-3)."""
        if permission in self._probes:
            self._probes.remove(permission)
            self._notify(BreakerProbed(*self._names, "returned"))

    def retry_after(self, now: float) -> float | None:
        """Return the seconds until a refused call may be worth another try, None when only an operator knows."""
        if self._state == "open":
            return max(0.0, self._until - now)
        if self._state == "half_open" and self._probes:
            started = min(probe.expires for probe in self._probes) - self._t.lease
            return max(0.0, started + self._t.attempt - now)
        return None if self._state == "forced_open" else 0.0

    def rates(self, now: float) -> tuple[float, float, int]:
        """Return the shares of failed and slow calls in the window, -1 below the minimum, and their number."""
        self._window.roll(now)
        calls = self._window.calls
        if calls < self._t.min_calls:
            return -1.0, -1.0, calls
        return self._window.failures / calls, self._window.slow / calls, calls

    def force(self, mode: Mode, now: float) -> None:
        """Put it into the state of an operator's *mode*; `enforced` begins closed, with an empty window."""
        self._opens = 0
        self._move(_STATE_OF[mode], "forced" if mode != "enforced" else "reset", now)

    def suspect(self, now: float) -> None:
        """Let only probes through until they have shown how the service is, if it is closed (CB-12)."""
        if self._state == "closed":
            self._move("half_open", "hint", now)

    def configure(self, thresholds: Thresholds, now: float, *, mode: Mode | None = None) -> None:
        """Go by other *thresholds*; it begins anew only where the window has another shape (CB-15).

        Another *mode* in policy is taken up; the same one leaves what an operator has forced.
        """
        reshaped = thresholds.window != self._t.window
        self._t = thresholds
        if reshaped:
            self._window = Window(thresholds.window)
            self._opens = 0
            after: BreakerState = "closed" if self._state in {"open", "half_open"} else self._state
            self._move(after, "settings", now)
        if mode is not None and mode != self._mode:
            self._mode = mode
            self._opens = 0
            self._move(_STATE_OF[mode], "settings", now)

    def _cause(self) -> BreakerCause | None:
        t, window = self._t, self._window
        if self._run >= t.consecutive_failures:
            return "consecutive_failures"
        if window.calls < t.min_calls:
            return None
        if window.failures >= t.failure_rate * window.calls and window.failures:
            return "failure_rate"
        if window.slow >= t.slow_rate * window.calls and window.slow:
            return "slow_rate"
        return None

    def _open(self, cause: BreakerCause, now: float) -> None:
        if self._state == "closed":
            self._opens = max(0, self._opens - int((now - self._closed_at) / _FORGIVEN_AFTER))
        self._opens += 1
        longest = min(self._t.max_open_time, self._t.open_time * 2 ** min(self._opens - 1, 32))
        jitter = self._t.open_jitter
        self._until = now + longest * self._rng.uniform(1 - jitter, 1 + jitter)
        self._move("open", cause, now)

    def _move(self, after: BreakerState, cause: BreakerCause, now: float) -> None:
        failures, slow, calls = self.rates(now)
        before, self._state = self._state, after
        self.since = now
        self._pass = Permission(self._pass.generation + 1)
        self._window.clear()
        self._run = self._succeeded = self._failed = 0
        self._probes = []
        if after == "closed":
            self._closed_at = now
        seconds = self._until - now if after == "open" else 0.0
        self._notify(BreakerChanged(*self._names, before, after, cause, failures, slow, calls, seconds))

    def _probe(self, now: float) -> Permission | None:
        for lost in [probe for probe in self._probes if probe.expires <= now]:
            self._probes.remove(lost)
            self._notify(BreakerProbed(*self._names, "expired"))
        if len(self._probes) + self._succeeded + self._failed >= self._t.permits:
            return None
        probe = Permission(self._pass.generation, now + self._t.lease)
        self._probes.append(probe)
        self._notify(BreakerProbed(*self._names, "started"))
        return probe

    def _judge(self, probe: Permission, now: float, *, failed: bool) -> None:
        """Count a probe; a slow success is a failed one, or a service too slow to use would be used again."""
        if probe not in self._probes:
            return
        self._probes.remove(probe)
        self._notify(BreakerProbed(*self._names, "failed" if failed else "succeeded"))
        if failed:
            self._failed += 1
        else:
            self._succeeded += 1
        if self._failed > self._t.permits - self._t.successes:
            self._open("probes", now)
        elif self._succeeded >= self._t.successes:
            self._move("closed", "probes", now)
