"""A real engine behind the real endpoint on a real socket, and a probe of how late its event loop is."""

import asyncio
import contextlib
import itertools
import socket
import time

import httpx
import pytest
from graphql import build_schema
from jsonschema import Draft202012Validator

from bff.clock import SystemClock
from bff.contract import error_schema
from bff.errors import ErrorDesk
from bff.events import ignore
from bff.execution.engine import Engine
from bff.execution.trusted.registry import Registry
from bff.execution.trusted.source import TrustedSource
from bff.policy.model import OperationsPolicy
from bff.server.http import GraphQLEndpoint
from bff.server.lifecycle import Lifecycle
from bff.server.uvicorn_server import Server


class LagProbe:
    """Notes for how long the loop's thread computes without looking at its timers.

    It counts the thread's own time, so that other programs on the machine, and threads beside, do not show.
    """

    def __init__(self):
        self.worst = 0.0
        self._last = time.thread_time()
        self._turn = None

    def __enter__(self):
        self._tick()
        return self

    def __exit__(self, *_):
        self._turn.cancel()

    def _tick(self):
        now = time.thread_time()
        self.worst, self._last = max(self.worst, now - self._last), now
        self._turn = asyncio.get_running_loop().call_later(0.001, self._tick)


class Target:
    """A running endpoint."""

    def __init__(self, client, engine):
        self.client = client
        self.engine = engine

    async def send(self, body):
        """Return the answer to *body*, what it took, and for how long the loop stood still, in seconds of CPU."""
        self.engine.documents._kept.clear()
        with LagProbe() as probe:
            began = time.process_time()
            answer = await self.client.post(
                "/graphql", content=body, headers={"content-type": "application/json", "accept": "*/*"}
            )
            took = time.process_time() - began
        return answer, took, probe.worst


@pytest.fixture
def target():
    """Return a function that serves a schema: `async with target(SDL) as running`."""

    @contextlib.asynccontextmanager
    async def start(sdl, **policy):
        clock, numbers = SystemClock(), itertools.count()
        operations = OperationsPolicy.model_validate({"introspection": "allow", **policy})

        def new_id():
            return f"n{next(numbers)}"

        engine = Engine(
            build_schema(sdl),
            None,
            operations,
            desk=ErrorDesk(ignore, new_id=new_id, alias=str, max_errors=100),
            clock=clock,
            notify=ignore,
            source=TrustedSource(operations.documents, Registry(), shared=None, clock=clock, notify=ignore),
        )
        lifecycle = Lifecycle(clock)  # without a door: a busy machine would close it
        app = GraphQLEndpoint(engine, operations, clock=clock, lifecycle=lifecycle, new_request_id=new_id)
        listening = socket.create_server(("127.0.0.1", 0))
        server = Server(app, lifespan=False, on_tick=lifecycle.beat)
        running = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(0.001)
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        async with httpx.AsyncClient(base_url=url, timeout=20) as client:
            try:
                yield Target(client, engine)
            finally:
                server.close()
                running.cancel()
                await asyncio.wait([running])
                await engine.close(0)

    return start


@pytest.fixture
def contract():
    """Return the validator of the error contract."""
    return Draft202012Validator(error_schema())
