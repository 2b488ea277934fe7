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


@dataclass(frozen=True, slots=True)
class Coalesced(Event):
    """A call was not made, because an equal one was under way."""

    upstream: str
    endpoint: str


@dataclass(frozen=True, slots=True)
class FellBack(Event):
    """A failure was answered with something else than an error; `reason` as in `extensions.degraded`."""

    upstream: str
    endpoint: str
    reason: str
    items: int = 1


@dataclass(frozen=True, slots=True)
class StoreFailed(Event):
    """A command to the shared store did not succeed; `refused` when it was not even sent."""

    use: str
    detail: str
    refused: bool


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
