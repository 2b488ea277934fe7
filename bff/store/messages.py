"""What replicas tell one another: which tags they have forgotten, and that they are there (CA-18).

Messages may be lost. So whoever begins to listen drops its own copies, and silence is noticed.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, Final

from redis.exceptions import RedisError

from bff.clock import Clock
from bff.store import Listener, StoreUnavailable
from bff.store.connect import Client

HEARTBEAT: Final = 5.0
"""Seconds between signs of life."""
_PATIENCE = 15.0
_PAUSE = 1.0
_FAILURES = (RedisError, OSError, asyncio.TimeoutError)


class Messages:
    """Listens on one channel, again and again, until closed.

    Args:
        open_: Makes the client that listens, which waits for as long as nothing comes.
        channel: Its name.
        clock: Measures silence and pauses.

    Attributes:
        channel: Its name.
    """

    def __init__(self, open_: Callable[[], Client], channel: str, *, clock: Clock) -> None:
        self._open = open_
        self.channel = channel
        self._clock = clock
        self._listeners: list[Listener] = []
        self._hear_hints: list[Callable[[tuple[str, str]], None]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._heard = clock.now()

    def listen(self, listener: Listener) -> None:
        """Tell *listener*, from now on."""
        self._listeners.append(listener)

    def listen_hints(self, hear: Callable[[tuple[str, str]], None]) -> None:
        """Tell *hear* of hints, from now on."""
        self._hear_hints.append(hear)

    @staticmethod
    def forgetting(tags: Sequence[str]) -> str:
        """Return the message that *tags* are forgotten; without tags, a sign of life."""
        return json.dumps(list(tags))

    @staticmethod
    def hinting(hint: tuple[str, str]) -> str:
        """Return the message that the breaker of an upstream's group has opened."""
        return json.dumps({"opened": hint})

    def silent_for(self) -> float:
        """Return the seconds since the last message."""
        return self._clock.now() - self._heard if self._tasks else 0.0

    def start(self, beat: Callable[[], Awaitable[None]]) -> None:
        """Begin to listen, and to give signs of life by *beat*."""
        if not self._tasks:
            self._tasks = [
                asyncio.create_task(self._hear(), name="store messages"),
                asyncio.create_task(self._give_signs(beat), name="store heartbeat"),
            ]

    async def _give_signs(self, beat: Callable[[], Awaitable[None]]) -> None:
        while True:
            with suppress(StoreUnavailable):
                await beat()
            await self._clock.sleep(HEARTBEAT)

    async def _hear(self) -> None:
        while True:
            client = self._open()
            try:
                await self._subscription(client)
            except _FAILURES:
                pass
            finally:
                with suppress(*_FAILURES):
                    await client.aclose()
            await self._clock.sleep(_PAUSE)

    async def _subscription(self, client: Client) -> None:
        """Pass on what comes, until the connection ends or falls silent."""
        async with client.pubsub() as subscription:
            async with asyncio.timeout(_PATIENCE):
                await subscription.subscribe(self.channel)
            while True:
                message = await subscription.get_message(timeout=_PATIENCE)
                if message is None:
                    return
                self._take(message)

    def _take(self, message: dict[str, Any]) -> None:
        self._heard = self._clock.now()
        if message["type"] == "subscribe":
            for listener in self._listeners:
                listener.uncertain()
        elif message["type"] == "message":
            self._read(message["data"])

    def _read(self, text: bytes) -> None:
        """Pass on what *text* says; what is not ours says nothing."""
        try:
            said = json.loads(text)
        except ValueError:
            return
        if isinstance(said, list) and said:
            for listener in self._listeners:
                listener.forgotten([str(tag) for tag in said])
        elif isinstance(said, dict) and isinstance(opened := said.get("opened"), list) and len(opened) == 2:  # noqa: PLR2004 - upstream and group
            for hear in self._hear_hints:
                hear((str(opened[0]), str(opened[1])))

    async def close(self) -> None:
        """Stop listening."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
        self._tasks = []
