"""How long a call may take, and what happens when it fails: `timeouts`, `retry`, `hedge`, `breaker`.

Each has a partial twin for endpoint groups and single endpoints; rules over several of them are in
`bff.policy.chain`.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal, TypeVar

from pydantic import AfterValidator, ConfigDict, Field

from bff.policy.base import Count, Pause, Policy, Switch, Timeout, whole_milliseconds
from bff.policy.problem import Clash, Refused
from bff.policy.units import Duration, Share, Size, bytes_of, format_duration

_REPEATABLE = frozenset({408, 409, 425, 429})
_SERVER_ERRORS = range(500, 600)


def check_status(status: int) -> int:
    """Return *status*, if an answer with it may be worth another attempt.

    Raises:
        Refused: It is an answer that a repetition would only get again.
    """
    if status not in _REPEATABLE and status not in _SERVER_ERRORS:
        raise Refused(f"status {status} would be the same a second time; 408, 409, 425, 429 and 5xx may change")
    return status


Status = Annotated[Count, AfterValidator(check_status)]
"""An HTTP status that may be different next time."""


def _without_defaults(schema: dict[str, Any]) -> None:
    """Say nothing of defaults where an absent key means what the upstream says."""
    for entry in schema.get("properties", {}).values():
        entry.pop("default", None)


class Timeouts(Policy):
    """How long each part of a call may take (DL-6)."""

    total: Timeout = timedelta(seconds=5)
    """One call with everything in it; never longer than what is left of the operation."""

    attempt: Timeout = timedelta(seconds=2)
    """One try, from connecting to the last byte of the body."""

    connect: Timeout = timedelta(milliseconds=500)
    """TCP and TLS handshake together."""

    dns: Timeout = timedelta(seconds=1)
    """Finding the address of a host in DNS."""

    write_idle: Timeout = timedelta(seconds=2)
    """Longest pause while sending."""

    read_idle: Timeout = timedelta(seconds=2)
    """Longest pause while receiving, the wait for the first byte included."""

    queue: Timeout = timedelta(milliseconds=100)
    """Longest wait for a free connection; then the call fails as UPSTREAM_OVERLOADED."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse times that others make unreachable."""
        total, attempt = format_duration(self.total), format_duration(self.attempt)
        if self.attempt > self.total:
            yield Clash(
                (("attempt",), ("total",)),
                f"attempt {attempt} exceeds total {total}: no try could ever use its time",
                total,
            )
        for name, part in (("connect", self.connect), ("queue", self.queue)):
            if part >= self.attempt:
                yield Clash(
                    ((name,), ("attempt",)),
                    f"{name} {format_duration(part)} must be shorter than attempt {attempt}, which contains it",
                    format_duration(whole_milliseconds(self.attempt / 4)),
                )


class Budget(Policy):
    """How much load repeating may add, for each upstream and worker (RT-3)."""

    ratio: Share = 0.2
    """Repetitions for each first attempt, over the last `ttl`; `0%` leaves only the reserve."""

    ttl: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(minutes=5))] = timedelta(seconds=10)
    """How long a first attempt counts."""

    reserve: Annotated[Count, Field(ge=0, le=1000)] = 2
    """Repetitions a second that are always allowed, so that a quiet worker can repeat at all."""


class RetryRules(Policy):
    """When and how patiently a failed call is sent again (RT-1)."""

    attempts: Annotated[Count, Field(ge=1, le=5)] = 2
    """Sends in all, the first included; 1 turns repeating off. Unsafe calls repeat only what was never sent."""

    first_delay: Pause = timedelta(milliseconds=25)
    """Longest pause before the first repetition; each further one doubles it (RT-2)."""

    max_delay: Pause = timedelta(milliseconds=250)
    """Longest pause before any repetition."""

    jitter: Literal["full", "decorrelated"] = "full"
    """`full`: evenly from nothing to the longest pause; `decorrelated`: up to three times the pause before."""

    statuses: frozenset[Status] = frozenset({408, 425, 429, 502, 503, 504})
    """Statuses that are repeated, where the call may be; 500 is not among them, for it is as a rule a bug."""

    keyed: Switch = True
    """Whether an unsafe call with `idempotency-key` may be repeated; off where the service ignores the key."""

    retry_after_max_wait: Pause = timedelta(seconds=1)
    """Longest `Retry-After` that a call waits for; a longer one is told to the client (RT-6)."""

    replay_buffer: Annotated[Size, Field(ge=0, le=8 * 1024**2)] = bytes_of("64KiB")
    """Largest body that is sent twice (RT-9)."""

    split_on: frozenset[Literal["READ_TIMEOUT", "TOO_LARGE"]] = frozenset()
    """Failures after which a batch is asked for in halves, each of them a repetition: `TOO_LARGE` where many keys
    make too long an answer, `READ_TIMEOUT` where they take too long (RT-11)."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse pauses in the wrong order."""
        if self.first_delay > self.max_delay:
            longest = format_duration(self.max_delay)
            yield Clash(
                (("first_delay",), ("max_delay",)),
                f"first_delay {format_duration(self.first_delay)} exceeds max_delay {longest}",
                longest,
            )


