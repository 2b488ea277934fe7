"""A handler that lets another service answer, for the fault proxy."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator

import httptools

from bff.testing.http_message import Reply, Request
from bff.upstream.message import Origin

_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect"}
)
_REQUEST_OWN = _HOP | {"content-length", "accept-encoding", "host"}
_RESPONSE_OWN = _HOP | {"date"}
_BROKEN = (OSError, EOFError, httptools.HttpParserError)
_READ = 64 * 1024


class Forward:
    """Asks the target anew for each request, over a connection of its own.

    The target is asked for plain bodies (no gzip), because faults cut and change what they can read. What comes
    chunked is passed on as it comes. A target that cannot be reached, or breaks off, is answered with 502.
    """

    def __init__(self, target: Origin, tls: ssl.SSLContext | None = None) -> None:
        """Forward to *target*; *tls* says whom to trust where it speaks HTTPS, by default the system's list."""
        self._target = target
        self._tls = (tls or ssl.create_default_context()) if target.scheme == "https" else None

    async def __call__(self, request: Request) -> Reply:
        """Answer *request*."""
        try:
            reader, writer = await asyncio.open_connection(self._target.host, self._target.port, ssl=self._tls)
        except OSError as error:
            return self._failed(f"cannot be reached: {error}")
        body = Body(Answer(request.method), reader, writer)
        try:
            writer.write(self._written(request))
            reply = await body.reply()
        except _BROKEN as error:
            await body.aclose()
            return self._failed(f"broke off: {error}")
        except BaseException:
            await body.aclose()
            raise
        if reply.body is not body:
            await body.aclose()
        return reply

    def _failed(self, how: str) -> Reply:
        return Reply.problem(502, f"{self._target} {how}")

    def _written(self, request: Request) -> bytes:
        host = str(self._target).partition("://")[2]
        fields = [f"{name}: {value}" for name, value in request.headers.items() if name not in _REQUEST_OWN]
        fields += [f"host: {host}", "accept-encoding: identity", "connection: close"]
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            fields.append(f"content-length: {len(request.body)}")
        lines = "\r\n".join([f"{request.method} {request.target} HTTP/1.1", *fields])
        return f"{lines}\r\n\r\n".encode("latin-1") + request.body


class Answer:
    """One response as far as it has been parsed."""

    def __init__(self, method: str) -> None:
        """Begin to read the response to a request with *method*."""
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.chunked = False
        self.headed = False
        self.done = False
        self.pieces: list[bytes] = []
        self._is_head = method == "HEAD"
        self._sized = False
        self._parser = httptools.HttpResponseParser(self)

    def feed(self, data: bytes) -> None:
        """Take in what the target sent; nothing means that it closed the connection.

        Raises:
            EOFError: It closed before the response was whole.
            httptools.HttpParserError: This is not HTTP.
        """
        if data:
            self._parser.feed_data(data)
        elif self.headed and not self._sized:
            self.done = True
        else:
            raise EOFError("the connection was closed early")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Implement the parser's protocol."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._sized = self._sized or key in ("content-length", "transfer-encoding")
        self.chunked = self.chunked or (key == "transfer-encoding" and "chunked" in text.lower())
        if key not in _RESPONSE_OWN and (key != "content-length" or self._is_head):
            self.headers.append((key, text))

    def on_headers_complete(self) -> None:
        """Implement the parser's protocol."""
        self.status = self._parser.get_status_code()
        if self.status < 200:  # noqa: PLR2004 - informational, the final one follows
            self.headers, self.chunked, self._sized = [], False, False
            return
        self.headed = True
        if self._is_head or self.status in (204, 304):
            self.done, self.chunked = True, False

    def on_body(self, data: bytes) -> None:
        """Implement the parser's protocol."""
        self.pieces.append(data)

    def on_message_complete(self) -> None:
        """Implement the parser's protocol."""
        self.done = self.headed


class Body:
    """The body of a response on its way, and the connection it comes over."""

    def __init__(self, answer: Answer, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Read *answer* from *reader*; *writer* is closed at the end."""
        self._answer = answer
        self._reader = reader
        self._writer = writer

    async def reply(self) -> Reply:
        """Return the reply, with this body if it comes in chunks, otherwise with all of it.

        Raises:
            OSError: The connection failed.
            EOFError: The target closed it early.
            httptools.HttpParserError: What came is not HTTP.
        """
        answer = self._answer
        while not answer.headed:
            answer.feed(await self._reader.read(_READ))
        if answer.chunked:
            return Reply(answer.status, answer.headers, self)
        while not answer.done:
            answer.feed(await self._reader.read(_READ))
        return Reply(answer.status, answer.headers, b"".join(answer.pieces))

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the body as it comes."""
        while True:
            pieces, self._answer.pieces = self._answer.pieces, []
            for piece in pieces:
                yield piece
            if self._answer.done:
                return
            self._answer.feed(await self._reader.read(_READ))

    async def aclose(self) -> None:
        """Close the connection to the target."""
        self._writer.transport.abort()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()
