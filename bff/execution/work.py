"""The awaitables of one compiled run, as part of the operation's `Flight`."""

import asyncio
from typing import Any, ClassVar

from bff.errors import OperationStopped, ResolverCancelled
from bff.execution.compiler.waiting import Work
from bff.execution.flight import Flight


class FlightWork(Work, kw_only=True):
    """Awaitables that belong to a `Flight`: stopping it ends fields, not the operation."""

    _flight: Flight

    direct: ClassVar[bool] = False

    @property
    def aborted(self) -> bool:
        """Whether the operation has been stopped."""
        return self._flight.stopped

    def may_begin(self) -> bool:
        """Tell whether a further field of a mutation may begin; none does after the stop."""
        return not self._flight.stopped

    def stopped(self, *, started: bool) -> Exception:
        """Return the error of a field that the stop ended, or kept from beginning."""
        return OperationStopped(started=started)

    def cancelled(self) -> Exception:
        """Return the error of a field whose resolver was cancelled: it fails, the operation goes on (PD-14)."""
        return ResolverCancelled()

    def give_up(self, future: "asyncio.Future[Any]") -> None:
        """Cancel a task once, and let the flight wait for its end; a bare future belongs to others too (F6)."""
        if isinstance(future, asyncio.Task):
            self._flight.end(future)

    def watch(self, waker: "asyncio.Future[None]") -> None:
        """Let the flight's stop set *waker*."""
        self._flight.watch(waker)

    def unwatch(self, waker: "asyncio.Future[None]") -> None:
        """Forget *waker*."""
        self._flight.unwatch(waker)

    async def ended(self) -> None:
        """Leave what was given up to the flight, which knows how long to wait for it (DL-9)."""
