"""A client that is nothing but a socket, so that tests see each byte and how a connection ends."""

import asyncio
import socket
from collections.abc import Awaitable, Callable

import pytest

from bff.testing import FakeUpstream
from bff.upstream.message import Origin

BODY = {"id": "d1", "name": "Pasta al forno"}
GET = b"GET /dishes/d1 HTTP/1.1\r\nhost: test\r\n\r\n"


class RawClient:
    """One TCP connection, with everything that came over it in `received`."""

    def __init__(self, end: socket.socket) -> None:
        self.socket = end
        self.received = b""

    async def send(self, data: bytes) -> None:
        await asyncio.get_running_loop().sock_sendall(self.socket, data)

    async def read(self) -> bytes:
        data = await asyncio.get_running_loop().sock_recv(self.socket, 65536)
        self.received += data
        return data

    async def until(self, count: int) -> bytes:
        """Return the first *count* bytes; EOFError when the connection ends before."""
        async with asyncio.timeout(2):
            while len(self.received) < count:
                if not await self.read():
                    raise EOFError(self.received)
        return self.received[:count]

    async def response(self) -> tuple[str, dict[str, str], bytes]:
        """Return status line, headers and body of the next response, which must give its length."""
        async with asyncio.timeout(2):
            while b"\r\n\r\n" not in self.received:
                assert await self.read(), self.received
            head, _, rest = self.received.partition(b"\r\n\r\n")
            line, *fields = head.decode("latin-1").split("\r\n")
            headers = dict(field.lower().split(": ", 1) for field in fields)
            length = int(headers.get("content-length", "0"))
            while len(rest) < length:
                assert await self.read(), self.received
                rest = self.received.partition(b"\r\n\r\n")[2]
        self.received = rest[length:]
        return line, headers, rest[:length]

    async def until_end(self) -> tuple[bytes, str]:
        """Return all that comes, and whether the connection ended by `FIN` or `RST`."""
        async with asyncio.timeout(2):
            try:
                while await self.read():
                    pass
            except ConnectionResetError:
                return self.received, "RST"
            return self.received, "FIN"

    async def silent(self, seconds: float = 0.03) -> bool:
        """Return whether nothing comes, not even an end, for *seconds*."""
        try:
            async with asyncio.timeout(seconds):
                await self.read()
        except TimeoutError:
            return True
        except ConnectionResetError:
            return False
        return False

    def close(self) -> None:
        self.socket.close()


Connect = Callable[[Origin], Awaitable[RawClient]]


@pytest.fixture
def connect():
    """Return a function that opens a `RawClient`; all are closed after the test."""
    clients: list[RawClient] = []

    async def open_one(origin: Origin) -> RawClient:
        end = socket.socket()
        end.setblocking(False)
        clients.append(RawClient(end))
        async with asyncio.timeout(2):
            await asyncio.get_running_loop().sock_connect(end, (origin.host, origin.port))
        return clients[-1]

    yield open_one
    for client in clients:
        client.close()


@pytest.fixture
async def dishes(fake_upstream) -> FakeUpstream:
    """A fake that knows one dish."""
    fake: FakeUpstream = await fake_upstream()
    fake.on("GET", "/dishes/{id}", json=BODY)
    return fake


@pytest.fixture
async def asking(dishes, connect) -> Callable[..., Awaitable[RawClient]]:
    """Return a function that sends one request for the dish on a new connection."""

    async def ask(request: bytes = GET) -> RawClient:
        client = await connect(dishes.origin)
        await client.send(request)
        return client

    return ask
