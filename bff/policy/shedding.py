"""Who is let in when there is too much to do (LS-1 to LS-5)."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from bff.policy.base import Count, Policy
from bff.policy.names import Header
from bff.policy.problem import Clash
from bff.policy.units import Duration, Share, format_duration, format_share

PriorityName = Literal["critical", "default", "degraded", "bulk"]
"""How much an operation matters: `critical` most, `bulk` least."""

Lag = Annotated[Duration, Field(gt=timedelta(0), le=timedelta(minutes=1))]


class LagLimits(Policy):
    """Above which delay of the event loop each class is refused: the median of the last second."""

    bulk: Lag = timedelta(milliseconds=50)
    """Exploration and replays."""

    degraded: Lag = timedelta(milliseconds=100)
    """What can come later: prefetching, analytics."""

    default: Lag = timedelta(milliseconds=250)
    """What somebody waits for."""

    critical: Lag = timedelta(seconds=1)
    """What must not fail."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse limits under which the more important goes first."""
        for less, more in (("bulk", "degraded"), ("degraded", "default"), ("default", "critical")):
            low, high = getattr(self, less), getattr(self, more)
            if low > high:
                yield Clash(
                    ((less,), (more,)),
                    f"{less} {format_duration(low)} exceeds {more} {format_duration(high)}, which matters more",
                    format_duration(high),
                )


class InflightShares(Policy):
    """What part of `max_inflight` each class may fill; the rest is kept for those that matter more."""

    bulk: Annotated[Share, Field(gt=0)] = 0.4
    """Exploration and replays."""

    degraded: Annotated[Share, Field(gt=0)] = 0.6
    """What can come later."""

    default: Annotated[Share, Field(gt=0)] = 0.8
    """What somebody waits for; `critical` fills the whole."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse shares under which the more important goes first."""
        for less, more in (("bulk", "degraded"), ("degraded", "default")):
            low, high = getattr(self, less), getattr(self, more)
            if low > high:
                yield Clash(
                    ((less,), (more,)),
                    f"{less} {format_share(low)} exceeds {more} {format_share(high)}, which matters more",
                    format_share(high),
                )


class Shedding(Policy):
    """When requests are refused at the door, the least important first; per worker."""

    max_inflight: Annotated[Count, Field(ge=1, le=1_000_000)] = 1000
    """Requests at once, from their first byte to the last byte of their answer."""

    shares: InflightShares = InflightShares()
    """What part of them each class may fill."""

    lag: LagLimits = LagLimits()
    """How late the event loop may be for each class."""

    header: Header | None = None
    """Header in which a trusted proxy says the class; set it only where clients cannot send it themselves."""
