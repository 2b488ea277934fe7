"""Puts the console of one process together."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Final

from fastapi import APIRouter

from bff.console.audit import Audit
from bff.console.guard import Guard, Lock
from bff.console.live import InForce, Live, Process
from bff.console.page import page_routes
from bff.console.readings import Readings
from bff.console.routes import Console
from bff.events import Notify
from bff.server.colleagues import Colleagues
from bff.server.lifecycle import Phase
from bff.server.ports import ASGIApp

EVERY: Final = 1.0
"""Seconds between readings."""


class ConsoleParts:
    """The console of one process.

    Args:
        process: What it looks at, and what lives as long.
        in_force: Returns what may be exchanged while the process runs.
        audit: The last actions; it has to hear of events.
        assets: The folder that `make web` wrote.
        colleagues: The other workers.
        notify: Hears of actions.

    Attributes:
        routes: For the admin port.
    """

    def __init__(
        self,
        process: Process,
        in_force: Callable[[], InForce],
        audit: Audit,
        *,
        assets: Path,
        colleagues: Colleagues,
        notify: Notify,
    ) -> None:
        lifecycle, self._clock = process.lifecycle, process.clock
        self._development = process.development
        self._in_force = in_force
        self._colleagues = colleagues
        self._notify = notify
        self._live = Live(process, Readings())
        self._console = Console(
            self._live,
            in_force,
            audit,
            colleagues=colleagues,
            clock=process.clock,
            ended=lambda: lifecycle.phase is Phase.STOPPING,
        )
        self.routes: tuple[APIRouter, ...] = (
            page_routes(assets),
            self._console.router(),
        )
        self._task: asyncio.Task[None] | None = None

    def around(self, admin: ASGIApp) -> ASGIApp:
        """Return *admin* with a lock before it."""

        def lock() -> Lock:
            now = self._in_force()
            return Lock(now.policies.console, now.authenticator)

        return Guard(admin, lock, colleagues=self._colleagues, development=self._development, notify=self._notify)

    def start(self) -> None:
        """Begin to keep a minute of history; needs a running event loop."""
        self._task = asyncio.create_task(self._read(), name="console readings")

    async def close(self) -> None:
        """End what runs in the background."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._console.stream.close()

    async def _read(self) -> None:
        while True:
            self._live.note()
            await self._clock.sleep(EVERY)
