"""What the edge tells telemetry."""

from typing import Literal

from bff.events import Event, event

Step = Literal["draining", "closed", "cancelled", "finished"]


@event
class HintIgnored(Event):
    """A client's deadline header was not used (DL-1); too many had asked for no time at all (DL-11)."""

    request_id: str
    header: str
    reason: Literal["malformed", "not positive", "too many"]


@event
class ExchangeStopped(Event):
    """A request ended before its answer was delivered."""

    request_id: str
    reason: str


@event
class DrainAdvanced(Event):
    """The process took one step of its way out (DR-1)."""

    step: Step
    in_flight: int


@event
class LoopTurned(Event):
    """The event loop turned, as it does ten times a second; `lag` is how late it is, in seconds (PY-18)."""

    lag: float
    in_flight: int
