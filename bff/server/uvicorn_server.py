"""uvicorn, as this product runs it: its signals, its drain and its slow connections are ours."""

import contextlib
import time
from collections.abc import Callable, Generator
from typing import Any, Final

import uvicorn

from bff.server.connections import bounded, most_connections, raise_file_limit
from bff.server.ports import ASGIApp

_KEEP_ALIVE: Final = 75
"""Seconds; longer than the idle limit of usual load balancers (60 s), so that they close first."""

_GRACE: Final = 2
"""Seconds for uvicorn to finish after our own drain has."""

_BACKLOG: Final = 2048
_TICKS_PER_SWEEP: Final = 10


class Server(uvicorn.Server):
    """One listening uvicorn that leaves signals alone and drops connections that go nowhere.

    Args:
        app: What it serves.
        lifespan: Whether the app's startup and shutdown run here.
        on_tick: Called ten times a second while it serves.
    """

    def __init__(self, app: ASGIApp, *, lifespan: bool, on_tick: Callable[[], None] | None = None) -> None:
        config = uvicorn.Config(
            app,
            interface="asgi3",
            http=bounded(most_connections(raise_file_limit())),
            lifespan="auto" if lifespan else "off",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            backlog=_BACKLOG,
            timeout_keep_alive=_KEEP_ALIVE,
            timeout_graceful_shutdown=_GRACE,
        )
        super().__init__(config)
        self._notice_tick = on_tick
        self._reaper = Reaper()

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None, None, None]:
        """Leave signals to whoever runs this server."""
        yield

    async def on_tick(self, counter: int) -> bool:
        """Turn uvicorn's clock, tell the owner, and look for dead connections once a second."""
        if self._notice_tick is not None:
            self._notice_tick()
        if counter % _TICKS_PER_SWEEP == 0:
            self._reaper.sweep(self.server_state.connections, time.monotonic())
        return await super().on_tick(counter)

    def announce_closing(self) -> None:
        """Send `connection: close` with every answer from now on."""
        field = (b"connection", b"close")
        self.config.encoded_headers.append(field)
        self.server_state.default_headers = [*self.server_state.default_headers, field]

    def close(self) -> None:
        """Accept no more connections and close the idle ones."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()

    def busy(self) -> bool:
        """Whether any request is still being answered."""
        return bool(self.server_state.tasks)


class Reaper:
    """Aborts connections that uvicorn would keep for ever.

    Two kinds: closed by us but never read to the end by the client (fault 34), and open without ever completing
    the header of a request.
    """

    LIMIT = 30.0
    """Seconds that either may last."""

    def __init__(self) -> None:
        self._since: dict[Any, float] = {}

    def sweep(self, connections: set[Any], now: float) -> None:
        """Abort those of *connections* that have gone nowhere since `LIMIT` seconds before *now*."""
        stuck = {connection for connection in connections if _goes_nowhere(connection)}
        self._since = {connection: self._since.get(connection, now) for connection in stuck}
        for connection, since in list(self._since.items()):
            if now - since >= self.LIMIT:
                del self._since[connection]
                connection.transport.abort()


def _goes_nowhere(connection: Any) -> bool:
    if connection.transport.is_closing():
        return True
    if not hasattr(connection, "cycle"):  # a WebSocket has timeouts of its own
        return False
    between = connection.cycle is None or connection.cycle.response_complete
    return between and not connection.resting
