"""What the edge tells telemetry."""

from typing import Literal

from bff.events import Event

Step = Literal["draining", "closed", "cancelled", "finished"]


class HintIgnored(Event, frozen=True):
    """A client's deadline header was not used (DL-1); too many had asked for no time at all (DL-11)."""

    request_id: str
    header: str
    reason: Literal["malformed", "not positive", "too many"]


class ExchangeStopped(Event, frozen=True):
    """A request ended before its answer was delivered."""

    request_id: str
    reason: str


class DrainAdvanced(Event, frozen=True):
    """The process took one step of its way out (DR-1)."""

    step: Step
    in_flight: int


class LoopTurned(Event, frozen=True):
    """The event loop turned, as it does ten times a second; `lag` is how late it is, in seconds (PY-18)."""

    lag: float
    in_flight: int
