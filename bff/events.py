"""What happened, told once; who counts, logs or traces it decides elsewhere (`bff.telemetry`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, TypeVar, dataclass_transform

from bff.codes import Code
from bff.upstream.message import Origin
from bff.upstream.outcome import Outcome


class Event:
    """Base of all events."""

    __slots__ = ()


E = TypeVar("E", bound=Event)


@dataclass_transform(frozen_default=True)
def event(kind: type[E]) -> type[E]:
    """Make a class of events: a dataclass that type checkers hold frozen.

    At run time it is not: that would cost two microseconds for each of the dozen events of a small request.
    """
    return dataclass(slots=True, unsafe_hash=True)(kind)


@event
class CallStarted(Event):
    """An endpoint was asked for something, however it will be answered; `call` names it within its upstream."""

    upstream: str
    endpoint: str
    request_id: str
    call: int


@event
class CallFinished(Event):
    """What was asked of an endpoint is answered, by whomever, or has failed."""

    upstream: str
    endpoint: str
    request_id: str
    call: int
    outcome: Outcome
    seconds: float


@event
class AttemptFinished(Event):
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


@event
class Retrying(Event):
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


@event
class RetrySuppressed(Event):
    """A call that might have been sent again was not (RT-4); `outcome` is what its client reads."""

    upstream: str
    endpoint: str
    request_id: str
    reason: Suppression
    outcome: Outcome
    balance: float
    call: int = 0


@event
class HedgeFinished(Event):
    """A second send was made `delay` seconds after the first; `won` when its answer was used."""

    upstream: str
    endpoint: str
    request_id: str
    delay: float
    won: bool
    call: int = 0


@event
class GateClosed(Event):
    """A host asked for silence and is left alone for `seconds` (RT-6, CB-8)."""

    upstream: str
    group: str
    origin: Origin
    seconds: float
    cause: Literal["retry_after", "throttled_share"]


@event
class GateOpened(Event):
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


@event
class BreakerChanged(Event):
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


@event
class BreakerRefused(Event):
    """A call was not made because the circuit breaker does not permit it."""

    upstream: str
    group: str
    endpoint: str
    request_id: str
    state: BreakerState
    call: int = 0


@event
class BreakerProbed(Event):
    """A probe of a half-open circuit breaker started or ended; one that expires counts as nothing (CB-6)."""

    upstream: str
    group: str
    result: Literal["started", "succeeded", "failed", "returned", "expired"]


@event
class CacheUsed(Event):
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


@event
class Coalesced(Event):
    """A call was not made, because an equal one was under way, which the request *joined* has begun."""

    upstream: str
    endpoint: str
    request_id: str = ""
    call: int = 0
    joined: str = ""
    joined_call: int = 0


@event
class FellBack(Event):
    """A failure was answered with something else than an error; `reason` as in `extensions.degraded`."""

    upstream: str
    endpoint: str
    reason: str
    items: int = 1
    request_id: str = ""
    call: int = 0


@event
class TokenFetched(Event):
    """A token endpoint was asked on behalf of an upstream; `detail` says why there is no token (UC-4)."""

    upstream: str
    result: Literal["refreshed", "failed"]
    seconds: float
    detail: str


@event
class StoreFailed(Event):
    """A command to the shared store did not succeed; `refused` when it was not even sent."""

    use: str
    detail: str
    refused: bool


@event
class ErrorTold(Event):
    """A client was told of an error; `detail` is what the client was not told."""

    error_id: str
    request_id: str
    code: Code
    path: tuple[str | int, ...] | None
    upstream: str | None
    detail: str
    exception: BaseException | None


@event
class ErrorsTold(Event):
    """All errors of one answer were told; each of them was an `ErrorTold` before."""

    request_id: str
    errors: tuple[ErrorTold, ...]


@event
class OperationStarted(Event):
    """An operation begins to run, at `began` on the monotonic clock."""

    request_id: str
    name: str | None
    kind: str
    began: float


@event
class OperationAbandoned(Event):
    """An operation that had begun brought no answer: nobody waited any more, or it was refused after all."""

    request_id: str
    name: str | None
    kind: str
    seconds: float
    reason: Literal["cancelled", "refused"]


@event
class OperationFinished(Event):
    """One operation was answered; `seconds` from the arrival of its request."""

    request_id: str
    name: str | None
    kind: str
    seconds: float
    errors: int
    degraded: int


@event
class OperationShared(Event):
    """A query got the answer of an equal one under way, which *executed* names by its request id."""

    request_id: str
    name: str | None
    executed: str


Notify = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Do nothing with *event*."""


@event
class HostEjected(Event):
    """A host gets no calls for *seconds*, for the *times*-th time in a row (OE-2)."""

    upstream: str
    origin: str
    cause: str
    seconds: float
    times: int


@event
class HostReturned(Event):
    """A host's ejection is over."""

    upstream: str
    origin: str


