"""What happened, told once; who counts, logs or traces it decides elsewhere (`bff.telemetry`)."""

from collections.abc import Callable
from dataclasses import dataclass

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
