"""An issuer on a real socket that is slow, broken or gone costs its own fields only (UC-4)."""

from random import Random

import pytest

from bff.clock import SystemClock
from bff.context import Context, Deadline, Operation
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.testing import FakeUpstream, Fault
from bff.testing import fault_kinds as kinds
from bff.upstream.client import open_upstreams
from bff.upstream.declare import Upstream
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome
from bff.upstream.transport.engines import open_transport

guarded, public = Upstream("guarded"), Upstream("public")
secret = guarded.get("/thing", returns=dict[str, str], name="secret")
free = public.get("/thing", returns=dict[str, str], name="free")


@pytest.fixture
async def both(monkeypatch):
    """A service that wants tokens, one that wants none, and the issuer; all on sockets."""
    monkeypatch.setenv("GUARDED_SECRET", "s3cr3t")
    clock = SystemClock()
    async with FakeUpstream() as service, FakeUpstream() as issuer:
        service.on("GET", "/thing", json={"id": "1"})
        issuer.on("POST", "/token", json={"access_token": "t", "token_type": "Bearer", "expires_in": 60})
        host = {"hosts": [service.url], "timeouts": {"total": "1s", "attempt": "500ms", "connect": "400ms"}}
        own = {
            "mode": "client_credentials",
            "token_endpoint": f"{issuer.url}/token",
            "client_id": "bff",
            "client_secret": "env:GUARDED_SECRET",
        }
        upstreams = open_upstreams(
            {"guarded": UpstreamPolicy(**host, credentials=own), "public": UpstreamPolicy(**host)},
            OperationsPolicy(),
            open_transport=lambda limits: open_transport(limits, clock=clock),
            clock=clock,
            rng=Random(1),
            notify=lambda event: None,
        )

        def context():
            operation = Operation("r1", Deadline.after(5.0, clock), upstreams)
            return Context(operation, frozenset({secret, free}), "resolvers.test")

        yield context, service, issuer
        await upstreams.close()


async def test_a_token_travels_over_sockets(both):
    context, service, issuer = both

    assert await secret(context()) == {"id": "1"}

    assert service.arrivals[0].headers["authorization"] == "Bearer t"
    assert issuer.arrivals[0].headers["content-type"] == "application/x-www-form-urlencoded"


@pytest.mark.parametrize(
    "fault",
    [
        kinds.HangBeforeHeaders(),
        kinds.Status(500),
        kinds.Status(503, retry_after=1),
        kinds.ResetBeforeResponse(),
        kinds.TruncatedJson(),
        kinds.WrongContentType(),
        kinds.Redirect("http://127.0.0.1:1/token"),
    ],
    ids=lambda kind: type(kind).__name__,
)
async def test_trouble_at_the_issuer_is_the_guarded_services_alone(both, fault):
    context, service, issuer = both
    issuer.trouble(Fault(fault, path="/token"))

    with pytest.raises(UpstreamError) as caught:
        await secret(context())
    assert await free(context()) == {"id": "1"}

    assert (caught.value.outcome, caught.value.sent) == (Outcome.AUTH, False)
    assert [arrival.headers.get("authorization") for arrival in service.arrivals] == [None]


async def test_it_works_again_when_the_issuer_does(both):
    context, _, issuer = both
    issuer.trouble(Fault(kinds.Status(500), path="/token", times=1))
    with pytest.raises(UpstreamError):
        await secret(context())

    assert await secret(context()) == {"id": "1"}
