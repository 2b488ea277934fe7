"""Gets registered documents ready beside the requests: parsed, validated, costed, compiled, a little at a time."""

import asyncio
from collections.abc import Callable
from itertools import islice
from typing import Literal, Protocol

from bff.clock import Clock
from bff.events import DocumentsPrepared, DocumentUnusable, Notify
from bff.execution.documents import Document, Refused
from bff.execution.trusted.registry import Registry

SHARE = 0.5
"""The part of the time that may be spent on it; the rest belongs to requests."""

_TOLD_EVERY = 1000
_SHORTEST_PAUSE = 0.0005


class Shelf(Protocol):
    """Where documents get ready, in a thread of its own."""

    async def prepare(self, text: str) -> Document:
        """Return the document with this *text*, however long that takes.

        Raises:
            Refused: It cannot be run.
        """


class Preparation:
    """The work of one process on its registered documents.

    Args:
        registry: What is registered.
        shelf: Where documents get ready.
        warm: Compiles the operations of a document; runs in a thread.
        most: So many documents at most.
        clock: Tells how long it takes.
        notify: Hears of progress, and of documents that cannot be used.
    """

    def __init__(
        self,
        registry: Registry,
        shelf: Shelf,
        warm: Callable[[Document], None],
        *,
        most: int,
        clock: Clock,
        notify: Notify,
    ) -> None:
        self._registry = registry
        self._shelf = shelf
        self._warm = warm
        self._clock = clock
        self._notify = notify
        self._task: asyncio.Task[None] | None = None
        self.total = min(len(registry), most)
        self.done = 0
        self.failed = 0

    def start(self) -> None:
        """Begin; needs a running event loop."""
        if self.total:
            self._task = asyncio.create_task(self.run(), name="registered documents")

    async def close(self) -> None:
        """Give up what is not ready."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    def check(self) -> Literal["ready", "degraded"]:
        """Return `degraded` while documents are missing: they work, and the first request for each is slower."""
        return "ready" if self.done >= self.total else "degraded"

    async def run(self) -> None:
        """Get all of them ready."""
        began = self._clock.now()
        for registered, known in islice(self._registry.texts(), self.total):
            started = self._clock.now()
            try:
                document = await self._shelf.prepare(known.text)
                await asyncio.to_thread(self._warm, document)
            except Refused as error:
                self.failed += 1
                self._notify(DocumentUnusable(registered.id, registered.name, error.errors[0].message))
            self.done += 1
            if self.done % _TOLD_EVERY == 0 or self.done == self.total:
                self._notify(DocumentsPrepared(self.done, self.total, self.failed, self._clock.now() - began))
            took = self._clock.now() - started
            await self._clock.sleep(max(_SHORTEST_PAUSE, took * (1 - SHARE) / SHARE))
