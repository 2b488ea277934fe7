"""What happened to the process as a whole."""

from typing import Literal

from bff.events.base import Event

ReloadCause = Literal["start", "files", "signal", "request"]
"""Why policies were read."""


class Reloaded(Event, frozen=True):
    """Policies were read and are in force; `unchanged` where they were already.

    `restart` names what is different in the files and waits for a restart; `at` is seconds since the epoch.
    """

    generation: int
    cause: ReloadCause
    digest: str
    seconds: float
    at: float
    unchanged: bool = False
    restart: tuple[str, ...] = ()


class ReloadFailed(Event, frozen=True):
    """Policies were read and cannot be used; everything is as it was before."""

    generation: int
    cause: ReloadCause
    detail: str
    seconds: float
