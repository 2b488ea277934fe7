"""Every test here runs on both event loops, and those that take `engine` on every transport."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from random import Random
from typing import get_args

import pytest
import pytest_asyncio
import uvloop

from bff.clock import SystemClock
from bff.testing import FakeUpstream
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Request, Response
from bff.upstream.transport import Limits, Transport
from bff.upstream.transport.engines import Engine, open_transport

PATIENT = Limits(
    connect_timeout=5.0, dns_timeout=5.0, write_idle=5.0, read_idle=5.0, pool_timeout=5.0, max_response_bytes=1024**2
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
def turns() -> Callable:
    """Let the event loop hear what its sockets have to say."""

    async def take() -> None:
        for _ in range(5):
            await asyncio.sleep(0.001)

    return take


@pytest.fixture(autouse=True)
def _no_proxy_in_between(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever reads proxies from the environment fails every test: nobody listens there."""
    for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    yield
