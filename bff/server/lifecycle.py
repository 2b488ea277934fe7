"""Where the process stands between its start and its end, and what it is busy with."""

from enum import StrEnum
from typing import Protocol

from bff.clock import Clock
from bff.server.shedding import LoopLag


class Phase(StrEnum):
    """The stations of a process, in order."""

    STARTING = "starting"
    READY = "ready"
    DRAINING = "draining"
    STOPPING = "stopping"


class Stoppable(Protocol):
    """One request in flight."""

    def shut_down(self) -> None:
        """End it with an answer that says why, as soon as possible."""


class Lifecycle:
    """One process's phase, its requests in flight and the heartbeat of its loop."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._beat = clock.now()
        self.lag = LoopLag()
        """How late the event loop is."""
        self.phase = Phase.STARTING
        self.in_flight: set[Stoppable] = set()
        """Requests from their first byte to the last byte of their answer."""

    @property
    def leaving(self) -> bool:
        """Whether the process is on its way out."""
        return self.phase in (Phase.DRAINING, Phase.STOPPING)

    def ready(self) -> None:
        """Note that everything is loaded and listening; without effect on a process that leaves already."""
        if self.phase is Phase.STARTING:
            self.phase = Phase.READY

    def drain(self) -> None:
        """Note that the process will end: readiness says no from now on."""
        if self.phase is not Phase.STOPPING:
            self.phase = Phase.DRAINING

    def stop(self) -> None:
        """End what is still in flight, each with a last error where it can still be sent."""
        self.phase = Phase.STOPPING
        for request in tuple(self.in_flight):
            request.shut_down()

    def beat(self) -> None:
        """Note that the event loop is turning."""
        self._beat = self._clock.now()
        self.lag.tick(self._beat)

    def silent_for(self) -> float:
        """Return the seconds since the last heartbeat."""
        return self._clock.now() - self._beat
