"""A clock that a test moves by hand, so that hours pass in no time and always in the same order."""

import asyncio
import heapq
from collections.abc import Coroutine
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")

_TURNS = 50
_WALL = 1_700_000_000.0


class VirtualClock:
    """A `bff.clock.Clock` on which nothing happens until `advance` or `run` is awaited.

    Whoever sleeps is woken in the order of the moments, and of falling asleep where those are equal. After each
    waking all tasks get many turns of the event loop, so that what a sleeper starts happens at that moment, its
    next sleep included. Work on real sockets takes real time and is not waited for.
    """

    def __init__(self, start: float = 1000.0, wall: float = _WALL, *, turns: int = _TURNS) -> None:
        """Start at *start* seconds on the monotonic clock and *wall* seconds since the epoch.

        *turns* is how often tasks are let run after each waking; more than the longest chain of tasks that wake
        one another.
        """
        self._now = start
        self._wall_ahead = wall - start
        self._turns = turns
        self._order = count()
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []

    def now(self) -> float:
        """Return monotonic time in seconds."""
        return self._now

    def wall(self) -> float:
        """Return seconds since the Unix epoch."""
        return self._now + self._wall_ahead

    def step_wall(self, seconds: float) -> None:
        """Set the wall clock forward, or back where *seconds* is negative, as an administrator does."""
        self._wall_ahead += seconds

    async def sleep(self, seconds: float) -> None:
        """Wait until the clock has been moved by *seconds*; 0 lets other tasks run."""
        if seconds <= 0:
            await asyncio.sleep(0)
            return
        waker = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._order), waker))
        await waker

    @property
    def sleepers(self) -> int:
        """How many sleep now."""
        return sum(not waker.done() for _, _, waker in self._sleepers)

    async def advance(self, seconds: float) -> None:
        """Move time forward by *seconds*, waking whoever is due on the way.

        Raises:
            ValueError: *seconds* is negative.
        """
        if seconds < 0:
            raise ValueError(f"time does not run backwards: {seconds}")
        target = self._now + seconds
        await self._settle()
        while (due := self._next()) is not None and due <= target:
            await self._wake(due)
        self._now = target
        await self._settle()

    async def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Return what *work* returns, moving time to the next sleeper's moment whenever nothing else happens.

        Raises:
            RuntimeError: *work* waits for something that time does not bring, such as a socket.
        """
        task = asyncio.ensure_future(work)
        try:
            await self._settle()
            while not task.done():
                due = self._next()
                if due is None:
                    raise RuntimeError("nobody sleeps, and yet the work is not done: it waits for something else")
                await self._wake(due)
            return await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)

    def _next(self) -> float | None:
        while self._sleepers and self._sleepers[0][2].done():
            heapq.heappop(self._sleepers)
        return self._sleepers[0][0] if self._sleepers else None

    async def _wake(self, due: float) -> None:
        self._now = due
        heapq.heappop(self._sleepers)[2].set_result(None)
        await self._settle()

    async def _settle(self) -> None:
        for _ in range(self._turns):
            await asyncio.sleep(0)
