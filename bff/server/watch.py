"""Watches over one request: its client leaving, its body or its reader being too slow, the process ending.

A request costs one timer. Only one that is still there after `FIRST_LOOK` gets a task that waits for the client to
leave, so that the usual short request pays for neither.
"""

import asyncio
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from bff.context import Deadline
from bff.server.ports import Receive

FIRST_LOOK: Final = 0.1
"""Seconds; a client that leaves is noticed this late at most, within the 250 ms of DL-9."""


class Stage(StrEnum):
    """What a request is doing."""

    READING = "reading"
    EXECUTING = "executing"
    WRITING = "writing"


class Stop(StrEnum):
    """Why a request was ended early."""

    SLOW_BODY = "slow body"
    CLIENT_LEFT = "client left"
    OVERDUE = "overdue"
    STALLED = "stalled reader"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a request is waited for, in seconds."""

    write: float = 30.0
    """For the client to take the next 64 KiB of its answer (fault 34)."""

    overdue: float = 1.0
    """For the engine to come back after the deadline, which it keeps itself (DL-8)."""


class Unwatched:
    """Stands for the watch of a request that has not waited for anything yet."""

    __slots__ = ()

    stopped: Stop | None = None

    def enter(self, stage: Stage) -> None:
        """Note nothing."""

    def settle(self) -> None:
        """Say that nobody has ended the request."""


UNWATCHED: Final = Unwatched()


class Watch:
    """Ends one request, by cancelling its task, when it is time; made and closed by that task."""

    __slots__ = (
        "_deadline",
        "_looking",
        "_loop",
        "_patience",
        "_receive",
        "_task",
        "_timer",
        "_watcher",
        "stage",
        "stopped",
    )

    def __init__(self, receive: Receive, deadline: Deadline, patience: Patience) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._task = task
        self._loop = task.get_loop()
        self._receive = receive
        self._deadline = deadline
        self._patience = patience
        self._looking = False
        self._watcher: asyncio.Task[None] | None = None
        self._timer = self._loop.call_later(FIRST_LOOK, self._look)
        self.stage = Stage.READING
        self.stopped: Stop | None = None

    def enter(self, stage: Stage) -> None:
        """Note that the request now does *stage*; entering it again starts its time anew."""
        self.stage = stage
        if self._looking:
            self._timer.cancel()
            self._guard()

    def shut_down(self) -> None:
        """End the request because the process ends; an answer that is being written is left alone."""
        if self.stage is not Stage.WRITING:
            self._stop(Stop.SHUTDOWN)

    def settle(self) -> Stop | None:
        """Take back the cancellation that has arrived; return why it came, None when it is not all ours."""
        reason, self.stopped = self.stopped, None
        return None if reason is None or self._task.uncancel() else reason

    def close(self) -> bool:
        """Stop watching; return whether `closed` has something to wait for."""
        self._timer.cancel()
        return self._watcher is not None and self._watcher.cancel()

    async def closed(self) -> None:
        """Wait until nothing of the watch is left."""
        if self._watcher is not None:
            await asyncio.wait([self._watcher])

    def _look(self) -> None:
        self._looking = True
        self._guard()

    def _guard(self) -> None:
        if self.stage is Stage.READING:
            seconds, reason = max(0.0, self._deadline.remaining()), Stop.SLOW_BODY
        elif self.stage is Stage.EXECUTING:
            seconds, reason = max(0.0, self._deadline.remaining()) + self._patience.overdue, Stop.OVERDUE
            self._watcher = self._watcher or self._loop.create_task(self._until_left(), name="client watch")
        else:
            seconds, reason = self._patience.write, Stop.STALLED
        self._timer = self._loop.call_later(seconds, self._stop, reason)

    async def _until_left(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        if self.stage is not Stage.WRITING:  # from then on, the server notices by itself
            self._stop(Stop.CLIENT_LEFT)

    def _stop(self, reason: Stop) -> None:
        if self.stopped is None:
            self.stopped = reason
            self._task.cancel()
