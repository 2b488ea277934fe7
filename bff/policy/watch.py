"""Notices that the files in a folder of policies have changed.

It looks, a few times a second, instead of asking the system to be told: the system knows nothing of changes on
network file systems, runs out of watches where containers share them, and loses a folder that is replaced as a
whole. A look takes a tenth of a millisecond, in a thread.
"""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

from bff.clock import Clock

INTERVAL: Final = 0.25
"""Seconds between two looks."""

State = tuple[tuple[str, int, int, int], ...]
"""Name, time of change, size and number of each file."""

_UNREAD: Final = frozenset({"schema", "__pycache__"})
_MOST: Final = 20_000
_DEEPEST: Final = 3


class Watch:
    """Tells when files have changed and nobody writes any more.

    A change is told when two looks in a row have found the same, so that files which are replaced one after the
    other are read together. It is told once, whatever comes of it.

    Args:
        look: Returns the state of the files.
        changed: Is told.
        clock: For the time between two looks.
        known: The state that was read already; None tells of the first one found.
    """

    def __init__(
        self,
        look: Callable[[], Awaitable[State]],
        changed: Callable[[], object],
        *,
        clock: Clock,
        known: State | None,
    ) -> None:
        self._look = look
        self._changed = changed
        self._clock = clock
        self._known = known
        self._task: asyncio.Task[None] | None = None

    @property
    def running(self) -> bool:
        """Whether it looks."""
        return self._task is not None

    def start(self) -> None:
        """Begin to look; needs a running event loop."""
        if self._task is None:
            self._task = asyncio.create_task(self._watch(), name="policy files")

    async def close(self) -> None:
        """Stop."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait({self._task})
            self._task = None

    async def _watch(self) -> None:
        last: State | None = None
        while True:
            await self._clock.sleep(INTERVAL)
            found = await self._look()
            if found != self._known and found == last:
                self._known = found
                self._changed()
            last = found


def state_of(folder: Path | None) -> State:
    """Return the state of all files below *folder* that may be policies or documents; links are followed.

    Files that cannot be looked at are not there. Kubernetes replaces a folder of links at once, which shows as
    other numbers of all files. No folder has no files.
    """
    found: list[tuple[str, int, int, int]] = []
    if folder is not None:
        _collect(str(folder), "", 0, found)
    return tuple(sorted(found))


def _collect(folder: str, prefix: str, depth: int, found: list[tuple[str, int, int, int]]) -> None:
    try:
        entries = list(os.scandir(folder))
    except OSError:
        return
    for entry in entries:
        if entry.name.startswith(".") or entry.name in _UNREAD or len(found) >= _MOST:
            continue
        try:
            if entry.is_dir():
                if depth < _DEEPEST:
                    _collect(entry.path, f"{prefix}{entry.name}/", depth + 1, found)
                continue
            status = entry.stat()
        except OSError:
            continue
        found.append((prefix + entry.name, status.st_mtime_ns, status.st_size, status.st_ino))
