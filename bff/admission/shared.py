"""Counting together with other processes, in Redis; and what happens when Redis is away (RL-18, RL-19)."""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Protocol

from bff.admission.buckets import Charge, Counted, Decision, State
from bff.admission.local import LocalLimiter
from bff.admission.script import GIVE_BACK, TAKE, Told, arguments, read
from bff.events import LimiterDegraded, Notify
from bff.store import StoreUnavailable

MOST_AT_ONCE = 100
"""Requests in one call of the script, so that Redis is never held up for long."""

_OPEN = State(over=False, remaining=0, reset=0)


class Scripts(Protocol):
    """A Redis that runs scripts, within a bounded time."""

    async def evaluate(self, script: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """Return what *script* returns.

        Raises:
            StoreUnavailable: Nothing, in its time.
        """


class SharedLimiter:
    """Counts in Redis; while it is away each limit does what its policy says.

    Requests that ask in the same turn of the event loop travel together. What Redis says is noted in this process
    as well, so that its share is as full as the whole when Redis goes away.

    Args:
        store: Runs the scripts.
        local: Counts meanwhile.
        notify: Told when that begins and ends.
    """

    def __init__(self, store: Scripts, local: LocalLimiter, notify: Notify) -> None:
        self._store = store
        self._local = local
        self._notify = notify
        self._waiting: list[tuple[Sequence[Charge], asyncio.Future[Decision]]] = []
        self._travelling: set[asyncio.Task[None]] = set()
        self.degraded = False
        """Whether Redis is away."""

    def take(self, charges: Sequence[Charge]) -> Awaitable[Decision]:
        """Take *charges*, all or none; never fails."""
        loop = asyncio.get_running_loop()
        if not self._waiting:
            loop.call_soon(self._depart)
        decided: asyncio.Future[Decision] = loop.create_future()
        self._waiting.append((charges, decided))
        return decided

    def _depart(self) -> None:
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), MOST_AT_ONCE):
            task = asyncio.create_task(self._travel(waiting[start : start + MOST_AT_ONCE]), name="limits")
            self._travelling.add(task)
            task.add_done_callback(self._travelling.discard)

    async def _travel(self, waiting: Sequence[tuple[Sequence[Charge], "asyncio.Future[Decision]"]]) -> None:
        requests = [charges for charges, _ in waiting]
        decisions: Sequence[Decision]
        try:
            told = read(await self._store.evaluate(TAKE, *arguments(requests)), requests)
        except Exception:  # noqa: BLE001 - nobody waits for ever, or fails, because a limit could not be counted
            self._turn(degraded=True)
            decisions = [self.alone(charges) for charges in requests]
        else:
            self._turn(degraded=False)
            decisions = [self._together(*one) for one in zip(requests, told, strict=True)]
        for (_, decided), decision in zip(waiting, decisions, strict=True):
            if not decided.done():
                decided.set_result(decision)

    def _together(self, charges: Sequence[Charge], told: Told) -> Decision:
        for charge, debt in zip(charges, told.debts, strict=True):
            self._local.note(charge, debt)
        return Decision(told.states, told.refused, "store")

    def alone(self, charges: Sequence[Charge]) -> Decision:
        """Decide without Redis, each limit as its policy says."""
        for place, charge in enumerate(charges):
            if charge.bucket.on_store_error == "closed" and charge.bucket.enforced:
                return Decision((), place, "nowhere")
        counted = [charge.bucket.on_store_error == "local" for charge in charges]
        decision = self._local.take([charge for charge, here in zip(charges, counted, strict=True) if here])
        if all(counted):
            return decision
        known = iter(decision.states)
        states = [next(known) if here else _OPEN for here in counted]
        places = [place for place, here in enumerate(counted) if here]
        return Decision(states, None if decision.refused is None else places[decision.refused], decision.counted)

    def _turn(self, *, degraded: bool) -> None:
        if degraded != self.degraded:
            self.degraded = degraded
            self._notify(LimiterDegraded(degraded))

    async def give_back(self, charges: Sequence[Charge], counted: Counted) -> None:
        """Give back what was taken and not needed; nothing where Redis counted it and is away (RL-10)."""
        if counted != "store":
            self._local.give_back(charges)
            return
        words = [word for bucket, _, cost in charges for word in (bucket.law.price(cost), bucket.law.tolerance)]
        try:
            await self._store.evaluate(GIVE_BACK, [charge.key for charge in charges], words)
        except StoreUnavailable:
            return
