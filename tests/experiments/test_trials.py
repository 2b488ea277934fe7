"""`/admin/api/shadow` and `/admin/api/canary` tell how other hosts do, without anybody's data."""

import asyncio
from random import Random

import httpx
import msgspec
import pytest
from fastapi import FastAPI

from bff.clock import SystemClock
from bff.context import Context, Deadline, Operation
from bff.events import ignore
from bff.experiments.trials import trial_routes
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.server.colleagues import Colleagues
from bff.upstream.client import open_upstreams
from bff.upstream.declare import Upstream
from bff.upstream.message import Response

catalog = Upstream("catalog")
menu = catalog.get("/menu", returns=dict[str, str], name="menu")
OWN, NEXT, COPY = 1, 2, 3


class Hosts:
    """Answer each with a body of its own."""

    async def send(self, request):
        body = {"dish": "pasta" if request.origin.port != COPY else "pizza"}
        return Response(200, {"content-type": "application/json"}, msgspec.json.encode(body))

    async def close(self):
        pass


@pytest.fixture
async def upstreams():
    plain = {"cache": {"scope": "off"}}
    opened = open_upstreams(
        {
            "catalog": UpstreamPolicy(
                hosts=[f"http://127.0.0.1:{OWN}"],
                canary={"hosts": [f"http://127.0.0.1:{NEXT}"], "share": "50%"},
                shadow={"hosts": [f"http://127.0.0.1:{COPY}"], "share": "100%", "concurrency": 100},
                **plain,
            ),
            "reviews": UpstreamPolicy(hosts=["http://127.0.0.1:4"], **plain),
        },
        OperationsPolicy(),
        open_transport=lambda _: Hosts(),
        clock=SystemClock(),
        rng=Random(1),
        notify=ignore,
    )
    yield opened
    await opened.close()


async def test_counts_and_differences_of_each_upstream_that_has_other_hosts(upstreams):
    clock = SystemClock()
    for _ in range(20):
        operation = Operation("r", Deadline.after(5, clock), upstreams)
        await menu(Context(operation, frozenset({menu}), "test"))
    copies = upstreams["catalog"].pipelines.shadow
    await asyncio.gather(*copies._tasks)
    app = FastAPI()
    app.include_router(trial_routes(lambda: upstreams, Colleagues(), clock=clock))
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://admin") as admin:
        shadow, canary = [(await admin.get(f"/admin/api/{name}")).json() for name in ("shadow", "canary")]

    (told,) = shadow["workers"].values()
    assert told.keys() == {"catalog"}
    calls = {arm: canary["workers"]["0"]["catalog"][arm]["calls"] for arm in ("canary", "stable")}
    assert sum(calls.values()) == 20
    assert told["catalog"]["counts"] == {"different": calls["stable"]}
    assert told["catalog"]["last"][0]["differences"] == [{"path": "dish", "kind": "value"}]
    assert "pizza" not in str(shadow)
    assert canary["workers"]["0"]["catalog"]["stopped"] is False
