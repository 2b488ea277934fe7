"""Waiting for what resolvers return: begun together, taken as it comes, given up when nobody needs it."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable, Sequence
from types import CoroutineType
from typing import TYPE_CHECKING, Any, ClassVar, TypeAlias

from graphql.pyutils import AbortSignal
from graphql.pyutils import inspect as describe
from msgspec import Struct

from bff.execution.compiler.plan import FieldPlan

if TYPE_CHECKING:
    from bff.execution.compiler.runtime import Place, Run, Wave

Then = Callable[["Run", "Wave", FieldPlan, list["Waiting"]], None]
"""Goes on with what came at the same time for the same field."""


Places: TypeAlias = "Sequence[Place] | Sequence[int]"


class Waiting(Struct, eq=False):
    """One awaitable, where its value belongs, and what comes then.

    Attributes:
        awaitable: As it was returned; begun when the run waits for the first time.
        wave: Of the parents.
        field: Whose values they are.
        places: Where its value belongs; for a batch the numbers of the parents.
        then: What to do with the value.
        level: In how many lists its values belong.
        extra: What else `then` needs.
        future: What brings the value, once it is begun.
        value: What came.
        error: What was raised instead.
    """

    awaitable: Awaitable[Any]
    wave: "Wave"
    field: FieldPlan
    places: "Places"
    then: Then
    level: int = 0
    extra: Any = None
    future: "asyncio.Future[Any] | None" = None
    value: Any = None
    error: Exception | None = None

    @property
    def place(self) -> "Place":
        """Where its only value belongs; for a batch, its first one."""
        first = self.places[0]
        return (first, ()) if isinstance(first, int) else first

    def is_wanted(self, alive: "Callable[[Wave, Place, FieldPlan], bool]") -> bool:
        """Tell whether any of its values is still wanted."""
        wave, field = self.wave, self.field
        return any(alive(wave, (one, ()) if isinstance(one, int) else one, field) for one in self.places)


class Work(Struct, eq=False):
    """The awaitables of one run.

    Attributes:
        waiting: What has not come yet, in the order in which it was added.
        direct: Whether a single awaitable may be awaited without a task of its own.
    """

    _signal: AbortSignal | None = None
    waiting: dict[Waiting, None] = {}
    _fresh: list[Waiting] = []
    _begun: "dict[asyncio.Future[Any], list[Waiting]]" = {}
    _done: list[Waiting] = []
    _given_up: "list[asyncio.Future[Any]]" = []
    _waker: "asyncio.Future[None] | None" = None
    _signal_task: "asyncio.Task[Any] | None" = None

    direct: ClassVar[bool] = True

    def add(self, one: Waiting) -> None:
        """Wait for *one* from the next `ready` on."""
        self.waiting[one] = None
        self._fresh.append(one)

    def may_begin(self) -> bool:
        """Tell whether a further field of a mutation may begin.

        Raises:
            Exception: The operation has been aborted, and ends here.
        """
        if self.aborted:
            raise self.stopped(started=False)
        return True

    @property
    def aborted(self) -> bool:
        """Whether the caller has aborted the operation."""
        return self._signal is not None and self._signal.aborted

    def stopped(self, *, started: bool) -> Exception:  # noqa: ARG002 - for those who tell the difference
        """Return the error of a field that an abort ended, or kept from beginning."""
        reason = self._signal.reason if self._signal is not None else None
        if isinstance(reason, Exception):
            return reason.with_traceback(getattr(self._signal, "_reason_traceback", reason.__traceback__))
        return TypeError(f"Unexpected error value: {describe(reason)}")

    def cancelled(self) -> Exception:
        """Return the error of a field whose resolver was cancelled although the operation was not.

        Raises:
            CancelledError: As with graphql-core, it ends the operation.
        """
        raise asyncio.CancelledError

    def begin(self, awaitable: Awaitable[Any]) -> "asyncio.Future[Any]":
        """Begin *awaitable*."""
        if type(awaitable) is CoroutineType:
            return asyncio.get_running_loop().create_task(awaitable)
        return asyncio.ensure_future(awaitable)

    def give_up(self, future: "asyncio.Future[Any]") -> None:
        """End *future*, whose value nobody wants any more."""
        future.cancel()

    async def ready(self) -> None:
        """Wait until something has come."""
        if self.direct and self._signal is None and len(self.waiting) == 1:
            (one,) = self.waiting
            if one.future is None:
                await self._directly(one)
                return
        if self._fresh:
            self._begin_fresh()
        if not self._done and not self.aborted:
            waker = self._waker = asyncio.get_running_loop().create_future()
            self.watch(waker)
            try:
                await waker
            finally:
                self._waker = None
                self.unwatch(waker)
        if self.aborted:
            self._stop()

    def watch(self, waker: "asyncio.Future[None]") -> None:  # noqa: ARG002 - for those who wake it themselves
        """Let *waker* be set when the operation is aborted."""
        if self._signal is not None and self._signal_task is None:
            self._signal_task = asyncio.ensure_future(self._signal.wait())
            self._signal_task.add_done_callback(self._wake)

    def unwatch(self, waker: "asyncio.Future[None]") -> None:
        """Forget *waker*."""

    def take(self) -> list[list[Waiting]]:
        """Return what has come, grouped by field and kind; what was given up meanwhile is left out."""
        done, self._done = self._done, []
        waiting = self.waiting
        groups: dict[Any, list[Waiting]] = {}
        for one in done:
            if one not in waiting:
                continue
            del waiting[one]
            future = one.future
            if future is not None:
                if future.cancelled():
                    one.error = self.cancelled()
                elif future.exception() is None:
                    one.value = future.result()
                else:
                    self._fail(one, future.exception())
            if len(done) == 1:
                return [done]
            groups.setdefault((one.then, one.wave, one.field, one.level), []).append(one)
        return list(groups.values())

    def abandon(self, alive: "Callable[[Wave, Place, FieldPlan], bool]") -> None:
        """Give up what only concerns values that are no longer in the result."""
        for one in list(self.waiting):
            if not one.is_wanted(alive):
                self._drop(one)

    async def ended(self) -> None:
        """Wait until what was given up has ended."""
        if self._signal_task is not None:
            self._signal_task.cancel()
            self._given_up.append(self._signal_task)
        if self._given_up:
            await asyncio.gather(*self._given_up, return_exceptions=True)

    async def close(self) -> None:
        """Give everything up and wait for its end."""
        self.drop_all()
        await self.ended()

    def drop_all(self) -> None:
        """Give everything up."""
        for one in list(self.waiting):
            self._drop(one)

    async def _directly(self, one: Waiting) -> None:
        self._fresh = []
        try:
            one.value = await one.awaitable
        except Exception as error:  # noqa: BLE001 - it belongs to a field
            one.error = error
        self._done.append(one)

    def _begin_fresh(self) -> None:
        fresh, self._fresh = self._fresh, []
        waiting, begun, begin, came, aborted = self.waiting, self._begun, self.begin, self._came, self.aborted
        for one in fresh:
            if one not in waiting:
                continue
            if aborted:
                close(one.awaitable)
                self._failed(one, self.stopped(started=False))
                continue
            try:
                future = one.future = begin(one.awaitable)
            except Exception as error:  # noqa: BLE001 - what a predicate called awaitable is not
                self._failed(one, error)
                continue
            if future in begun:
                begun[future].append(one)
            else:
                begun[future] = [one]
                future.add_done_callback(came)

    def _failed(self, one: Waiting, error: Exception) -> None:
        one.future, one.error = None, error
        self._done.append(one)

    def _came(self, future: "asyncio.Future[Any]") -> None:
        self._done += self._begun.pop(future, ())
        waker = self._waker
        if waker is not None and not waker.done():
            waker.set_result(None)

    def _wake(self, _: object = None) -> None:
        if self._waker is not None and not self._waker.done():
            self._waker.set_result(None)

    def _fail(self, one: Waiting, error: BaseException | None) -> None:
        if not isinstance(error, Exception):
            assert error is not None, "only called with one"
            raise error
        one.error = error

    def _stop(self) -> None:
        for future, users in list(self._begun.items()):
            del self._begun[future]
            future.remove_done_callback(self._came)
            if future.done():
                self._done += users
                continue
            self._give_up(future)
            for one in users:
                self._failed(one, self.stopped(started=True))

    def _give_up(self, future: "asyncio.Future[Any]") -> None:
        self._given_up.append(future)
        self.give_up(future)

    def _drop(self, one: Waiting) -> None:
        self.waiting.pop(one, None)
        future = one.future
        if future is None:
            close(one.awaitable)
            return
        users = self._begun.get(future, [])
        if one in users:
            users.remove(one)
        if not users:
            self._begun.pop(future, None)
            future.remove_done_callback(self._came)
            if not future.done():
                self._give_up(future)
            elif not future.cancelled():
                future.exception()


def close(awaitable: Awaitable[Any]) -> None:
    """Close a coroutine that will not be begun."""
    if inspect.iscoroutine(awaitable):
        awaitable.close()