class Retry(RetryRules):
    """When and how patiently a failed call is sent again, and how often in all (RT-1)."""

    gate_max: Timeout = timedelta(seconds=60)
    """Longest time that a host which asked for silence is left alone (RT-6)."""

    budget: Budget = Budget()
    """How much load repeating may add."""


class Hedge(Policy):
    """A second send to another host when the first is slower than usual; the first answer wins (HG-1)."""

    enabled: Switch = False
    """Only safe calls are hedged, and only with two hosts or more."""

    min_delay: Annotated[Duration, Field(ge=timedelta(milliseconds=1), le=timedelta(minutes=1))] = timedelta(
        milliseconds=1
    )
    """Shortest time before the second send; usually it is the 95th percentile of the last 30 s (HG-2)."""

    extra_load: Share = 0.05
    """Second sends for each call, over the last 10 s (HG-3)."""


class Breaker(Policy):
    """When a failing service is left alone, and for how long; one for each endpoint group and worker (CB-11)."""

    mode: Literal["enforced", "metrics_only", "forced_open", "disabled"] = "enforced"
    """`metrics_only` counts and never refuses, to try values out; `forced_open` refuses all calls."""

    window: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(minutes=10))] = timedelta(seconds=10)
    """How far back calls count, in ten buckets (CB-2)."""

    min_calls: Annotated[Count, Field(ge=2, le=100_000)] = 20
    """Calls in the window before shares mean anything."""

    failure_rate: Share = 0.5
    """Share of failed calls that opens it."""

    slow_rate: Share = 0.8
    """Share of slow calls that opens it; `100%` needs every call to be slow."""

    slow_call: Timeout | None = None
    """An attempt longer than this is slow; 80% of `timeouts.attempt` when absent (CB-4)."""

    consecutive_failures: Annotated[Count, Field(ge=1, le=1000)] = 5
    """Failures in a row to reach the service that open it, however few calls there are (CB-3)."""

    open_time: Annotated[Duration, Field(ge=timedelta(milliseconds=500), le=timedelta(days=1))] = timedelta(
        seconds=5
    )
    """First time that it stays open; doubled each time it opens again (CB-5)."""

    max_open_time: Annotated[Duration, Field(ge=timedelta(milliseconds=500), le=timedelta(days=1))] = timedelta(
        seconds=60
    )
    """Longest time that it stays open."""

    open_jitter: Annotated[Share, Field(le=0.5)] = 0.2
    """How much longer or shorter the open time is by chance, so that workers do not probe together."""

    half_open_permits: Annotated[Count, Field(ge=1, le=100)] = 3
    """Probes after the open time; no other call is made meanwhile (CB-6)."""

    half_open_successes: Annotated[Count, Field(ge=1, le=100)] = 2
    """Successful probes that close it."""

    probe_lease: Timeout | None = None
    """When a probe that never ended gives its place to another; the longer of an attempt and 10s when absent."""

    shared_hints: Switch = False
    """Whether other processes hear through Redis that it opened, and let only probes through until these show how
    the service is (CB-12). One process can still not cut the others off. Without Redis it does nothing."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse a breaker that could never close, or whose open time would shrink."""
        if self.half_open_successes > self.half_open_permits:
            yield Clash(
                (("half_open_successes",), ("half_open_permits",)),
                f"half_open_successes {self.half_open_successes} exceeds half_open_permits "
                f"{self.half_open_permits}: it could never close",
                str(self.half_open_permits),
            )
        if self.open_time > self.max_open_time:
            longest = format_duration(self.max_open_time)
            yield Clash(
                (("open_time",), ("max_open_time",)),
                f"open_time {format_duration(self.open_time)} exceeds max_open_time {longest}",
                longest,
            )


class Part(Policy):
    """Base of what a group or an endpoint says differently: what it does not say is as in the upstream."""

    model_config = ConfigDict(json_schema_extra=_without_defaults)

    def clashes(self) -> Iterator[Clash]:
        """Leave all comparisons to the whole that this becomes a part of."""
        yield from ()


class PartialTimeouts(Part):
    """Times of a group's or endpoint's calls; those of connections are the upstream's."""

    total: Timeout | None = None
    """One call with everything in it."""

    attempt: Timeout | None = None
    """One try, from connecting to the last byte of the body."""


class PartialRetry(Part, RetryRules):
    """What a group or endpoint repeats differently; the budget is one for the whole upstream."""


class PartialHedge(Part, Hedge):
    """What a group or endpoint hedges differently."""


class PartialBreaker(Part, Breaker):
    """What a group's breaker does differently."""


P = TypeVar("P", bound=Policy)


def override(base: P, part: Part) -> P:
    """Return *base* with what *part* says put over it.

    The result is not validated again: ask its `clashes`.
    """
    said = {name: getattr(part, name) for name in part.model_fields_set}
    return base.model_copy(update=said) if said else base
