"""Connections kept open for the next request: last in, first out, never more than the limit (PY-6, LB-11)."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from random import Random

from bff.clock import Clock
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin
from bff.upstream.outcome import Outcome
from bff.upstream.transport import Limits
from bff.upstream.transport.connection import Connection
from bff.upstream.transport.familiar import FamiliarHeads

_WAITERS_PER_CONNECTION = 10
"""More than this can never be served within the wait that the limits allow."""

Dial = Callable[[Connection], Awaitable[None]]
"""Connects a connection, or raises `UpstreamError`."""

_Grant = Connection | None
"""What a waiter is given: a connection, or (None) the right to open one."""


class Pool:
    """The connections of one upstream, to all its hosts together.

    A slot is taken before a connection is opened and is free again once its socket is closed.
    """

    def __init__(self, limits: Limits, dial: Dial, *, clock: Clock, rng: Random) -> None:
        self._limits = limits
        self._dial = dial
        self._clock = clock
        self._rng = rng
        self._heads = FamiliarHeads()
        self._idle: dict[Origin, list[Connection]] = {}
        self._open: set[Connection] = set()
        self._dialling = 0
        self._waiters: deque[tuple[Origin, asyncio.Future[_Grant]]] = deque()
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False
        self._emptied: asyncio.Future[None] | None = None

    @property
    def size(self) -> int:
        """Number of slots taken."""
        return len(self._open) + self._dialling

    def take(self, origin: Origin) -> Connection | None:
        """Return an idle connection to *origin* that is good for another request, None if there is none."""
        idle = self._idle.get(origin)
        if not idle:
            return None
        now = self._clock.now()
        while idle:
            connection = idle.pop()
            fresh = now < connection.expires and now - connection.idle_since < connection.idle_limit
            if fresh and connection.is_ready():
                return connection
            connection.abort()
        return None

    async def obtain(self, origin: Origin) -> Connection:
        """Return a connection to *origin*: a new one, or after waiting one that another call gave back.

        Raises:
            UpstreamError: POOL after `pool_timeout`, or what connecting raised.
        """
        while True:
            if self._closed:
                raise UpstreamError(Outcome.POOL, "transport is closed")
            if self.size < self._limits.max_connections:
                self._dialling += 1
                return await self._connect(origin)
            self._evict_idle()
            connection = await self._wait(origin)
            if connection is None:
                return await self._connect(origin)
            if connection.is_ready():
                return connection
            connection.abort()

    def give_back(self, connection: Connection) -> None:
        """Take a connection back whose exchange is done."""
        now = self._clock.now()
        if self._closed or now >= connection.expires:
            connection.abort()
            return
        waiting = self._first_waiting() if self._waiters else None
        if waiting is None:
            self._keep(connection, now)
        elif waiting == connection.origin:
            self._waiters.popleft()[1].set_result(connection)
        else:
            connection.abort()  # who waits wants another host, and gets this slot once the socket is closed

    def lost(self, connection: Connection) -> None:
        """Forget a connection whose socket is closed, and give its slot on."""
        idle = self._idle.get(connection.origin)
        if idle is not None and connection in idle:
            idle.remove(connection)
        if connection in self._open:
            self._open.remove(connection)
            self._give_slot_on()
        if self._emptied is not None and not self._open and not self._emptied.done():
            self._emptied.set_result(None)

    async def close(self) -> None:
        """Close all connections and wait until their sockets are closed."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
            self._sweep = None
        while self._waiters:
            waiter = self._waiters.popleft()[1]
            if not waiter.done():
                waiter.set_exception(UpstreamError(Outcome.POOL, "transport is closed"))
        for connection in list(self._open):
            connection.abort()
        if self._open:
            self._emptied = self._emptied or asyncio.get_running_loop().create_future()
            await asyncio.shield(self._emptied)

    async def _connect(self, origin: Origin) -> Connection:
        """Open a connection in a slot already counted as dialling."""
        # Ages differ a little, so that connections opened together do not all end together.
        age = self._limits.max_connection_age * self._rng.uniform(0.9, 1.0)
        connection = Connection(origin, self._limits, self, self._heads, expires=self._clock.now() + age)
        try:
            await self._dial(connection)
        except BaseException:
            self._give_back_slot()
            raise
        if connection.closed:
            self._give_back_slot()
            raise UpstreamError(Outcome.CONNECT, f"{origin}: closed as soon as it was open")
        self._dialling -= 1
        self._open.add(connection)
        if self._closed:
            connection.abort()
            raise UpstreamError(Outcome.POOL, "transport is closed")
        return connection

    async def _wait(self, origin: Origin) -> _Grant:
        most = self._limits.max_connections
        if len(self._waiters) >= most * _WAITERS_PER_CONNECTION:
            raise UpstreamError(Outcome.POOL, f"{most} connections busy and {len(self._waiters)} calls waiting")
        waiter: asyncio.Future[_Grant] = asyncio.get_running_loop().create_future()
        self._waiters.append((origin, waiter))
        try:
            async with asyncio.timeout(self._limits.pool_timeout):
                return await waiter
        except TimeoutError as error:
            self._leave(origin, waiter)
            detail = f"{most} connections busy for {self._limits.pool_timeout:g} s"
            raise UpstreamError(Outcome.POOL, detail, phase="queue") from error
        except asyncio.CancelledError:
            self._leave(origin, waiter)
            raise

    def _leave(self, origin: Origin, waiter: "asyncio.Future[_Grant]") -> None:
        """Stop waiting, and pass on what was granted in the same moment."""
        if waiter.cancelled():
            with contextlib.suppress(ValueError):
                self._waiters.remove((origin, waiter))
        elif waiter.done() and waiter.exception() is None:
            connection = waiter.result()
            if connection is None:
                self._give_back_slot()
            elif not connection.closed:
                self.give_back(connection)

    def _first_waiting(self) -> Origin | None:
        """Return where the first call in the queue wants to go."""
        while self._waiters and self._waiters[0][1].done():
            self._waiters.popleft()
        return self._waiters[0][0] if self._waiters else None

    def _give_back_slot(self) -> None:
        self._dialling -= 1
        self._give_slot_on()

    def _give_slot_on(self) -> None:
        if not self._closed and self._first_waiting() is not None:
            self._dialling += 1
            self._waiters.popleft()[1].set_result(None)

    def _keep(self, connection: Connection, now: float) -> None:
        connection.idle_since = now
        self._idle.setdefault(connection.origin, []).append(connection)
        if self._sweep is None:
            loop = asyncio.get_running_loop()
            self._sweep = loop.call_later(self._limits.keepalive_expiry, self._close_stale)

    def _is_fresh(self, connection: Connection, now: float) -> bool:
        return now < connection.expires and now - connection.idle_since < connection.idle_limit

    def _close_stale(self) -> None:
        self._sweep = None
        now = self._clock.now()
        kept = 0
        for idle in self._idle.values():
            for connection in [each for each in idle if not self._is_fresh(each, now)]:
                idle.remove(connection)
                connection.abort()
            kept += len(idle)
        if kept:
            loop = asyncio.get_running_loop()
            self._sweep = loop.call_later(self._limits.keepalive_expiry, self._close_stale)

    def _evict_idle(self) -> None:
        """Close the longest idle connection, which leads elsewhere, so that its slot comes free."""
        oldest = min(
            (idle for idle in self._idle.values() if idle), key=lambda idle: idle[0].idle_since, default=None
        )
        if oldest:
            oldest.pop(0).abort()
