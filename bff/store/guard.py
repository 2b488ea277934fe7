"""Bounds every command and leaves a failing node alone (CA-19)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from redis.exceptions import RedisError

from bff.clock import Clock
from bff.events import Notify, StoreFailed
from bff.policy.caching import StorePolicy
from bff.store import StoreUnavailable
from bff.store.breaker import StoreBreaker

T = TypeVar("T")

_FAILURES = (RedisError, OSError, asyncio.TimeoutError, ValueError, LookupError)
_SLACK = 0.05
"""Seconds beyond connecting, waiting and answering after which a command is given up whatever it is doing."""


class Guard:
    """One breaker for each node, and a bound on how long callers wait.

    Args:
        policy: Times and breaker.
        use: Names the store in events.
        clock: For the breakers.
        notify: Told of failed commands.
    """

    def __init__(self, policy: StorePolicy, *, use: str, clock: Clock, notify: Notify) -> None:
        connect, command = policy.connect_timeout.total_seconds(), policy.command_timeout.total_seconds()
        wait = policy.pool_wait.total_seconds()
        self._patience = max(command, wait)
        self._limit = connect + command + wait + _SLACK
        self._policy = policy
        self._use = use
        self._clock = clock
        self._notify = notify
        self._breakers: dict[str, StoreBreaker] = {}
        self._late: set[asyncio.Task[Any]] = set()

    def is_open(self, node: str) -> bool:
        """Return whether *node* is being left alone."""
        breaker = self._breakers.get(node)
        return breaker is not None and breaker.is_open

    def _breaker(self, node: str) -> StoreBreaker:
        breaker = self._breakers.get(node)
        if breaker is None:
            policy = self._policy
            breaker = self._breakers[node] = StoreBreaker(
                policy.breaker_errors,
                policy.breaker_open.total_seconds(),
                policy.breaker_open_max.total_seconds(),
                clock=self._clock,
            )
        return breaker

    async def run(self, node: str, command: Callable[[], Awaitable[T]]) -> T:
        """Return what *command* brings from *node*.

        Nobody waits longer than for one command, or for one turn in the pool. What else it needs, such as a new
        connection, goes on without the caller, so that the next one finds it.

        Raises:
            StoreUnavailable: Nothing, in its time.
        """
        breaker = self._breaker(node)
        if not breaker.permit():
            self._notify(StoreFailed(self._use, "left alone after failures", refused=True))
            raise StoreUnavailable("left alone after failures", waited=False)
        task = asyncio.ensure_future(self._bounded(command))
        self._late.add(task)
        task.add_done_callback(self._ended)
        await asyncio.wait([task], timeout=self._patience)
        if not task.done():
            raise self._failed(breaker, f"no answer within {self._patience * 1000:g} ms")
        try:
            found = task.result()
        except _FAILURES as error:
            raise self._failed(breaker, f"{type(error).__name__}: {error}") from error
        breaker.succeeded()
        return found

    async def _bounded(self, command: Callable[[], Awaitable[T]]) -> T:
        async with asyncio.timeout(self._limit):
            return await command()

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._late.discard(task)
        if not task.cancelled():
            task.exception()

    def _failed(self, breaker: StoreBreaker, reason: str) -> StoreUnavailable:
        breaker.failed()
        self._notify(StoreFailed(self._use, reason, refused=False))
        return StoreUnavailable(reason)

    async def close(self) -> None:
        """End what is still under way."""
        for task in self._late:
            task.cancel()
        if self._late:
            await asyncio.wait(self._late)
