"""The console of one process around two services, on a clock and a transport of the test's own."""

from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import httpx
import pytest

from bff.admission.usage import Usage
from bff.console.assemble import ConsoleParts
from bff.console.audit import Audit
from bff.console.live import InForce, Process
from bff.context import Deadline, Operation
from bff.events import AdminAction
from bff.policy.caching import StorePolicy
from bff.policy.load import PolicySet
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.server.admin_cache import router as cache_routes
from bff.server.colleagues import Colleagues
from bff.server.framework import admin_app
from bff.server.health import Health
from bff.server.lifecycle import Lifecycle
from bff.store.memory import MemoryStore
from bff.telemetry.error_ring import ErrorRing
from bff.telemetry.fanout import fan_out
from bff.telemetry.journal import Journals
from bff.telemetry.metrics import Metrics
from bff.testing import VirtualClock
from bff.testing.principals import KnownCallers, principal
from bff.upstream.cache.tiers import EntryCache
from bff.upstream.client import open_upstreams
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline import Call

UPSTREAMS = {
    "catalog": UpstreamPolicy(
        hosts=("http://127.0.0.1:9001", "http://127.0.0.1:9002"),
        retry={"attempts": 1},
        breaker={"min_calls": 5},
    ),
    "reviews": UpstreamPolicy(hosts=("http://127.0.0.1:9003",), alias="stars"),
}


class Service:
    """Answers for all hosts, well or not."""

    def __init__(self):
        self.called = []
        self.well = True

    async def send(self, request):
        self.called.append(str(request.origin))
        if not self.well:
            raise UpstreamError(Outcome.GATEWAY_ERROR, "status 503", sent=True, status=503)
        return Response(200, {}, b"{}")

    async def close(self):
        pass


@dataclass
class Preparation:
    total: int = 3
    done: int = 2
    failed: int = 0


@dataclass
class World:
    """One process, without sockets.

    Attributes:
        policies: What is in force; may be replaced.
        acted: The actions that were told.
    """

    policies: PolicySet = field(default_factory=lambda: PolicySet(upstreams=UPSTREAMS))
    development: bool = False
    clock: VirtualClock = field(default_factory=VirtualClock)
    service: Service = field(default_factory=Service)
    acted: list = field(default_factory=list)
    colleagues: Colleagues = field(default_factory=Colleagues)
    assets: Path = Path("nowhere")
    routers: tuple = ()

    def __post_init__(self):
        clock, operations, rng = self.clock, OperationsPolicy(), Random(1)
        self.authenticator = KnownCallers(
            {
                "looks": principal("ada", scopes=["bff:console"]),
                "acts": principal("bo", scopes=["bff:console:act"]),
                "neither": principal("cy", scopes=["orders:read"]),
            }
        )
        journals = Journals(clock)
        self.errors = ErrorRing(journals, wall=clock.wall)
        self.metrics = Metrics(self.policies.upstreams, operations, clock=clock)
        self.usage, audit = Usage(), Audit(wall=clock.wall)
        self.notify = fan_out(journals, self.errors, self.metrics, self.usage, audit, self._note)
        self.upstreams = open_upstreams(
            self.policies.upstreams,
            operations,
            open_transport=lambda _: self.service,
            clock=clock,
            rng=rng,
            notify=self.notify,
        )
        store = MemoryStore(clock)
        self.entries = EntryCache(store, StorePolicy(), clock=clock)
        self.lifecycle = Lifecycle(clock)
        self.console = ConsoleParts(
            Process(
                self.metrics, self.errors, self.usage, self.lifecycle, self.entries, store, clock, self.development
            ),
            lambda: InForce(self.policies, self.upstreams, self.authenticator, [1, 2], Preparation()),
            audit,
            assets=self.assets,
            colleagues=self.colleagues,
            notify=self.notify,
        )
        self.app = self.console.around(
            admin_app(
                Health(self.lifecycle, clock=clock),
                None,
                cache_routes(self.entries, store, self.colleagues),
                *self.console.routes,
                *self.routers,
            )
        )

    def _note(self, event):
        if isinstance(event, AdminAction):
            self.acted.append(event)

    def client(self, peer="127.0.0.1", base="http://127.0.0.1:8001", **headers):
        """A client whose connection comes from *peer*; names of *headers* are written with underscores."""
        transport = httpx.ASGITransport(self.app, client=(peer, 50000))
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return httpx.AsyncClient(transport=transport, base_url=base, headers=named)

    def page(self, **headers):
        """A client that behaves as a page of the console does."""
        own = {"origin": "http://127.0.0.1:8001", "sec_fetch_site": "same-origin", "x_bff_csrf": "1"}
        return self.client(**{**own, **headers})

    async def call(self, upstream="catalog"):
        """Make one call; return how it ended."""
        operation = Operation("r", Deadline.after(10, self.clock), self.upstreams)
        call = Call(
            upstream, "one", "GET", "/one", {}, None, safe=True, request_id="r", deadline=operation.deadline.at
        )
        try:
            await self.upstreams[upstream].send(call, operation)
        except UpstreamError as error:
            return error.outcome
        return Outcome.OK


@pytest.fixture
def make_world(tmp_path):
    """A function that makes a process; keyword arguments replace its fields."""

    def make(**fields):
        return World(**{"assets": tmp_path, **fields})

    return make


@pytest.fixture
def world(make_world):
    return make_world()
