"""Replaces the generation in force: read, built, checked and started beside the requests, then swapped at once.

Whatever fails on the way leaves everything as it was. Requests end under the generation that they began with,
and it is closed when the last of them is over.
"""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Literal, TypeVar

from bff.events import ReloadCause, Reloaded, ReloadFailed
from bff.execution.strawberry_schema import UnsupportedSchema
from bff.generations.files import Files
from bff.generations.front import Front
from bff.generations.generation import Generation, open_generation
from bff.generations.parts import Parts
from bff.generations.process import Process
from bff.generations.snapshot import frozen
from bff.policy.problem import PolicyError, Problem
from bff.settings import SettingsError

T = TypeVar("T")

Result = Literal["applied", "unchanged", "failed"]
"""What came of reading the files."""

Keeper = Callable[[bytes], object]
"""Keeps a snapshot of what is in force; called in a thread."""

_EXPECTED: Final = (PolicyError, SettingsError, UnsupportedSchema, OSError)

_SWITCH: Final = 0.0005
"""Seconds after which a building thread lets the event loop run; Python's own five milliseconds would be felt."""

_logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the files are not in force.

    Attributes:
        at: Seconds since the epoch.
        cause: Why they were read.
        detail: All that is wrong, one problem a line.
        problems: The same by place, where it is about places in files.
    """

    at: float
    cause: ReloadCause
    detail: str
    problems: tuple[Problem, ...] = ()

    def told(self) -> dict[str, Any]:
        """Return it for people and programs."""
        problems = [
            {"file": one.file, "line": one.line, "column": one.column, "key": one.key, "message": str(one)}
            for one in self.problems
        ]
        return {"at": self.at, "cause": self.cause, "message": self.detail, "problems": problems}


class Reloads:
    """Takes care of the generation in force, of the next one, and of those that still have requests.

    Args:
        process: What outlives them.
        files: Where policies are.
        front: Has the generation in force.
        swapped: Is told of each that comes into force.

    Attributes:
        failure: Why the files are not in force, None while they are.
    """

    def __init__(
        self, process: Process, files: Files, front: Front, swapped: Callable[[Generation], None]
    ) -> None:
        self._process = process
        self._files = files
        self._front = front
        self._swapped = swapped
        self._lock = asyncio.Lock()
        self._next: asyncio.Task[Result] | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._hurry = asyncio.Event()
        self.restart: tuple[str, ...] = ()
        """Keys that are different in the files and wait for a restart."""
        self.failure: Failure | None = None
        self._keeper: Keeper | None = None

    def tell(self, keeper: Keeper) -> None:
        """Let *keeper* have what is in force, from the start on and each time that it changes."""
        self._keeper = keeper

    async def start(self) -> None:
        """Bring the first generation into force."""
        generation = self._front.generation
        async with self._lock:
            await generation.start()
            generation.take_over()
            self._came_into_force(generation, "start", self._process.clock.now())
            await self._hand_over(generation)

    def begin(self, cause: ReloadCause) -> "asyncio.Task[Result]":
        """Begin to read the files, or join whoever is about to; needs a running event loop."""
        if self._next is None:
            self._next = self._keep(self._in_turn(cause), "reload")
        return self._next

    async def reload(self, cause: ReloadCause) -> Result:
        """Read the files, and return what came of it."""
        return await asyncio.shield(self.begin(cause))

    async def close(self) -> None:
        """Give up the next generation, and close all others."""
        self._hurry.set()
        if self._next is not None:
            self._next.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._front.generation.close()

    def _keep(self, work: Any, name: str) -> "asyncio.Task[Any]":
        task = asyncio.create_task(work, name=name)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _in_turn(self, cause: ReloadCause) -> Result:
        async with self._lock:
            self._next = None
            started = self._process.clock.now()
            try:
                return await self._reload(cause, started)
            except _EXPECTED as error:
                self._failed(cause, error, started)
            except Exception as error:
                _logger.exception("a reload failed for a reason that is a fault of ours")
                self._failed(cause, error, started)
            return "failed"

    async def _reload(self, cause: ReloadCause, started: float) -> Result:
        before = self._front.generation
        found = await asyncio.to_thread(courteously, lambda: self._files.read(before.policies))
        if cause == "files" and found.digest == before.configuration.digest:
            self.failure, self.restart = None, found.restart
            self._tell(before, cause, started, unchanged=True)
            return "unchanged"
        parts, generation = Parts(before.parts), None
        try:
            generation = await asyncio.to_thread(
                courteously,
                lambda: open_generation(self._process, found, number=before.number + 1, parts=parts),
            )
            await generation.start()
            generation.take_over()
        except BaseException:
            await (parts.release() if generation is None else generation.close())
            raise
        self._front.generation = generation
        self._came_into_force(generation, cause, started)
        self._keep(self._retire(before), f"generation {before.number}")
        await self._hand_over(generation)
        return "applied"

    async def _hand_over(self, generation: Generation) -> None:
        """Let the keeper have it; one that is gone has nobody to replace either."""
        keeper = self._keeper
        if keeper is not None:
            with contextlib.suppress(OSError):
                await asyncio.to_thread(lambda: keeper(frozen(generation.configuration)))

    def _came_into_force(self, generation: Generation, cause: ReloadCause, started: float) -> None:
        self._swapped(generation)
        self.failure, self.restart = None, generation.configuration.restart
        self._tell(generation, cause, started, unchanged=False)

    def _tell(self, generation: Generation, cause: ReloadCause, started: float, *, unchanged: bool) -> None:
        clock = self._process.clock
        seconds = clock.now() - started
        digest = generation.configuration.digest
        self._process.notify(
            Reloaded(generation.number, cause, digest, seconds, clock.wall(), unchanged, self.restart)
        )

    def _failed(self, cause: ReloadCause, error: Exception, started: float) -> None:
        clock = self._process.clock
        problems = error.problems if isinstance(error, PolicyError) else ()
        detail = str(error) if isinstance(error, _EXPECTED) else f"{type(error).__name__}: {error}"
        self.failure = Failure(clock.wall(), cause, detail, problems)
        number = self._front.generation.number
        self._process.notify(ReloadFailed(number, cause, detail, clock.now() - started))

    async def _retire(self, generation: Generation) -> None:
        """Close *generation* when its requests are over, or had the time that any of them could have."""
        policy = generation.operations
        longest = max(policy.deadline_max, policy.drain.timeout).total_seconds()
        waits = [
            asyncio.ensure_future(generation.idle()),
            asyncio.ensure_future(self._hurry.wait()),
            asyncio.ensure_future(self._process.clock.sleep(longest)),
        ]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            await asyncio.gather(*waits, return_exceptions=True)
        try:
            await generation.close()
        except ExceptionGroup:
            _logger.exception("a generation could not be closed whole")


def courteously(work: Callable[[], T]) -> T:
    """Return what *work* brings, in a thread that lets the event loop run often meanwhile."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(_SWITCH)
    try:
        return work()
    finally:
        sys.setswitchinterval(before)
