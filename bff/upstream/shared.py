"""One call for all who ask the same within an operation; one asker's leaving harms nobody else (CA-12, DL-3)."""

import asyncio
from collections.abc import Awaitable, Callable, Hashable, MutableMapping
from typing import Any, Generic, TypeVar

from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome

V = TypeVar("V")


class Shared(Generic[V]):
    """A call that runs in a task of its own, and afterwards the value that it brought.

    A waiter may leave at any time without harm to the others; a call that nobody waits for any more is cancelled
    (DL-3). A failure is told to all who wait and then forgotten, so that whoever asks later tries again.

    Args:
        known: Where others find this call; it enters itself, and leaves when it failed or was given up.
        key: Under which they find it.
        name: What errors call it, as text.
        fetch: Makes the call.
        arguments: What *fetch* takes.
    """

    __slots__ = ("_key", "_known", "_name", "_task", "_value", "_waiters")

    def __init__(
        self,
        known: MutableMapping[Any, Any],
        key: Hashable,
        name: object,
        fetch: Callable[..., Awaitable[V]],
        *arguments: Any,
    ) -> None:
        self._known = known
        self._key = key
        self._name = name
        self._value: V
        self._waiters: list[asyncio.Future[Exception | None]] | None = []
        self._task = asyncio.get_running_loop().create_task(self._run(fetch, arguments))
        known[key] = self

    async def value(self) -> V:
        """Return what the call brings; at once, where it has.

        Raises:
            Exception: Why it brought nothing; a fresh instance of an `UpstreamError`.
        """
        if self._waiters is not None:
            waiter: asyncio.Future[Exception | None] = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                error = await waiter
            except BaseException:
                self._leave(waiter)
                raise
            if error is not None:
                raise own(error)
        return self._value

    async def _run(self, fetch: Callable[..., Awaitable[V]], arguments: tuple[Any, ...]) -> None:
        try:
            self._value = await fetch(*arguments)
        except Exception as error:  # noqa: BLE001 - told to those who wait
            self._end(error)
        except BaseException:
            self._end(UpstreamError(Outcome.CANCELLED, f"{self._name}: the call was cancelled"))
            raise
        else:
            self._end(None)

    def _end(self, error: Exception | None) -> None:
        """Tell all who wait, without keeping *error*, whose traceback knows this object."""
        if error is not None:
            self._forget()
        waiters, self._waiters = self._waiters or (), None
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(error)

    def _leave(self, waiter: "asyncio.Future[Exception | None]") -> None:
        if self._waiters is None:
            return
        self._waiters.remove(waiter)
        if not self._waiters:
            self._forget()
            self._task.cancel()

    def _forget(self) -> None:
        if self._known.get(self._key) is self:
            del self._known[self._key]


def own(error: Exception) -> Exception:
    """Return *error* as an instance for one reader, where it is one that is told to several."""
    return error.fresh() if isinstance(error, UpstreamError) else error
