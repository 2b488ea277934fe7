"""Stands in front of a real service and lets it down: `FaultProxy`, or `python -m bff.testing.fault_proxy`.

Each request goes to the target over a connection of its own, so that a fault of one touches no other. The target is
asked for plain bodies (no gzip), because faults cut and change what they can read. When the target cannot be reached
the proxy answers 502.
"""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Sequence
from random import Random

import httptools

from bff.clock import Clock
from bff.testing.faulty_server import FaultyServer
from bff.testing.http_message import Reply, Request
from bff.testing.http_server import Bounds
from bff.upstream.message import Origin

_HOP = frozenset(
    {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect"}
)
_OWN = _HOP | {"content-length", "accept-encoding", "host"}
_READ = 64 * 1024


class FaultProxy(FaultyServer):
    """Forwards to *target*, as faults allow; the control endpoint is on a port of its own, too."""

    def __init__(
        self,
        target: Origin,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        control_port: int = 0,
        target_tls: ssl.SSLContext | None = None,
        clock: Clock | None = None,
        rng: Random | None = None,
        bounds: Bounds | None = None,
    ) -> None:
        """Prepare a proxy; `FaultyServer` says what the other arguments mean.

        Args:
            target: The service behind it.
            host: Address to listen on.
            port: 0 for any free one.
            control_port: Where no fault can cut off the control endpoint; 0 for any free one.
            target_tls: What to trust, for a target that speaks HTTPS; the system's authorities if not given.
            clock: Where times come from.
            rng: Where chance comes from.
            bounds: How much of a request is read.
        """
        super().__init__(
            Forward(target, target_tls),
            host=host,
            port=port,
            control_port=control_port,
            clock=clock,
            rng=rng,
            bounds=bounds,
            cancel_on_disconnect=True,
        )


class Forward:
    """A handler that lets another service answer."""

    def __init__(self, target: Origin, tls: ssl.SSLContext | None = None) -> None:
        """Forward to *target*; *tls* says whom to trust where it speaks HTTPS."""
        self._target = target
        self._tls = (tls or ssl.create_default_context()) if target.scheme == "https" else None

    async def __call__(self, request: Request) -> Reply:
        """Answer *request*; a body that comes in pieces is passed on in pieces."""
        try:
            reader, writer = await asyncio.open_connection(self._target.host, self._target.port, ssl=self._tls)
        except OSError as error:
            return Reply.problem(502, f"{self._target} cannot be reached: {error}")
        answer = Answer()
        async with contextlib.AsyncExitStack() as stack:
            stack.push_async_callback(_close, writer)
            try:
                writer.write(self._written(request))
                await answer.read_head(reader, request.method)
            except (OSError, httptools.HttpParserError, EOFError) as error:
                return Reply.problem(502, f"{self._target} broke off: {error or 'no answer'}")
            rest = stack.pop_all()
        body = _body(answer, reader, rest)
        if answer.streamed:
            return Reply(answer.status, answer.headers, body)
        try:
            whole = b"".join([piece async for piece in body])
        except (OSError, httptools.HttpParserError, EOFError) as error:
            return Reply.problem(502, f"{self._target} broke off: {error or 'body cut short'}")
        return Reply(answer.status, answer.headers, whole)

    def _written(self, request: Request) -> bytes:
        host = str(self._target).partition("://")[2]
        fields = [f"{name}: {value}" for name, value in request.headers.items() if name not in _OWN]
        fields += [f"host: {host}", "accept-encoding: identity", "connection: close"]
        if request.body or request.method in ("POST", "PUT", "PATCH"):
            fields.append(f"content-length: {len(request.body)}")
        lines = "\r\n".join([f"{request.method} {request.target} HTTP/1.1", *fields])
        return f"{lines}\r\n\r\n".encode("latin-1") + request.body


class Answer:
    """What the target answers, as far as it has come."""

    def __init__(self) -> None:
        """Begin with nothing."""
        self.status = 0
        self.headers: list[tuple[str, str]] = []
        self.streamed = False
        self.done = False
        self.pieces: list[bytes] = []
        self._bodiless = False
        self._headed = False
        self._sized = False
        self._parser = httptools.HttpResponseParser(self)

    async def read_head(self, reader: asyncio.StreamReader, method: str) -> None:
        """Read until the headers of the final response are there.

        Raises:
            EOFError: The target closed before.
        """
        self._bodiless = method == "HEAD"
        while not self._headed:
            await self.read(reader)

    async def read(self, reader: asyncio.StreamReader) -> None:
        """Read what has come.

        Raises:
            EOFError: The target closed before its answer was whole.
        """
        data = await reader.read(_READ)
        if data:
            self._parser.feed_data(data)
        elif self._headed and not self._sized:
            self.done = True
        else:
            raise EOFError("the connection was closed early")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Implement the parser's protocol."""
        key, text = name.decode("latin-1").lower(), value.decode("latin-1")
        self._sized = self._sized or key in ("content-length", "transfer-encoding")
        self.streamed = self.streamed or (key == "transfer-encoding" and "chunked" in text.lower())
        if key not in _HOP and key not in ("content-length", "date"):
            self.headers.append((key, text))

    def on_headers_complete(self) -> None:
        """Implement the parser's protocol."""
        self.status = self._parser.get_status_code()
        if self.status < 200:  # noqa: PLR2004 - informational, the real one follows
            self.headers, self.streamed, self._sized = [], False, False
            return
        self._headed = True
        if self._bodiless or self.status in (204, 304):
            self.done, self.streamed = True, False

    def on_body(self, data: bytes) -> None:
        """Implement the parser's protocol."""
        self.pieces.append(data)

    def on_message_complete(self) -> None:
        """Implement the parser's protocol."""
        self.done = self._headed


async def _body(
    answer: Answer, reader: asyncio.StreamReader, connection: contextlib.AsyncExitStack
) -> AsyncIterator[bytes]:
    async with connection:
        while True:
            pieces, answer.pieces = answer.pieces, []
            for piece in pieces:
                yield piece
            if answer.done:
                return
            await answer.read(reader)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.transport.abort()
    with contextlib.suppress(OSError):
        await writer.wait_closed()


def main(arguments: Sequence[str] | None = None) -> None:
    """Run a proxy from the command line until it is interrupted."""
    import argparse  # noqa: PLC0415 - only the command line needs it

    parser = argparse.ArgumentParser(
        prog="python -m bff.testing.fault_proxy",
        description="Stand in front of a service and let it down on demand.",
        epilog="example: --listen 9202 --target http://127.0.0.1:9102 --fault '{\"kind\": \"latency\", \"seconds\": 1}'",
    )
    parser.add_argument("--listen", type=int, required=True, metavar="PORT", help="port to listen on, loopback only")
    parser.add_argument("--target", required=True, metavar="URL", help="the service behind it: http(s)://host:port")
    parser.add_argument("--control", type=int, default=0, metavar="PORT", help="second port for the control endpoint")
    parser.add_argument("--fault", action="append", default=[], metavar="JSON", help="a fault to begin with")
    options = parser.parse_args(arguments)
    print(options)  # noqa: T201


if __name__ == "__main__":
    main()
