"""The awaitables of one operation: started at once, waited for one by one, stopped together."""

import asyncio
from collections.abc import Awaitable, Coroutine, Generator
from inspect import CORO_CREATED, getcoroutinestate
from types import CoroutineType
from typing import Any, TypeGuard, TypeVar

from graphql.pyutils import AbortController, AbortSignal, is_awaitable
from msgspec import Struct

from bff.clock import Clock
from bff.errors import OperationStopped, ResolverCancelled

T = TypeVar("T")

_NEVER_AWAITABLE = frozenset({type(None), bool, int, float, str, bytes, list, tuple, dict, set, frozenset})


class Flight(Struct, eq=False):  # a struct, as it is made for each request: one call in C makes it
    """What the resolvers of one operation have under way.

    Each awaitable that a resolver returns becomes a task of its own. So a resolver that is cancelled fails its own
    field only (PD-14), the deadline answers at once even when a resolver is slow to give up, and nothing outlives
    the operation unseen.

    A bare future (as a loader returns) is waited for and never cancelled, because others may wait for it too (F6).

    Attributes:
        stopped: Whether nothing may begin any more, and what is pending counts as failed.
    """

    stopped: bool = False
    _controller: AbortController | None = None
    _tasks: "set[asyncio.Task[Any]]" = set()
    _made: "list[CoroutineType[Any, Any, Any]]" = []
    _waiters: "dict[asyncio.Future[None], None]" = {}

    @property
    def signal(self) -> AbortSignal:
        """Tells resolvers, as `info.abort_signal`, that the operation has been stopped."""
        if self._controller is None:
            self._controller = AbortController()
            if self.stopped:
                self._controller.abort(OperationStopped(started=True))
        return self._controller.signal

    def is_awaitable(self, value: Any) -> TypeGuard[Awaitable[Any]]:
        """Return whether *value* can be awaited; a coroutine is remembered, so that `ended` can dispose of it."""
        if type(value) in _NEVER_AWAITABLE:
            return False
        if isinstance(value, CoroutineType):
            self._made.append(value)
            return True
        return is_awaitable(value)

    def start(self, awaitable: Awaitable[T]) -> Awaitable[T]:
        """Begin *awaitable*; after `stop` it is closed instead."""
        if self.stopped:
            if isinstance(awaitable, Coroutine):
                awaitable.close()
            return _NotBegun()
        future = asyncio.ensure_future(awaitable)
        if isinstance(future, asyncio.Task):
            self._keep(future)
        return future

    def end(self, task: "asyncio.Task[Any]") -> None:
        """Cancel *task*, which somebody else has begun; `ended` waits for its end."""
        self._keep(task)
        _give_up(task)

    async def wait(self, awaitable: Awaitable[T]) -> T:
        """Return what *awaitable* brings; one that `start` returned is not begun again.

        Raises:
            OperationStopped: The operation was stopped before the value was there.
            ResolverCancelled: The awaitable was cancelled by somebody else.
        """
        begun = awaitable if isinstance(awaitable, asyncio.Future) else self.start(awaitable)
        if not isinstance(begun, asyncio.Future):
            raise OperationStopped(started=False)
        future: asyncio.Future[T] = begun
        if not self.stopped and not future.done():
            await self._done_or_stopped(future)
        if future.done():
            if future.cancelled():
                raise OperationStopped(started=True) if self.stopped else ResolverCancelled
            return future.result()
        _give_up(future)
        raise OperationStopped(started=True)

    async def _done_or_stopped(self, future: "asyncio.Future[Any]") -> None:
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def wake(_: object) -> None:
            if not waiter.done():
                waiter.set_result(None)

        future.add_done_callback(wake)
        self._waiters[waiter] = None
        try:
            await waiter
        except asyncio.CancelledError:
            _give_up(future)
            raise
        finally:
            self._waiters.pop(waiter, None)
            future.remove_done_callback(wake)

    def watch(self, waiter: "asyncio.Future[None]") -> None:
        """Let `stop` set *waiter*, until `unwatch`."""
        self._waiters[waiter] = None

    def unwatch(self, waiter: "asyncio.Future[None]") -> None:
        """Leave *waiter* alone from now on."""
        self._waiters.pop(waiter, None)

    def abandon(self, awaitables: list[Awaitable[Any]]) -> None:
        """End *awaitables* whose values nobody wants any more."""
        for awaitable in awaitables:
            future = self.start(awaitable)
            if isinstance(future, asyncio.Task):
                # It gets its first step, so that what it holds is waited for and cancelled in turn.
                asyncio.get_running_loop().call_soon(future.cancel)

    def stop(self) -> None:
        """Let everything pending fail with `OperationStopped`, now."""
        if self.stopped:
            return
        self.stopped = True
        if self._controller is not None:
            self._controller.abort(OperationStopped(started=True))
        for waiter in list(self._waiters):
            if not waiter.done():
                waiter.set_result(None)

    async def ended(self, clock: Clock, patience: float) -> set["asyncio.Task[Any]"]:
        """Cancel what is still running and return what has not ended after *patience* seconds."""
        self.stopped = True
        left = await self._cancelled(clock, patience) if self._tasks else set()
        for coroutine in self._made:
            if getcoroutinestate(coroutine) == CORO_CREATED:
                coroutine.close()
        return left

    async def _cancelled(self, clock: Clock, patience: float) -> set["asyncio.Task[Any]"]:
        for task in self._tasks:
            _give_up(task)
        left = set(self._tasks)
        alarm = asyncio.ensure_future(clock.sleep(patience))
        try:
            while left and not alarm.done():
                await asyncio.wait({*left, alarm}, return_when=asyncio.FIRST_COMPLETED)
                left = {task for task in left if not task.done()}
        finally:
            alarm.cancel()
            await asyncio.wait({alarm})
        return left

    def _keep(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._tasks.discard(task)
        if not task.cancelled():
            task.exception()


def _give_up(future: "asyncio.Future[Any]") -> None:
    """Cancel *future* if that is for us to do; once only, so that it can clear up in peace."""
    if isinstance(future, asyncio.Task) and not future.cancelling():
        future.cancel()


class _NotBegun:
    """Stands for an awaitable that came after the stop."""

    def __await__(self) -> Generator[Any, None, Any]:
        raise OperationStopped(started=False)
