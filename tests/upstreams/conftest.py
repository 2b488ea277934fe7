"""The simulated services on real sockets, and a context that may call every endpoint."""

from contextlib import AsyncExitStack
from importlib import import_module
from random import Random

import pytest

import upstreams
from bff.clock import SystemClock
from bff.context import Context, Deadline, Operation
from bff.events import ignore
from bff.policy.model import Forward, OperationsPolicy, Timeouts, UpstreamPolicy
from bff.testing.faulty_server import FaultyServer
from bff.upstream.client import open_upstreams
from bff.upstream.endpoint import Endpoint
from bff.upstream.transport.engines import open_transport
from upstreams.simulation.running import DEFAULT_DAY, DEFAULT_SEED
from upstreams.simulation.web import Outside
from upstreams.simulation.world import World

NAMES = ("accounts", "catalog", "orders", "couriers", "payments", "promotions", "reviews", "notifications")
PATIENT = Timeouts(total="20s", attempt="5s", connect="4s", queue="4s")
ALL = frozenset(
    value
    for name in NAMES
    for value in vars(import_module(f"{upstreams.__name__}.{name}")).values()
    if isinstance(value, Endpoint)
)


@pytest.fixture(scope="module")
def world():
    """Return what all services know; what a test changes, they keep elsewhere."""
    return World(DEFAULT_SEED, DEFAULT_DAY)


@pytest.fixture
async def servers(world):
    found = {}
    async with AsyncExitStack() as stack:
        for name in NAMES:
            service = import_module(f"upstreams.simulation.services.{name}").app(world, Outside(SystemClock()))
            found[name] = await stack.enter_async_context(FaultyServer(service.routes))
        yield found


@pytest.fixture
async def context(servers):
    """Return the context of a resolver of the customer `u1` that declares everything."""
    clock = SystemClock()
    forward = Forward(headers=frozenset({"authorization"}))
    clients = open_upstreams(
        {
            name: UpstreamPolicy(hosts=(server.url,), timeouts=PATIENT, forward=forward)
            for name, server in servers.items()
        },
        OperationsPolicy(),
        open_transport=lambda limits: open_transport(limits, clock=clock),
        clock=clock,
        rng=Random(1),
        notify=ignore,
    )
    headers = {"authorization": "Bearer demo-u1"}
    yield Context(Operation("req-1", Deadline.after(30, clock), clients, headers=headers), ALL, "tests")
    await clients.close()
