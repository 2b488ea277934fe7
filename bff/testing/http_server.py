"""A small real HTTP/1.1 server whose every byte is in our hands, so that it can also answer wrongly.

It keeps connections alive, reads bodies by Content-Length or chunks, ignores `Expect`, bounds what it reads, and
leaves neither task nor socket behind. A connection that the client half-closes counts as closed.
"""

import asyncio
import logging
import socket
import ssl
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Literal, Self, cast

import httptools

from bff.clock import Clock, SystemClock
from bff.testing.http_message import Reply, Request, event
from bff.testing.wire import PeerGone, Wire

__all__ = ["Bounds", "Closing", "Handler", "HttpServer", "PeerGone", "Reply", "Request", "Wire", "event", "run"]

Handler = Callable[[Request], Awaitable[Reply]]
"""Answers one request."""

Exchange = Callable[[Request, Wire], Awaitable[None]]
"""Turns one request into bytes on the wire, whichever they are."""

logger = logging.getLogger("bff.testing")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How much of one request is read; in bytes, but for `pipelined`, which counts requests."""

    headers: int = 64 * 1024
    body: int = 16 * 1024 * 1024
    pipelined: int = 16


@dataclass(frozen=True, slots=True)
class Closing:
    """The end of one connection.

    Attributes:
        connection: Its number.
        by: Who ended it.
        when: On the server's clock, in seconds.
        during: The request that was being answered, None on an idle connection.
    """

    connection: int
    by: Literal["peer", "server"]
    when: float
    during: Request | None


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
        self._reservation: socket.socket | None = None
        self._idle = asyncio.Event()
        self._idle.set()

    @property
    def listening(self) -> bool:
        """Whether new connections are taken."""
        return self._server is not None

    async def start(self) -> None:
        """Listen; on the same port as before, after a stop.

        Raises:
            OSError: The port is taken.
        """
        if self._server is not None:
            return
        self.reserve()
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(
            lambda: Connection(self), self.host, self.port, ssl=self._tls, reuse_address=True, backlog=1024
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
        if self._server is not None:
            self._server.close()
            self._server = None

    async def stop(self) -> None:
        """Be down: refuse new connections, end open ones, cancel what runs for them. The port stays ours."""
        server, self._server = self._server, None
        if server is not None:
            server.close()
        tasks = [connection.task for connection in self.connections if connection.task is not None]
        for connection in list(self.connections):
            connection.end()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._idle.wait()
        if server is not None:
            await server.wait_closed()

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

    def opened(self, connection: "Connection", transport: asyncio.Transport) -> Wire:
        """Note a new connection; called by it."""
        self.accepted_total += 1
        self.connections.add(connection)
        self._idle.clear()
        wire = Wire(transport, self.clock, self.accepted_total, cancels=self.cancel_on_disconnect)
        self._accepted(wire)
        return wire

    def ended(self, connection: "Connection", closing: Closing) -> None:
        """Note the end of a connection; called by it."""
        self.connections.discard(connection)
        if not self.connections:
            self._idle.set()
        self._closed(closing)


class Connection(asyncio.Protocol):
    """One client's connection: parses requests and has them answered one after the other."""

    def __init__(self, server: HttpServer) -> None:
        self._server = server
        self.task: asyncio.Task[None] | None = None
        self.wire: Wire | None = None
        self._pending: deque[Request] = deque()
        self.current: Request | None = None
        self._peer_closing: Closing | None = None
        self._transport: asyncio.Transport | None = None
        self._deaf = False
        self._parser = httptools.HttpRequestParser(self)
        self._unfinished_head = 0
        self.on_message_begin()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Implement `asyncio.Protocol`."""
        self._transport = cast("asyncio.Transport", transport)
        self.wire = self._server.opened(self, self._transport)

    def data_received(self, data: bytes) -> None:
        """Implement `asyncio.Protocol`."""
        if self._deaf:
            return
        self._unfinished_head += len(data)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._deaf = True
        except httptools.HttpParserError as error:
            self._refuse(400, str(error))
        if not self._deaf and not self._head_done and self._unfinished_head > self._server.bounds.headers:
            self._refuse(431, f"more than {self._server.bounds.headers} bytes of headers")

    def eof_received(self) -> None:
        """Implement `asyncio.Protocol`: half closed is closed, so what is not out yet is dropped."""
        self._peer_left()
        assert self._transport is not None
        self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - the protocol has it
        """Implement `asyncio.Protocol`."""
        assert self.wire is not None
        if not self.wire.closed_here:
            self._peer_left()
        closing = self._peer_closing or Closing(self.wire.number, "server", self._server.clock.now(), self.current)
        self._server.ended(self, closing)

    def pause_writing(self) -> None:
        """Implement `asyncio.Protocol`."""
        if self.wire is not None:
            self.wire.set_writable(writable=False)

    def resume_writing(self) -> None:
        """Implement `asyncio.Protocol`."""
        if self.wire is not None:
            self.wire.set_writable(writable=True)

    def end(self) -> None:
        """Cancel what runs for this connection, and end it."""
        self._pending.clear()
        self._deaf = True
        if self.task is not None:
            self.task.cancel()
        if self.wire is not None:
            self.wire.abort()

    def _peer_left(self) -> None:
        assert self.wire is not None
        if self._peer_closing is None and not self.wire.closed_here:
            self._peer_closing = Closing(self.wire.number, "peer", self._server.clock.now(), self.current)
        self._pending.clear()
        self.wire.peer_gone()
        if self.task is not None and self.wire.interruptible:
            self.task.cancel()

    def on_message_begin(self) -> None:
        """Implement the parser's protocol."""
        self._target = b""
        self._headers: dict[str, str] = {}
        self._header_bytes = 0
        self._body: list[bytes] = []
        self._body_bytes = 0
        self._head_done = False

    def on_url(self, part: bytes) -> None:
        """Implement the parser's protocol; a long target comes in parts."""
        self._target += part

    def on_header(self, name: bytes, value: bytes) -> None:
        """Implement the parser's protocol."""
        self._header_bytes += len(name) + len(value)
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        known = self._headers.get(key)
        self._headers[key] = text if known is None else f"{known}, {text}"

    def on_headers_complete(self) -> None:
        """Implement the parser's protocol."""
        self._head_done = True
        self._unfinished_head = 0
        if self._header_bytes + len(self._target) > self._server.bounds.headers:
            self._refuse(431, f"more than {self._server.bounds.headers} bytes of headers")

    def on_body(self, part: bytes) -> None:
        """Implement the parser's protocol."""
        self._body_bytes += len(part)
        if self._body_bytes > self._server.bounds.body:
            self._refuse(413, f"more than {self._server.bounds.body} bytes of body")
        elif not self._deaf:
            self._body.append(part)

    def on_message_complete(self) -> None:
        """Implement the parser's protocol."""
        if self._deaf or self.wire is None:
            return
        request = Request(
            self._parser.get_method().decode("ascii"),
            self._target.decode("latin-1"),
            self._headers,
            b"".join(self._body),
            self._server.clock.now(),
            self.wire.number,
            self._parser.get_http_version(),
            self._parser.should_keep_alive() and not self._parser.should_upgrade(),
        )
        self._head_done = False
        self._unfinished_head = 0
        self._pending.append(request)
        if len(self._pending) > self._server.bounds.pipelined:
            self._deaf = True
            self.wire.reset()
        elif self.task is None:
            self._answer_next()

    def _refuse(self, status: int, detail: str) -> None:
        if self._deaf:
            return
        self._deaf = True
        if self.wire is None or self.wire.silent or self.task is not None or self.wire.gone:
            return
        request = Request("GET", "/", keep_alive=False)
        self.task = asyncio.create_task(self._refused(request, Reply.problem(status, detail)))
        self.task.add_done_callback(self._answered)

    async def _refused(self, request: Request, reply: Reply) -> None:
        assert self.wire is not None
        await self.wire.reply(request, reply)

    def _answer_next(self) -> None:
        self.current = self._pending.popleft()
        self.task = asyncio.create_task(self._answer(self.current), name=f"answer {self.current.target[:60]}")
        self.task.add_done_callback(self._answered)

    async def _answer(self, request: Request) -> None:
        assert self.wire is not None
        try:
            await self._server.exchange(request, self.wire)
        except PeerGone:
            return
        except Exception:
            logger.exception("answering %s %s failed", request.method, request.target)
            self.wire.reset()

    def _answered(self, task: asyncio.Task[None]) -> None:
        self.task = None
        self.current = None
        assert self.wire is not None
        if self.wire.gone or task.cancelled():
            return
        if not self.wire.keep_alive:
            self.wire.close()
        elif self._pending:
            self._answer_next()


async def run(handler: Handler, *, host: str = "127.0.0.1", port: int = 0) -> None:
    """Serve *handler* without any faults until cancelled."""
    async with HttpServer(answering(handler), host=host, port=port):
        await asyncio.get_running_loop().create_future()
