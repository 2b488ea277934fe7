"""One snapshot a second for everybody who watches, made once however many do."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import orjson

from bff.clock import Clock

EVERY: Final = 1.0
"""Seconds between snapshots."""

LONGEST: Final = 600.0
"""Seconds after which a stream ends, so that who may watch is asked again; pages open a new one."""

MOST: Final = 50
"""Streams at once."""


class TooMany(Exception):
    """As many as may are watching already."""


class Stream:
    """Server-sent events (HTML, 9.2) with snapshots.

    Args:
        take: Returns the snapshot of all workers.
        ended: Whether the process is about to end.
        clock: Paces it.
    """

    def __init__(
        self, take: Callable[[], Awaitable[dict[str, Any]]], ended: Callable[[], bool], *, clock: Clock
    ) -> None:
        self._take = take
        self._ended = ended
        self._clock = clock
        self._watching = 0
        self._latest = b""
        self._due = float("-inf")
        self._turn: asyncio.Task[None] | None = None

    @property
    def watching(self) -> int:
        """How many streams are open."""
        return self._watching

    def open(self, seconds: float = LONGEST) -> AsyncIterator[bytes]:
        """Return the events of one stream, which ends after *seconds* or with the process.

        Raises:
            TooMany: There are `MOST` already.
        """
        if self._watching >= MOST:
            raise TooMany
        return self._events(self._clock.now() + min(seconds, LONGEST))

    async def _events(self, end: float) -> AsyncIterator[bytes]:
        self._watching += 1
        try:
            while not self._ended() and self._clock.now() < end:
                await asyncio.shield(self._next())
                yield b"event: snapshot\ndata: " + self._latest + b"\n\n"
            yield b"event: end\ndata: {}\n\n"
        finally:
            self._watching -= 1

    def _next(self) -> asyncio.Task[None]:
        """Return the turn that all watchers wait for; the first one begins it."""
        if self._turn is None or self._turn.done():
            self._turn = asyncio.create_task(self._make(), name="console snapshot")
        return self._turn

    async def _make(self) -> None:
        await self._clock.sleep(max(0.0, self._due - self._clock.now()))
        self._due = self._clock.now() + EVERY
        self._latest = orjson.dumps(await self._take())

    async def close(self) -> None:
        """Make no more snapshots."""
        if self._turn is not None:
            self._turn.cancel()
            await asyncio.gather(self._turn, return_exceptions=True)
