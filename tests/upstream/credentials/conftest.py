"""A service and an issuer on one scripted transport, behind the whole pipeline, on a clock that a test moves."""

from random import Random
from urllib.parse import parse_qs

import msgspec
import pytest

from bff.context import Context, Deadline, Operation
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.testing import VirtualClock, principal
from bff.upstream.client import open_upstreams
from bff.upstream.declare import Upstream
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome

JSON = {"content-type": "application/json"}
SERVICE, ISSUER = 9102, 9199

orders = Upstream("orders")
thing = orders.get("/things/{id}", returns=dict[str, str], name="thing")
change = orders.post("/things", returns=dict[str, str], body=dict, name="change")


class Network:
    """Both ends of the wire: what was asked of them, and what they answer."""

    def __init__(self, clock):
        self.clock = clock
        self.requests = []
        self.asked = []
        self.down = None
        self.seconds = self.thinks = 0.0
        self.life = 3600
        self.accepts = lambda token: True
        self.issued = 0

    async def send(self, request):
        if request.origin.port == ISSUER:
            return await self.issue(request)
        self.requests.append(request)
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        if self.thinks:
            await self.clock.sleep(self.thinks)
        return Response(200 if self.accepts(token) else 401, JSON, b'{"id": "1"}')

    async def issue(self, request):
        form = {name: values[0] for name, values in parse_qs(request.body.decode()).items()}
        self.asked.append((request, form))
        if self.seconds:
            await self.clock.sleep(self.seconds)
        if isinstance(self.down, Response):
            return self.down
        if self.down is not None:
            raise UpstreamError(self.down, "the issuer is away")
        self.issued += 1
        body = {"access_token": f"token-{self.issued}", "token_type": "Bearer", "expires_in": self.life}
        return Response(200, JSON, msgspec.json.encode(body))

    async def close(self):
        pass

    @property
    def tokens(self):
        """What the service was shown, in order."""
        return [request.headers.get("authorization", "").removeprefix("Bearer ") for request in self.requests]


class Bff:
    """The upstream `orders` with these credentials."""

    def __init__(self, *, policy=None, **credentials):
        self.clock = VirtualClock()
        self.network = Network(self.clock)
        self.events = []
        stated = {
            "hosts": ["https://orders.test:9102"],
            "breaker": {"mode": "disabled"},
            "credentials": credentials,
            **(policy or {}),
        }
        self.upstreams = open_upstreams(
            {"orders": UpstreamPolicy(**stated)},
            OperationsPolicy(),
            open_transport=lambda limits: self.network,
            clock=self.clock,
            rng=Random(1),
            notify=self.events.append,
        )

    def context(self, who=None, **state):
        known = {"principal": who} if who is not None else {}
        operation = Operation("r1", Deadline.after(30.0, self.clock), self.upstreams, **known, **state)
        return Context(operation, frozenset({thing, change}), "resolvers.test")

    async def get(self, who=None, *, key="1", **state):
        """Call the service for *who*."""
        return await thing(self.context(who, **state), id=key)

    async def post(self, who=None):
        """Change something at the service for *who*."""
        return await change(self.context(who, kind="mutation"), {"a": "b"})

    async def refusal(self, who=None):
        """Return how a call for *who* fails."""
        with pytest.raises(UpstreamError) as caught:
            await self.get(who)
        return caught.value

    def told(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


@pytest.fixture
async def make_bff(monkeypatch):
    made = []
    monkeypatch.setenv("ORDERS_SECRET", "s3cr3t")

    def make(**options):
        made.append(Bff(**options))
        return made[-1]

    yield make
    for one in made:
        await one.upstreams.close()


@pytest.fixture
def own():
    """Return the settings of a client-credentials grant."""
    return {
        "mode": "client_credentials",
        "token_endpoint": f"https://id.test:{ISSUER}/token",
        "client_id": "bff",
        "client_secret": "env:ORDERS_SECRET",
    }


@pytest.fixture
def exchanged(own):
    """Return the settings of a token exchange."""
    return {**own, "mode": "exchange", "audience": "orders"}


@pytest.fixture
def ann():
    return principal("ann", token="ann-token", aud=["bff", "orders"])


@pytest.fixture
def bob():
    return principal("bob", token="bob-token", aud="orders")


@pytest.fixture
def away():
    """Return the ways in which an issuer is away."""
    return {
        "down": Outcome.CONNECT,
        "broken": Response(500, JSON, b'{"access_token": "leaked"}'),
        "refusing": Response(401, JSON, b'{"error": "invalid_client", "error_description": "s3cr3t"}'),
        "html": Response(200, {"content-type": "text/html"}, b"<html>leaked</html>"),
        "empty": Response(200, JSON, b"{}"),
        "mac": Response(200, JSON, b'{"access_token": "leaked", "token_type": "mac"}'),
        "eternal": Response(200, JSON, b'{"access_token": "leaked", "token_type": "Bearer", "expires_in": -1}'),
        "split": Response(200, JSON, b'{"access_token": "leaked\\nx: y", "token_type": "Bearer"}'),
    }
