"""Processes tell each other which services they have begun to leave alone: a hint, never an order (CB-12)."""

import asyncio
from collections.abc import Mapping

from bff.clock import Clock
from bff.events import BreakerCause, BreakerChanged, Event
from bff.store import Store, StoreUnavailable
from bff.upstream.pipeline.circuit import CircuitBreaker

_FOUND_OUT: frozenset[BreakerCause] = frozenset({"failure_rate", "slow_rate", "consecutive_failures"})
"""Causes that a process has seen for itself; what follows from a hint is not passed on."""


class Hints:
    """Passes on that a breaker has opened, and lets others take a closer look.

    Who hears of it lets a few probes through instead of all calls, and so finds out for itself: one process that
    cannot reach a service keeps no other from using it. Nothing of this is on the way of a call.

    Args:
        store: How processes hear of each other.
        clock: For breakers.
    """

    def __init__(self, store: Store, *, clock: Clock) -> None:
        self._store = store
        self._clock = clock
        self._circuits: dict[tuple[str, str], CircuitBreaker] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        store.listen_hints(self.hear)

    def watch(self, circuits: Mapping[tuple[str, str], CircuitBreaker]) -> None:
        """Tell of *circuits*, by upstream and group, and listen for them, and for no others any more."""
        self._circuits = dict(circuits)

    def notify(self, event: Event) -> None:
        """Hear of an event; a breaker that opened of its own accord is told to others."""
        if not isinstance(event, BreakerChanged) or event.after != "open" or event.cause not in _FOUND_OUT:
            return
        if self._store.shared and (event.upstream, event.group) in self._circuits:
            task = asyncio.create_task(self._tell(event.upstream, event.group), name="breaker hint")
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _tell(self, upstream: str, group: str) -> None:
        try:
            await self._store.hint((upstream, group))
        except StoreUnavailable:
            return

    def hear(self, hint: tuple[str, str]) -> None:
        """Take a closer look at what another process has opened its breaker for."""
        circuit = self._circuits.get(hint)
        if circuit is not None:
            circuit.suspect(self._clock.now())

    async def close(self) -> None:
        """End what is under way."""
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)
