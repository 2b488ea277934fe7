"""The way out: say no to probes, go on answering, close the door, finish, and only then cancel (DR-1, DR-2)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, Protocol

from bff.clock import Clock
from bff.events import Notify
from bff.policy.model import Drain
from bff.server.events import DrainAdvanced, Step
from bff.server.lifecycle import Lifecycle

_POLL: Final = 0.05

LAST_WORDS: Final = 2.0
"""Seconds for the final errors of cancelled operations to reach their clients."""


class Door(Protocol):
    """Where connections come in."""

    def announce_closing(self) -> None:
        """Send `connection: close` with every answer from now on."""

    def close(self) -> None:
        """Accept no more connections and close the idle ones."""

    def busy(self) -> bool:
        """Whether any request is still being answered."""


async def drain(
    policy: Drain, lifecycle: Lifecycle, door: Door, *, hurry: asyncio.Event, clock: Clock, notify: Notify
) -> None:
    """Empty the process and return when nothing is in flight.

    Readiness says no at once, while requests still come in for `policy.delay`, because load balancers notice late.
    Setting *hurry* skips to cancelling what is left.
    """

    def tell(step: Step) -> None:
        notify(DrainAdvanced(step, len(lifecycle.in_flight)))

    lifecycle.drain()
    door.announce_closing()
    tell("draining")
    await _until(lambda: False, policy.delay.total_seconds(), clock, hurry)
    door.close()
    tell("closed")
    await _until(lambda: not door.busy(), policy.timeout.total_seconds(), clock, hurry)
    if door.busy():
        tell("cancelled")
    lifecycle.stop()
    await _until(lambda: not door.busy(), LAST_WORDS, clock, asyncio.Event())
    tell("finished")


async def _until(done: Callable[[], bool], seconds: float, clock: Clock, hurry: asyncio.Event) -> None:
    """Return when *done*, after *seconds*, or on *hurry*, whichever comes first."""
    end = clock.now() + seconds
    while not done() and not hurry.is_set() and (left := end - clock.now()) > 0:
        await _first(clock.sleep(min(left, _POLL)), hurry.wait())


async def _first(*waits: Awaitable[object]) -> None:
    tasks = [asyncio.ensure_future(wait) for wait in waits]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
