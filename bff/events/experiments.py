"""What was tried on the running system: faults on purpose, canaries, copies of calls."""

from typing import Literal

from bff.events.base import Event


class ExperimentStarted(Event, frozen=True):
    """A fault is done on purpose from now on, for at most `seconds`."""

    id: str
    upstream: str
    endpoint: str | None
    fault: str
    share: float
    scope: str
    seconds: float
    note: str


class ExperimentEnded(Event, frozen=True):
    """A fault is done no more; it hit `hits` calls of this process."""

    id: str
    upstream: str
    reason: Literal["time", "stopped", "errors", "policy"]
    hits: int


class FaultInjected(Event, frozen=True):
    """A fault was done to a call on purpose; `experiment` is None where the request's own header asked for it."""

    upstream: str
    endpoint: str
    request_id: str
    kind: str
    fault: str
    experiment: str | None
    call: int = 0


class CanaryStopped(Event, frozen=True):
    """The other hosts of an upstream failed so much more often than its own that they get no more calls."""

    upstream: str
    canary_failures: float
    stable_failures: float
    calls: int


class CanaryCalled(Event, frozen=True):
    """An attempt of an upstream with a canary ended; its own hosts took over what was not sent: `fell_back`."""

    upstream: str
    arm: Literal["canary", "stable"]
    failed: bool
    fell_back: bool = False


ShadowResult = Literal["same", "different", "unread", "failed", "dropped"]
"""How the copy of a call went: `unread` is not compared, `dropped` is not sent."""


class ShadowCompared(Event, frozen=True):
    """The copy of a call was answered, or not; `differences` are paths and kinds, never values."""

    upstream: str
    endpoint: str
    result: ShadowResult
    differences: tuple[tuple[str, str], ...] = ()
