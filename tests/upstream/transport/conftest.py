"""Every test here runs on both event loops, and those that take `engine` on every transport."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from random import Random
from typing import get_args

import pytest
import pytest_asyncio
import uvloop

from bff.clock import SystemClock
from bff.testing import FakeUpstream
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Request, Response
from bff.upstream.transport import Limits, Transport
from bff.upstream.transport.engines import Engine, open_transport

PATIENT = Limits(
    connect_timeout=5.0,
    dns_timeout=5.0,
    write_idle=5.0,
    read_idle=5.0,
    pool_timeout=5.0,
    max_response_bytes=1024**2,
)
"""Limits that no healthy exchange meets, however busy the machine is."""


def pytest_asyncio_loop_factories() -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    """A transport lives on the loop that the server brings along: uvloop in production."""
    return {"asyncio": asyncio.new_event_loop, "uvloop": uvloop.new_event_loop}


@pytest.fixture(params=get_args(Engine))
def engine(request: pytest.FixtureRequest) -> Engine:
    return request.param


@pytest.fixture
def limits() -> Limits:
    return PATIENT


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as fake:
        for method in ("GET", "POST", "PUT"):
            fake.on(method, "/thing", json={"value": "x" * 1000})
        yield fake


@pytest_asyncio.fixture
async def opened() -> AsyncIterator[Callable[..., Transport]]:
    """Open transports that are closed after the test."""
    transports: list[Transport] = []

    def open_(engine: Engine = "native", limits: Limits = PATIENT, **options) -> Transport:
        options = {"clock": SystemClock(), "rng": Random(0), **options}
        transports.append(open_transport(limits, engine=engine, **options))
        return transports[-1]

    yield open_
    for transport in transports:
        await transport.close()


@pytest.fixture
def thing(upstream: FakeUpstream) -> Callable[..., Request]:
    """Build requests for the one resource of `upstream`."""

    def build(method: str = "GET", body: bytes | None = None, **headers: str) -> Request:
        if method == "POST" and body is None:
            body = b'{"order": 1}'
        return Request(method, upstream.origin, "/thing", headers, body)

    return build


@pytest.fixture
def ended() -> Callable:
    """Return the response, or the `UpstreamError` that came instead of it."""

    async def end(transport: Transport, request: Request) -> Response | UpstreamError:
        try:
            return await transport.send(request)
        except UpstreamError as error:
            return error

    return end


@pytest.fixture
def deaf() -> Iterator[Origin]:
    """An address at which connects neither succeed nor fail: its queue of new connections is full."""
    with contextlib.ExitStack() as sockets:
        listener = sockets.enter_context(socket.socket())
        listener.bind(("127.0.0.2", 0))
        listener.listen(0)
        address = listener.getsockname()
        for _ in range(3):
            filling = sockets.enter_context(socket.socket())
            filling.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                filling.connect(address)
        yield Origin("http", *address)


class Scripted(asyncio.Protocol):
    """What a service does, byte by byte: each request is answered with the next of `replies`, None closes.

    A request without a reply is never answered.
    """

    def __init__(self, service: "Service") -> None:
        self._service = service

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._service.accepted += 1
        self._service.open.add(self._transport)
        if self._service.deaf:
            asyncio.get_running_loop().call_soon(self._transport.pause_reading)  # uvloop forgets it here

    def data_received(self, data: bytes) -> None:
        self._service.received += data
        for _ in range(data.count(b"\r\n\r\n")):
            if self._service.replies:
                reply = self._service.replies.pop(0)
                self._transport.close() if reply is None else self._transport.write(reply)

    def connection_lost(self, exc: Exception | None) -> None:
        self._service.open.discard(self._transport)


class Service:
    """A raw server under a test's control."""

    def __init__(self) -> None:
        self.origin = Origin("http", "127.0.0.1", 0)
        self.replies: list[bytes | None] = []
        self.received = b""
        self.accepted = 0
        self.deaf = False
        self.open: set[asyncio.BaseTransport] = set()

    async def until(self, true: Callable[[], bool], patience: float = 5.0) -> None:
        async with asyncio.timeout(patience):
            while not true():  # noqa: ASYNC110 - sockets do not tell a test when they are done
                await asyncio.sleep(0.001)


@pytest_asyncio.fixture
async def service() -> AsyncIterator[Service]:
    service = Service()
    server = await asyncio.get_running_loop().create_server(lambda: Scripted(service), "127.0.0.1", 0)
    service.origin = Origin("http", *server.sockets[0].getsockname())
    yield service
    server.close()
    for transport in list(service.open):
        transport.abort()
    await service.until(lambda: not service.open)


@pytest.fixture
def turns() -> Callable:
    """Let the event loop hear what its sockets have to say."""

    async def take() -> None:
        for _ in range(5):
            await asyncio.sleep(0.001)

    return take


@pytest.fixture(autouse=True)
def _no_proxy_in_between(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever reads proxies from the environment fails every test: nobody listens there."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
