"""One client's connection: requests are parsed, and answered one after the other."""

import asyncio
import logging
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import httptools

from bff.testing.http_message import Reply, Request
from bff.testing.wire import PeerGone, Wire

if TYPE_CHECKING:
    from bff.testing.http_server import HttpServer

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


class Connection(asyncio.Protocol):
    """The protocol of one connection; `HttpServer` makes one for each."""

    def __init__(self, server: "HttpServer") -> None:
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
        assert self.wire is not None
        self.current = self._pending.popleft()
        self.wire.keep_alive = self.wire.keep_alive and self.current.keep_alive
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
        if self._pending and self.wire.keep_alive:
            self._answer_next()
        elif self._deaf or not self.wire.keep_alive:
            self.wire.close()
