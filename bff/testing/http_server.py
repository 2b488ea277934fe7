"""A small real HTTP/1.1 server whose every byte is in our hands, so that it can also answer wrongly.

It keeps connections alive, reads bodies by Content-Length or chunks, ignores `Expect`, bounds what it reads, and
leaves neither task nor socket behind. A connection that the client half-closes counts as closed.
"""

import asyncio
import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Self

from bff.clock import Clock, SystemClock
from bff.testing.connection import Bounds, Closing, Connection
from bff.testing.http_message import Reply, Request, event
from bff.testing.wire import PeerGone, Wire

__all__ = ["Bounds", "Closing", "Handler", "HttpServer", "PeerGone", "Reply", "Request", "Wire", "event"]

Handler = Callable[[Request], Awaitable[Reply]]
"""Answers one request."""

Exchange = Callable[[Request, Wire], Awaitable[None]]
"""Turns one request into bytes on the wire, whichever they are."""

_BACKLOG = 1024
_HANDSHAKE = 5.0
_TURNS_TO_ACCEPT = 5  # a connection that the kernel has just handed over shows up within a few turns of the loop

logger = logging.getLogger("bff.testing")


def answering(handler: Handler) -> Exchange:
    """Return the exchange that sends what *handler* answers, and does nothing else."""

    async def exchange(request: Request, wire: Wire) -> None:
        await wire.reply(request, await reply_of(handler, request))

    return exchange


async def reply_of(handler: Handler, request: Request) -> Reply:
    """Return what *handler* answers; 500, and a log entry, when it fails."""
    try:
        return await handler(request)
    except Exception:
        logger.exception("handler of %s %s failed", request.method, request.target)
        return Reply.problem(500, "the handler failed; the log of the service says why")


class HttpServer:
    """Listens on one port until it is closed; `stop` and `start` play a service that goes down and comes back."""

    def __init__(
        self,
        exchange: Exchange,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        tls: ssl.SSLContext | None = None,
        clock: Clock | None = None,
        bounds: Bounds | None = None,
        cancel_on_disconnect: bool = False,
        accepted: Callable[[Wire], None] = lambda wire: None,  # noqa: ARG005 - the default looks at nothing
        closed: Callable[[Closing], None] = lambda closing: None,  # noqa: ARG005
    ) -> None:
        """Prepare a server; `start` lets it listen.

        Args:
            exchange: Answers requests; `answering` makes one of a handler.
            host: Address to listen on.
            port: 0 for any free one, which is then kept also while stopped.
            tls: Makes it an HTTPS server.
            clock: Where times come from.
            bounds: How much of a request is read.
            cancel_on_disconnect: Whether a handler is cancelled when its client goes away. Most services run on.
            accepted: Told of each new connection.
            closed: Told of each connection's end.
        """
        self.exchange = exchange
        self.clock: Clock = clock or SystemClock()
        self.bounds = bounds or Bounds()
        self.cancel_on_disconnect = cancel_on_disconnect
        self.host = host
        self.port = port
        self.connections: set[Connection] = set()
        self.accepted_total = 0
        self._tls = tls
        self._accepted = accepted
        self._closed = closed
        self._server: asyncio.Server | None = None
        self._open = False
        self._reservation: socket.socket | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def listening(self) -> bool:
        """Whether new connections are taken."""
        return self._open

    async def start(self) -> None:
        """Listen; on the same port as before, after a stop.

        Raises:
            OSError: The port is taken.
        """
        if self._open:
            return
        self.reserve()
        self._open = True
        try:
            self._server = await self._listen()
        except OSError:
            self._open = False
            raise

    async def _listen(self) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(
            lambda: Connection(self),
            self.host,
            self.port,
            ssl=self._tls,
            ssl_handshake_timeout=_HANDSHAKE if self._tls else None,
            reuse_address=True,
            backlog=_BACKLOG,
        )

    def reserve(self) -> None:
        """Hold the port by a socket that never listens, so that nobody else gets it while we are stopped.

        Raises:
            OSError: The port is taken.
        """
        if self._reservation is not None:
            return
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        reservation = socket.socket(family, socket.SOCK_STREAM)
        reservation.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            reservation.bind((self.host, self.port))
        except OSError:
            reservation.close()
            raise
        self.port = reservation.getsockname()[1]
        self._reservation = reservation

    def refuse(self) -> None:
        """Take no new connections: whoever connects is refused by the kernel. Open ones go on."""
        self._open = False
        if self._server is not None:
            self._server.close()
            self._server = None

    async def stop(self) -> None:
        """Be down: refuse new connections, end open ones, cancel what runs for them. The port stays ours."""
        self.refuse()
        for _ in range(_TURNS_TO_ACCEPT):
            await asyncio.sleep(0)
        tasks = [connection.task for connection in self.connections if connection.task is not None]
        for connection in list(self.connections):
            connection.end()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._idle.wait()

    async def close(self) -> None:
        """Stop for good and give the port back."""
        await self.stop()
        if self._reservation is not None:
            self._reservation.close()
            self._reservation = None

    def drop_connections(
        self,
        *,
        reset: bool = False,
        spare: Callable[[Request], bool] = lambda request: False,  # noqa: ARG005 - nothing is spared
    ) -> None:
        """End all open connections, idle ones too, by FIN or RST; new ones are welcome.

        One that answers a request of those *spare* picks ends with that answer instead.
        """
        for connection in list(self.connections):
            if connection.wire is None:
                continue
            if connection.current is not None and spare(connection.current):
                connection.wire.keep_alive = False
            elif reset:
                connection.wire.reset()
            else:
                connection.wire.abort()

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    def opened(self, connection: Connection, transport: asyncio.Transport) -> Wire:
        """Note a new connection; called by it."""
        self.accepted_total += 1
        self.connections.add(connection)
        self._idle.clear()
        wire = Wire(transport, self.clock, self.accepted_total, cancels=self.cancel_on_disconnect)
        if self._open:
            self._accepted(wire)
        else:
            wire.abort()
        return wire

    def ended(self, connection: Connection, closing: Closing) -> None:
        """Note the end of a connection; called by it."""
        self.connections.discard(connection)
        if not self.connections:
            self._idle.set()
        self._closed(closing)
