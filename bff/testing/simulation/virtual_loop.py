"""An asyncio event loop on which waiting takes no time: when nothing can run, the next timer is due at once."""

import asyncio
import contextvars
import heapq
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any, TypeVar

T = TypeVar("T")

START = 1000.0
"""The first moment; not 0, because an unset moment often is."""

_WALL = 1_700_000_000.0
_MANY = 100


class Stuck(RuntimeError):
    """Everybody waits, and no timer will ever wake anybody."""

    def __init__(self, waiting: list[str]) -> None:
        super().__init__(f"nothing can happen any more; waiting: {', '.join(waiting) or 'nobody'}")


class _Handle(asyncio.Handle):
    """A handle made in half the time: it never asks whether its loop is being debugged."""

    __slots__ = ()

    def __init__(
        self,
        callback: Callable[..., Any],
        args: tuple[Any, ...],
        loop: "VirtualLoop",
        context: contextvars.Context | None,
    ) -> None:
        self._context = contextvars.copy_context() if context is None else context
        self._loop = loop
        self._cancelled = False
        self._callback = callback
        self._args = args
        self._repr = self._source_traceback = None


class VirtualLoop(asyncio.AbstractEventLoop):
    """Runs tasks, futures and timers in an order that depends on nothing but the program.

    Timers that are due at the same moment run in the order in which they were set. There are no sockets, threads
    or processes: whatever needs one raises NotImplementedError.

    Attributes:
        troubles: What nobody caught, as given to `call_exception_handler`.
    """

    def __init__(self, start: float = START) -> None:
        self._now = start
        self._ready: deque[Any] = deque()
        self._timers: list[tuple[float, int, Any, tuple[Any, ...] | None]] = []
        self._order = count().__next__
        self._cancelled = 0
        self._stopping = False
        self._running = False
        self._closed = False
        self.troubles: list[dict[str, Any]] = []

    def time(self) -> float:
        """Return the virtual moment in seconds."""
        return self._now

    def at(self, when: float, callback: Callable[..., object], *args: object) -> None:
        """Call *callback* at *when*: a timer that cannot be cancelled, in a quarter of the time of `call_at`.

        What it raises ends the run.
        """
        heapq.heappush(self._timers, (when, self._order(), callback, args))

    def call_soon(  # type: ignore[override] # typeshed ties the arguments to the callback's
        self, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.Handle:
        """Call *callback* in this loop's next turn."""
        handle = _Handle(callback, args, self, context)
        self._ready.append(handle)
        return handle

    def call_later(  # type: ignore[override] # typeshed ties the arguments to the callback's
        self, delay: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Call *callback* in *delay* seconds."""
        return self.call_at(self._now + delay, callback, *args, context=context)

    def call_at(  # type: ignore[override] # typeshed ties the arguments to the callback's
        self, when: float, callback: Callable[..., Any], *args: Any, context: contextvars.Context | None = None
    ) -> asyncio.TimerHandle:
        """Call *callback* at *when*, or in the next turn if that has passed."""
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        handle._scheduled = True  # type: ignore[attr-defined] # noqa: SLF001 - the flag is there for loops to set
        heapq.heappush(self._timers, (when, self._order(), handle, None))
        return handle

    def create_future(self) -> asyncio.Future[Any]:
        """Return a future of this loop."""
        return asyncio.Future(loop=self)

    def create_task(  # type: ignore[override] # further arguments came with later versions of Python
        self, coro: Coroutine[Any, Any, T], **options: Any
    ) -> asyncio.Task[T]:
        """Return *coro* as a task that begins in the next turn."""
        return asyncio.Task(coro, loop=self, **options)

    def run_until_complete(self, future: Any) -> Any:
        """Run until *future* is done and return its result.

        Raises:
            RuntimeError: It is closed, or a loop runs already.
            Stuck: It never will be.
        """
        self._refuse_if_busy()
        task = asyncio.ensure_future(future, loop=self)
        task.add_done_callback(self._stop)
        try:
            self.run_forever()
        finally:
            task.remove_done_callback(self._stop)
        return task.result()

    def run_forever(self) -> None:
        """Run until `stop`.

        Raises:
            RuntimeError: It is closed, or a loop runs already.
            Stuck: Nothing is left to run.
        """
        self._refuse_if_busy()
        self._running = True
        events._set_running_loop(self)  # noqa: SLF001 - for loops
        try:
            while not self._stopping:
                self._turn()
        finally:
            self._stopping = self._running = False
            events._set_running_loop(None)  # noqa: SLF001 - for loops

    def stop(self) -> None:
        """End `run_forever` after this turn."""
        self._stopping = True

    def is_running(self) -> bool:
        """Return whether it runs."""
        return self._running

    def is_closed(self) -> bool:
        """Return whether it was closed."""
        return self._closed

    def close(self) -> None:
        """Drop what was not run."""
        self._closed = True
        self._ready.clear()
        self._timers.clear()

    def get_debug(self) -> bool:
        """Return False: debugging measures real time."""
        return False

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        """Keep *context* in `troubles`."""
        self.troubles.append(context)

    async def shutdown_asyncgens(self) -> None:
        """Do nothing: asynchronous generators are not tracked."""

    async def shutdown_default_executor(self, timeout: float | None = None) -> None:  # noqa: ASYNC109 - the library's signature
        """Do nothing: there are no threads."""

    def _refuse_if_busy(self) -> None:
        if self._closed or events._get_running_loop() is not None:  # noqa: SLF001 - for loops
            raise RuntimeError("this loop is closed, or a loop runs already")

    def _stop(self, future: asyncio.Future[Any]) -> None:  # noqa: ARG002 - a callback of futures
        self._stopping = True

    def _turn(self) -> None:
        """Run what is due now, as often as the loop of the standard library would."""
        ready, timers = self._ready, self._timers
        if not ready:
            self._jump()
        now = self._now
        while timers and timers[0][0] <= now:
            _, _, callback, args = heapq.heappop(timers)
            if args is not None:
                callback(*args)
            elif callback._cancelled:  # noqa: SLF001 - half the time of the method
                self._cancelled -= 1
            else:
                callback._scheduled = False  # noqa: SLF001 - the flag is there for loops to set
                ready.append(callback)
        for _ in range(len(ready)):
            handle = ready.popleft()
            if not handle._cancelled:  # noqa: SLF001 - half the time of the method
                try:
                    handle._context.run(handle._callback, *handle._args)  # noqa: SLF001 - as `Handle._run`
                except Exception as error:  # noqa: BLE001 - as the loop of the standard library
                    message = f"Exception in callback {handle!r}"
                    self.call_exception_handler({"message": message, "exception": error, "handle": handle})

    def _jump(self) -> None:
        """Move time to the next timer that was not cancelled."""
        timers = self._timers
        while timers and timers[0][3] is None and timers[0][2]._cancelled:  # noqa: SLF001 - as above
            heapq.heappop(timers)
            self._cancelled -= 1
        if not timers:
            raise Stuck(sorted(task.get_name() for task in asyncio.all_tasks(self)))
        self._now = max(self._now, timers[0][0])

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        """Count a cancelled timer, and throw all of them away once they are most of the heap."""
        if not handle._scheduled:  # type: ignore[attr-defined] # noqa: SLF001 - the flag is there for loops
            return
        handle._scheduled = False  # type: ignore[attr-defined] # noqa: SLF001 - as above
        self._cancelled += 1
        if self._cancelled > _MANY and self._cancelled * 2 > len(self._timers):
            self._timers[:] = [
                timer
                for timer in self._timers
                if timer[3] is not None or timer[2] is handle or not timer[2]._cancelled  # noqa: SLF001 - as above
            ]
            heapq.heapify(self._timers)
            self._cancelled = 1


class LoopClock:
    """The `bff.clock.Clock` of a virtual loop."""

    sleep = staticmethod(asyncio.sleep)

    def __init__(self, loop: VirtualLoop) -> None:
        self.now = loop.time
        self._ahead = _WALL - loop.time()

    def wall(self) -> float:
        """Return seconds since the Unix epoch."""
        return self.now() + self._ahead


def run(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Return what *main* returns, run on a new virtual loop.

    Raises:
        ExceptionGroup: Something failed in a task or a callback that nobody looked at.
        Stuck: *main* waits for what never comes.
    """
    loop = VirtualLoop()  # type: ignore[abstract] # sockets, processes and signals are left out on purpose
    try:
        result: T = loop.run_until_complete(main(loop))
    finally:
        _end_all(loop)
        loop.close()
    lost = [trouble["exception"] for trouble in loop.troubles if trouble.get("exception")]
    if lost:
        raise ExceptionGroup("nobody looked at these", lost)
    return result


def _end_all(loop: VirtualLoop) -> None:
    """Cancel what still runs, as `asyncio.run` does."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.gather(*tasks, return_exceptions=True))
