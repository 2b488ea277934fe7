"""Coroutines that are begun outside a task, because most of them end before they have to wait."""

import asyncio
from collections.abc import Coroutine, Generator
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class Begun(Generic[T]):
    """The rest of *coroutine*, which waits for *waited*, for a task to await."""

    __slots__ = ("_coroutine", "_waited")

    def __init__(self, coroutine: Coroutine[Any, Any, T], waited: Any) -> None:
        self._coroutine = coroutine
        self._waited = waited

    def __await__(self) -> Generator[Any, Any, T]:
        coroutine, waited = self._coroutine, self._waited
        try:
            while True:
                try:
                    yield waited
                except BaseException as error:  # noqa: BLE001 - a cancellation is the coroutine's to answer
                    waited = coroutine.throw(error)
                else:
                    waited = coroutine.send(None)
        except StopIteration as done:
            result: T = done.value
            return result


async def in_a_task() -> None:
    """Return in a task: what was begun outside one goes on in one.

    Await this before anything that needs the current task, such as a time limit.
    """
    if asyncio.current_task() is None:
        await asyncio.sleep(0)
