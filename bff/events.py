"""What happened, told once; who counts, logs or traces it decides elsewhere (`bff.telemetry`)."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from bff.codes import Code
from bff.upstream.outcome import Outcome


@dataclass(frozen=True, slots=True)
class Event:
    """Base of all events."""


@dataclass(frozen=True, slots=True)
class AttemptFinished(Event):
    """One request to a service ended; `seconds` from its start to its outcome."""

    upstream: str
    endpoint: str
    origin: str
    outcome: Outcome
    seconds: float
    status: int | None
    request_id: str


@dataclass(frozen=True, slots=True)
class ErrorTold(Event):
    """A client was told of an error; `detail` is what the client was not told."""

    error_id: str
    request_id: str
    code: Code
    path: tuple[str | int, ...] | None
    upstream: str | None
    detail: str
    exception: BaseException | None


@dataclass(frozen=True, slots=True)
class OperationFinished(Event):
    """One operation was answered; `seconds` from the arrival of its request."""

    request_id: str
    name: str | None
    kind: str
    seconds: float
    errors: int
    degraded: int


Notify = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Do nothing with *event*."""


@dataclass(frozen=True, slots=True)
class HostEjected(Event):
    """A host gets no calls for *seconds*, for the *times*-th time in a row (OE-2)."""

    upstream: str
    origin: str
    cause: str
    seconds: float
    times: int


@dataclass(frozen=True, slots=True)
class HostReturned(Event):
    """A host's ejection is over."""

    upstream: str
    origin: str


@dataclass(frozen=True, slots=True)
class HealthChanged(Event):
    """A host's own word about its health changed; `draining` is meant so and alarms nobody (LB-5)."""

    upstream: str
    origin: str
    state: Literal["healthy", "unhealthy", "draining"]
    detail: str


@dataclass(frozen=True, slots=True)
class HostsCounted(Event):
    """How many hosts an upstream has and how many of them can be used, told whenever that changes."""

    upstream: str
    total: int
    available: int
    ejected: int


@dataclass(frozen=True, slots=True)
class PermitRefused(Event):
    """A call was not let through to a service: too many were running or waiting (BH-4)."""

    upstream: str
    endpoint: str
    reason: Literal["queue full", "waited too long", "overloaded"]
    waited: float


@dataclass(frozen=True, slots=True)
class PermitWaited(Event):
    """A call had to wait for its turn at a service, and got it."""

    upstream: str
    endpoint: str
    waited: float


@dataclass(frozen=True, slots=True)
class LimitChanged(Event):
    """How many attempts may run at once at a service changed to *limit* (AC-4)."""

    upstream: str
    limit: int


@dataclass(frozen=True, slots=True)
class Shed(Event):
    """A request was refused before it cost anything, because this process has too much to do (LS-3)."""

    request_id: str
    priority: str
    reason: Literal["in flight", "loop lag"]