@event
class HealthChanged(Event):
    """A host's own word about its health changed; `draining` is meant so and alarms nobody (LB-5)."""

    upstream: str
    origin: str
    state: Literal["healthy", "unhealthy", "draining"]
    detail: str


@event
class HostsCounted(Event):
    """How many hosts an upstream has and how many of them can be used, told whenever that changes."""

    upstream: str
    total: int
    available: int
    ejected: int


@event
class PermitRefused(Event):
    """A call was not let through to a service: too many were running or waiting (BH-4)."""

    upstream: str
    endpoint: str
    reason: Literal["queue full", "waited too long", "overloaded"]
    waited: float
    request_id: str = ""
    call: int = 0


@event
class PermitWaited(Event):
    """A call had to wait for its turn at a service, and got it."""

    upstream: str
    endpoint: str
    waited: float
    request_id: str = ""
    call: int = 0


@event
class LimitChanged(Event):
    """How many attempts of an endpoint group may run at once at a service changed to *limit* (AC-4)."""

    upstream: str
    group: str
    limit: int


@event
class Shed(Event):
    """A request was refused before it cost anything, because this process has too much to do (LS-3)."""

    request_id: str
    priority: str
    reason: Literal["in flight", "loop lag"]


@event
class SessionOpened(Event):
    """Somebody logged in."""


@event
class SessionEnded(Event):
    """Sessions ended before their time: by `logout`, by the issuer's `back-channel` logout, or `refused` by it."""

    reason: Literal["logout", "back-channel", "refused"]
    sessions: int


@event
class SessionRenewed(Event):
    """The access token of a session was renewed, or could not be now, for *reason* (SE-4)."""

    ok: bool
    reason: str


@event
class LoginRefused(Event):
    """A login or a use of a session was refused; *detail* names no token."""

    step: Literal["login", "callback", "logout", "session"]
    detail: str


@event
class AuthenticationRefused(Event):
    """A caller was not let in.

    `reason` is of the closed set of `bff.auth.verdicts`, or `unavailable`, `missing`, `request`. `issuer` is one
    that policy names, or empty.
    """

    request_id: str
    means: Literal["none", "token", "api key", "session"]
    reason: str
    issuer: str
    detail: str


@event
class LimiterDegraded(Event):
    """Limits are counted in each process instead of in the store (RL-18), or together again."""

    degraded: bool


@event
class LimitExceeded(Event):
    """A request did not fit a limit; it went through all the same where that is only measured.

    Attributes:
        request_id: The request.
        policy: Whose limit: the name of a client's file, or `default`.
        limit: Which limit.
        enforced: Whether the request was refused.
        counted: Where that was decided.
    """

    request_id: str
    policy: str
    limit: str
    enforced: bool
    counted: str


@event
class ClientRefused(Event):
    """A request was refused because of its address or its app's version."""

    request_id: str
    reason: Literal["address", "version"]
    detail: str


@event
class KeysFetched(Event):
    """An issuer's public keys were fetched: so many can be used, so many are new, so many are gone (JK-2)."""

    issuer: str
    keys: int
    added: int
    removed: int


@event
class KeysFailed(Event):
    """An issuer's public keys could not be fetched; the next try is after `pause` seconds.

    `age` is how old the keys are that stay in use, in seconds; None where there are none.
    """

    issuer: str
    detail: str
    pause: float
    age: float | None


@event
class KeyUnknown(Event):
    """A token names a key that nobody knows, so that the issuer's keys are fetched out of turn (JK-3)."""

    issuer: str
    kid: str


@event
class IntrospectionFailed(Event):
    """The issuer of opaque tokens could not be asked; `stale` when an older answer was used instead (IN-1)."""

    issuer: str
    detail: str
    stale: bool


@event
class ApiKeysRead(Event):
    """The file of API keys was read again; `detail` says why those read before stay in use, else it is empty."""

    keys: int
    detail: str


@event
class DeprecatedFieldsUsed(Event):
    """An operation asked for what the schema calls deprecated; coordinates such as `Dish.price`."""

    request_id: str
    client: str
    version: str
    fields: tuple[str, ...]


@event
class CostExceeded(Event):
    """An operation costs more than any one may, by estimate; `requested` is None for a list that is too long.

    `enforced` tells whether it was refused (RL-11).
    """

    request_id: str
    name: str | None
    requested: float | None
    allowed: float
    enforced: bool


@event
class CostSettled(Event):
    """What an operation was charged is settled: it was estimated to cost *requested* and did cost *actual*."""

    request_id: str
    name: str | None
    requested: float
    actual: float


@event
class UntrustedDocument(Event):
    """A text was sent that nobody has registered; `allowed` tells whether it ran."""

    request_id: str
    hash: str
    allowed: bool


@event
class DocumentsPrepared(Event):
    """So many of the registered documents are parsed, validated and compiled; `failed` of them cannot be."""

    done: int
    total: int
    failed: int
    seconds: float


@event
class DocumentUnusable(Event):
    """A registered document does not fit the schema (any more), or is over a limit."""

    id: str
    name: str
    detail: str
