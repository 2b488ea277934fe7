"""The outgoing side of one connection, down to the bytes and to how it ends."""

import asyncio
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NoReturn

from bff.clock import Clock
from bff.testing.http_message import Reply, Request, date, discard, head, may_have_body, pairs

_RESET = struct.pack("ii", 1, 0)
_FLUSH_LOOK = 0.001
_SLICES_PER_SECOND = 20


class PeerGone(Exception):
    """The client closed the connection, so there is nobody left to answer."""


class Wire:
    """What a reply is written to.

    Attributes:
        number: Counts the server's connections from 1.
        silent: Bytes that are no request are swallowed rather than answered with 400.
        keep_alive: Whether the connection stays open after the reply that is being sent.
        bytes_per_second: How fast it sends; None for as fast as it can.
        closed_here: Whether the server, not the client, ended the connection.
    """

    def __init__(self, transport: asyncio.Transport, clock: Clock, number: int, *, cancels: bool) -> None:
        self.number = number
        self.silent = False
        self.keep_alive = True
        self.closed_here = False
        self.bytes_per_second: int | None = None
        self._transport = transport
        self._clock = clock
        self._gone = False
        self._waits = int(cancels)
        self._writable = asyncio.Event()
        self._writable.set()

    @property
    def gone(self) -> bool:
        """Whether the connection has ended, on whichever side."""
        return self._gone or self.closed_here

    @property
    def interruptible(self) -> bool:
        """Whether what is running for this connection stops when the client goes away."""
        return self._waits > 0

    @contextmanager
    def waiting(self) -> Iterator[None]:
        """Mark a wait as one that ends when the client goes away.

        Raises:
            PeerGone: It has gone already.
        """
        if self.gone:
            raise PeerGone
        self._waits += 1
        try:
            yield
        finally:
            self._waits -= 1

    async def send(self, data: bytes) -> None:
        """Write *data*, and wait while the client reads more slowly than we write.

        Raises:
            PeerGone: The connection has ended.
        """
        if self.gone:
            raise PeerGone
        if self.bytes_per_second is not None:
            await self._trickle(data, self.bytes_per_second)
            return
        self._transport.write(data)
        if not self._writable.is_set():
            with self.waiting():
                await self._writable.wait()

    async def _trickle(self, data: bytes, bytes_per_second: int) -> None:
        size = max(1, bytes_per_second // _SLICES_PER_SECOND)
        for start in range(0, len(data), size):
            piece = data[start : start + size]
            await self.pause(len(piece) / bytes_per_second)
            self._transport.write(piece)

    async def send_and_yield(self, data: bytes) -> None:
        """Do as `send`, and let other tasks run also when the client reads as fast as we write."""
        with self.waiting():
            await self.send(data)
            await asyncio.sleep(0)

    async def flushed(self) -> None:
        """Wait until everything written has left for the kernel, so that a reset comes after it."""
        with self.waiting():
            while self._transport.get_write_buffer_size():  # noqa: ASYNC110 - transports tell of no such event
                await asyncio.sleep(_FLUSH_LOOK)

    async def pause(self, seconds: float) -> None:
        """Wait for *seconds*, while the client is there."""
        with self.waiting():
            await self._clock.sleep(seconds)

    async def hang(self) -> NoReturn:
        """Do nothing until the client goes away or the server stops."""
        with self.waiting():
            await asyncio.get_running_loop().create_future()
        raise AssertionError("unreachable: the future is never done")

    def close(self) -> None:
        """End the connection in good order (FIN), once everything written is out."""
        self.closed_here = True
        self._transport.close()

    def abort(self) -> None:
        """End the connection (FIN) without waiting for what is not out yet."""
        self.closed_here = True
        self._transport.abort()

    def reset(self) -> None:
        """End the connection with RST: `SO_LINGER` of 0 makes the kernel drop what is not out yet."""
        self.closed_here = True
        end = self._transport.get_extra_info("socket")
        if end is not None:
            end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self._transport.abort()

    def fields(self, reply: Reply, request: Request) -> list[tuple[str, str]]:
        """Return the header fields of *reply*, with Date and Connection, without those that frame its body."""
        keep = [] if request.keep_alive and self.keep_alive else [("connection", "close")]
        return [date(self._clock.wall()), *pairs(reply.headers), *keep]

    async def reply(self, request: Request, reply: Reply) -> None:
        """Send *reply* whole and as HTTP has it.

        Raises:
            PeerGone: The connection has ended.
        """
        self.keep_alive = self.keep_alive and request.keep_alive
        fields = self.fields(reply, request)
        if not isinstance(reply.body, bytes):
            try:
                await self._stream(request, reply, fields)
            finally:
                await discard(reply)
            return
        if reply.status not in (204, 304) and reply.header("content-length") is None:
            fields.append(("content-length", str(len(reply.body))))
        body = reply.body if may_have_body(request, reply.status) else b""
        await self.send(head(reply.status, fields) + body)

    async def _stream(self, request: Request, reply: Reply, fields: list[tuple[str, str]]) -> None:
        assert not isinstance(reply.body, bytes)
        chunked = request.version == "1.1"
        self.keep_alive = self.keep_alive and chunked
        fields.append(("transfer-encoding", "chunked") if chunked else ("connection", "close"))
        await self.send(head(reply.status, fields))
        if not may_have_body(request, reply.status):
            return
        with self.waiting():
            async for data in reply.body:
                if data:
                    await self.send_and_yield(chunk(data) if chunked else data)
        if chunked:
            await self.send(LAST_CHUNK)

    def peer_gone(self) -> None:
        """Note that the connection has ended."""
        self._gone = True
        self._writable.set()

    def set_writable(self, *, writable: bool) -> None:
        """Note whether the transport takes more data."""
        if writable:
            self._writable.set()
        else:
            self._writable.clear()


LAST_CHUNK = b"0\r\n\r\n"
"""Ends a chunked body (RFC 9112, 7.1)."""


def chunk(data: bytes) -> bytes:
    """Return *data* as one chunk of a chunked body."""
    return b"%x\r\n%b\r\n" % (len(data), data)
