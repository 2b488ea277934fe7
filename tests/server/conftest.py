"""A real uvicorn around the endpoint, with an engine that does what the test says."""

import asyncio
import contextlib
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import pytest

from bff.clock import SystemClock
from bff.codes import Code
from bff.events import Event
from bff.execution.messages import Answer, GraphQLRequest, Ingress
from bff.policy.model import OperationsPolicy
from bff.server.http import GraphQLEndpoint
from bff.server.lifecycle import Lifecycle
from bff.server.uvicorn_server import Server

Behaviour = Callable[[GraphQLRequest, Ingress], Awaitable[Answer]]


async def greet(request: GraphQLRequest, ingress: Ingress) -> Answer:
    return Answer({"data": {"__typename": "Query"}}, kind="query")


@dataclass
class Engine:
    """Behaves as told, and remembers what it was asked and what it refused."""

    behaviour: Behaviour = greet
    requests: list[GraphQLRequest] = field(default_factory=list)
    ingresses: list[Ingress] = field(default_factory=list)
    refused: list[tuple[Code, str, str]] = field(default_factory=list)

    async def execute(self, request: GraphQLRequest, ingress: Ingress) -> Answer:
        self.requests.append(request)
        self.ingresses.append(ingress)
        return await self.behaviour(request, ingress)

    def refuse(self, code: Code, message: str, ingress: Ingress, *, detail: str = "", **more: Any) -> Answer:
        self.refused.append((code, message, detail))
        return Answer({"errors": [{"message": message, "extensions": {"code": code.value, **more}}]}, refused=code)


@dataclass
class Edge:
    """A running endpoint and what a test wants to see of it."""

    port: int
    engine: Engine
    lifecycle: Lifecycle
    events: list[Event]
    server: Server
    client: httpx.AsyncClient

    async def post(self, body: Any = None, **headers: str) -> httpx.Response:
        sent = {name.replace("_", "-"): value for name, value in headers.items()}
        return await self.client.post("/graphql", json=body or {"query": "{ __typename }"}, headers=sent)

    async def post_bytes(self, content: bytes, **headers: str) -> httpx.Response:
        sent = {"content_type": "application/json", **headers}
        fields = {name.replace("_", "-"): value for name, value in sent.items()}
        return await self.client.post("/graphql", content=content, headers=fields)

    async def get(self, query: str, **headers: str) -> httpx.Response:
        sent = {"x-bff-csrf": "1", **{name.replace("_", "-"): value for name, value in headers.items()}}
        return await self.client.get(f"/graphql?{query}", headers=sent)

    @contextlib.asynccontextmanager
    async def socket(self, receive_buffer: int | None = None) -> AsyncIterator[tuple[Any, Any]]:
        """A bare connection, for what no decent client sends."""
        sock = socket.socket()
        if receive_buffer:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        sock.setblocking(False)
        await asyncio.get_running_loop().sock_connect(sock, ("127.0.0.1", self.port))
        reader, writer = await asyncio.open_connection(sock=sock, limit=2**14)
        try:
            yield reader, writer
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def raw(self, data: bytes) -> bytes:
        """Send *data* and return everything up to the end of the connection."""
        async with self.socket() as (reader, writer):
            writer.write(data)
            return await asyncio.wait_for(reader.read(-1), 10)

    async def busy(self) -> None:
        """Wait until something is in flight."""
        async with asyncio.timeout(5):
            while not self.lifecycle.in_flight:  # noqa: ASYNC110 - the first look is all that is needed
                await asyncio.sleep(0.005)

    async def idle(self, seconds: float = 5) -> None:
        """Wait until nothing is in flight."""
        async with asyncio.timeout(seconds):
            while self.lifecycle.in_flight or self.server.server_state.tasks:  # noqa: ASYNC110 - uvicorn has no event
                await asyncio.sleep(0.005)


@pytest.fixture
def edge():
    """A function that starts an edge: `async with edge(behaviour, policy=..., ...) as running`."""

    @contextlib.asynccontextmanager
    async def start(behaviour: Behaviour = greet, policy: OperationsPolicy | None = None, **options: Any) -> Any:
        clock = options.pop("clock", SystemClock())
        engine, lifecycle, numbers = Engine(behaviour), Lifecycle(clock), itertools.count(1)
        events: list[Event] = []
        app = GraphQLEndpoint(
            engine,
            policy or OperationsPolicy(),
            clock=clock,
            lifecycle=lifecycle,
            new_request_id=lambda: f"r{next(numbers)}",
            notify=events.append,
            **options,
        )
        listening = socket.create_server(("127.0.0.1", 0))
        port = listening.getsockname()[1]
        server = Server(app, lifespan=False, on_tick=lifecycle.beat)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(0.001)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            try:
                yield Edge(port, engine, lifecycle, events, server, client)
            finally:
                await client.aclose()
                server.close()
                async with asyncio.timeout(5):
                    while server.server_state.connections or server.server_state.tasks:  # noqa: ASYNC110 - no event
                        await asyncio.sleep(0.001)
                running.cancel()
                await asyncio.wait([running])

    return start


@pytest.fixture
def operations():
    """A function that makes a policy from keyword arguments in YAML terms."""
    return lambda **keys: OperationsPolicy.model_validate(keys)


@dataclass
class Replica:
    """A server process and its addresses."""

    process: subprocess.Popen[str]
    url: str
    admin: str

    @property
    def port(self) -> int:
        return httpx.URL(self.url).port or 0

    def signal(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def status(self, probe: str = "/readyz") -> int:
        return httpx.get(self.admin + probe).status_code

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return int(httpx.get(f"{self.admin}/readyz").json()["inFlight"])

    def ask(self, query: str, **options: Any) -> httpx.Response:
        return httpx.post(self.url, json={"query": query}, **options)


@pytest.fixture
def replica():
    """A function that starts `replica.py` in a process of its own; what is left of them is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*options: str) -> Replica:
        script = Path(__file__).with_name("replica.py")
        root = str(script.parents[2])
        process = subprocess.Popen(
            [sys.executable, str(script), *options],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": root},
            start_new_session=True,
        )
        started.append(process)
        assert process.stdout is not None
        line = process.stdout.readline()
        urls = re.findall(r"http://[^ )]+", line)
        if len(urls) != 2:
            assert process.stderr is not None
            pytest.fail(f"no server: {line!r} {process.stderr.read()}")
        return Replica(process, *urls)

    yield start
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
