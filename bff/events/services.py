"""What happened between us and services: calls, attempts, hosts, breakers, caches, the store."""

from typing import Literal

from bff.events.base import Event
from bff.upstream.message import Origin
from bff.upstream.outcome import Outcome


class CallStarted(Event, frozen=True):
    """An endpoint was asked for something, however it will be answered; `call` names it within its upstream."""

    upstream: str
    endpoint: str
    request_id: str
    call: int


class CallFinished(Event, frozen=True):
    """What was asked of an endpoint is answered, by whomever, or has failed."""

    upstream: str
    endpoint: str
    request_id: str
    call: int
    outcome: Outcome
    seconds: float


class AttemptFinished(Event, frozen=True):
    """One request to a service ended; `seconds` from its start to its outcome."""

    upstream: str
    endpoint: str
    origin: Origin | None
    outcome: Outcome
    seconds: float
    status: int | None
    request_id: str
    attempt: int = 1
    group: str = ""
    call: int = 0


class Retrying(Event, frozen=True):
    """A call is sent again after `delay` seconds because of `reason`; the budget still allows `balance` more."""

    upstream: str
    endpoint: str
    request_id: str
    attempt: int
    delay: float
    reason: Outcome
    balance: float
    call: int = 0


Suppression = Literal["budget", "deadline", "replay_buffer", "caller_repeats", "retry_after"]
"""Why a call that may be sent again was not."""


class RetrySuppressed(Event, frozen=True):
    """A call that might have been sent again was not (RT-4); `outcome` is what its client reads."""

    upstream: str
    endpoint: str
    request_id: str
    reason: Suppression
    outcome: Outcome
    balance: float
    call: int = 0


class HedgeFinished(Event, frozen=True):
    """A second send was made `delay` seconds after the first; `won` when its answer was used."""

    upstream: str
    endpoint: str
    request_id: str
    delay: float
    won: bool
    call: int = 0


class GateClosed(Event, frozen=True):
    """A host asked for silence and is left alone for `seconds` (RT-6, CB-8)."""

    upstream: str
    group: str
    origin: Origin
    seconds: float
    cause: Literal["retry_after", "throttled_share"]


class GateOpened(Event, frozen=True):
    """A host that asked for silence is called again."""

    upstream: str
    group: str
    origin: Origin
    cause: Literal["success", "time"]


BreakerState = Literal["closed", "open", "half_open", "forced_open", "disabled", "metrics_only"]
"""States of a circuit breaker (CB-1)."""


BreakerCause = Literal[
    "failure_rate",
    "slow_rate",
    "consecutive_failures",
    "open_time_over",
    "probes",
    "forced",
    "reset",
    "settings",
    "hint",
]
"""Why a circuit breaker changed its state."""


class BreakerChanged(Event, frozen=True):
    """A circuit breaker changed its state (CB-16).

    Attributes:
        failure_rate: Share of failed calls in the window, -1 below the minimum of calls.
        slow_rate: Share of slow calls, likewise.
        calls: Calls in the window.
        seconds: How long it stays open; 0 for other states.
    """

    upstream: str
    group: str
    before: BreakerState
    after: BreakerState
    cause: BreakerCause
    failure_rate: float
    slow_rate: float
    calls: int
    seconds: float


class BreakerRefused(Event, frozen=True):
    """A call was not made because the circuit breaker does not permit it."""

    upstream: str
    group: str
    endpoint: str
    request_id: str
    state: BreakerState
    call: int = 0


class BreakerProbed(Event, frozen=True):
    """A probe of a half-open circuit breaker started or ended; one that expires counts as nothing (CB-6)."""

    upstream: str
    group: str
    result: Literal["started", "succeeded", "failed", "returned", "expired"]


class CacheUsed(Event, frozen=True):
    """The cache was asked; `items` is how many keys of a batch it is about, 1 for anything else.

    `result` is one of hit, stale, miss, revalidated, early (a background refresh before its time); `tier` says
    where a hit was.
    """

    upstream: str
    endpoint: str
    result: str
    items: int = 1
    tier: str | None = None
    request_id: str = ""
    call: int = 0


class Coalesced(Event, frozen=True):
    """A call was not made, because an equal one was under way, which the request *joined* has begun."""

    upstream: str
    endpoint: str
    request_id: str = ""
    call: int = 0
    joined: str = ""
    joined_call: int = 0


class FellBack(Event, frozen=True):
    """A failure was answered with something else than an error; `reason` as in `extensions.degraded`."""

    upstream: str
    endpoint: str
    reason: str
    items: int = 1
    request_id: str = ""
    call: int = 0


class TokenFetched(Event, frozen=True):
    """A token endpoint was asked on behalf of an upstream; `detail` says why there is no token (UC-4)."""

    upstream: str
    result: Literal["refreshed", "failed"]
    seconds: float
    detail: str


class StoreFailed(Event, frozen=True):
    """A command to the shared store did not succeed; `refused` when it was not even sent."""

    use: str
    detail: str
    refused: bool


class HostEjected(Event, frozen=True):
    """A host gets no calls for *seconds*, for the *times*-th time in a row (OE-2)."""

    upstream: str
    origin: str
    cause: str
    seconds: float
    times: int


class HostReturned(Event, frozen=True):
    """A host's ejection is over."""

    upstream: str
    origin: str


class HealthChanged(Event, frozen=True):
    """A host's own word about its health changed; `draining` is meant so and alarms nobody (LB-5)."""

    upstream: str
    origin: str
    state: Literal["healthy", "unhealthy", "draining"]
    detail: str


class HostsCounted(Event, frozen=True):
    """How many hosts an upstream has and how many of them can be used, told whenever that changes."""

    upstream: str
    total: int
    available: int
    ejected: int


class PermitRefused(Event, frozen=True):
    """A call was not let through to a service: too many were running or waiting (BH-4)."""

    upstream: str
    endpoint: str
    reason: Literal["queue full", "waited too long", "overloaded"]
    waited: float
    request_id: str = ""
    call: int = 0


class PermitWaited(Event, frozen=True):
    """A call had to wait for its turn at a service, and got it."""

    upstream: str
    endpoint: str
    waited: float
    request_id: str = ""
    call: int = 0


class LimitChanged(Event, frozen=True):
    """How many attempts of an endpoint group may run at once at a service changed to *limit* (AC-4)."""

    upstream: str
    group: str
    limit: int
