"""Limits as clients meet them, through the real endpoint on a real socket."""

import asyncio
import contextlib
import json
import socket
from random import Random

import httpx
import pytest

from bff.clock import SystemClock
from bff.context import Principal
from bff.policy.model import OperationsPolicy
from bff.server.http import GraphQLEndpoint
from bff.server.lifecycle import Lifecycle
from bff.server.shedding import Door, Shedding
from bff.server.uvicorn_server import Server


class Users:
    """Believes a header."""

    def identify(self, arrival):
        return Principal("https://id.example.com/", arrival.headers.text(b"x-user") or "u1")


@pytest.fixture
def serve(gate, engine):
    @contextlib.asynccontextmanager
    async def start(*, operations=None, **policies):
        made = gate(**policies)
        lifecycle = Lifecycle(SystemClock())
        policy = OperationsPolicy.model_validate(operations or {})
        app = GraphQLEndpoint(
            engine,
            policy,
            clock=SystemClock(),
            lifecycle=lifecycle,
            new_request_id=lambda: "r1",
            authenticator=Users(),
            admission=made.admission,
            door=Door(Shedding(policy, Random(1)), lifecycle.lag, [].append, client_class=made.client_class),
        )
        with socket.create_server(("127.0.0.1", 0)) as listening:
            server = Server(app, lifespan=False, on_tick=lifecycle.beat)
            running = asyncio.create_task(server.serve(sockets=[listening]))
            while not server.started:  # noqa: ASYNC110 - uvicorn has no event
                await asyncio.sleep(0.001)
            async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}") as client:
                try:
                    yield client, lifecycle
                finally:
                    await client.aclose()
                    server.close()
                    while server.server_state.connections:  # noqa: ASYNC110 - uvicorn has no event
                        await asyncio.sleep(0.001)
                    running.cancel()
                    await asyncio.wait([running])

    return start


async def post(client, cost=1, **headers):
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    return await client.post("/graphql", json={"query": "{ a }", "variables": {"cost": cost}}, headers=sent)


async def test_rl13_refused_by_rate_is_429_without_data(serve):
    limits = {"user": {"rate": "6 per minute", "burst": 1}}
    async with serve(limits=limits) as (client, _):
        first, second, other = await post(client), await post(client), await post(client, x_user="u2")

    assert (first.status_code, second.status_code, other.status_code) == (200, 429, 200)
    assert first.headers["ratelimit-policy"] == '"user";q=6;w=60, "cost";q=5000;w=50;qu="cost"'
    assert first.headers["ratelimit"] == '"user";r=0;t=10, "cost";r=4999;t=1'
    assert second.headers["content-type"].startswith("application/graphql-response+json")
    body = second.json()
    assert "data" not in body
    assert body["errors"][0]["extensions"] == {"code": "RATE_LIMITED", "retryAfterMs": 10_000}
    assert second.headers["retry-after"] == "10"
    assert second.headers["ratelimit"] == '"user";r=0;t=10'
    assert second.headers["cache-control"] == "no-store"


async def test_rl10_refused_by_cost_is_429_with_what_is_left(serve):
    limits = {"cost": {"rate": "10 per second", "burst": 100}}
    async with serve(limits=limits) as (client, _):
        first, second, third = await post(client, 90), await post(client, 60), await post(client, 101)

    assert (first.status_code, second.status_code, third.status_code) == (200, 429, 422)
    assert second.json()["errors"][0]["extensions"]["retryAfterMs"] == 5000
    assert second.headers["retry-after"] == "5"
    assert '"cost";r=10;t=5' in second.headers["ratelimit"]
    assert third.json()["errors"][0]["extensions"]["code"] == "COST_LIMIT_EXCEEDED"
    assert "retry-after" not in third.headers


@pytest.mark.parametrize(("private", "told"), [(True, True), (False, False)])
async def test_rl16_an_answer_for_everybody_holds_nobodys_figures(serve, engine, private, told):
    """A cache would hand them to others."""
    engine.max_age, engine.private = 60, private
    async with serve() as (client, _):
        answer = await client.get("/graphql?query={a}", headers={"x-bff-csrf": "1"})

    assert answer.headers["cache-control"] == f"max-age=60, {'private' if private else 'public'}"
    assert ("ratelimit" in answer.headers) is told


async def test_rl8_an_address_that_asks_too_often_is_refused_before_its_body(serve):
    async with serve(address={"rate": "6 per minute", "burst": 1}) as (client, _):
        await post(client)
        second = await client.post("/graphql", content=b"not even JSON")

    assert second.status_code == 429
    assert second.headers["connection"] == "close"
    assert json.loads(second.content)["errors"][0]["extensions"]["code"] == "RATE_LIMITED"


async def test_an_old_app_is_sent_to_the_store(serve):
    versions = {"minimum": "4.0", "store_url": "https://apps.example.com/shop"}
    async with serve(clients={"ios": {"match": {"names": ["ios"]}, "versions": versions}}) as (client, _):
        answer = await post(client, x_client_name="ios", x_client_version="3.9.1")

    assert answer.status_code == 403
    assert answer.json()["errors"][0]["extensions"] == {
        "code": "CLIENT_UPGRADE_REQUIRED",
        "minimumVersion": "4.0",
        "storeUrl": "https://apps.example.com/shop",
    }


async def test_places_come_back_however_a_request_ends(serve):
    async with serve(limits={"concurrency": {"max": 1}}) as (client, _):
        answers = [await post(client, cost) for cost in (1, 100_000, 1, 1)]

    assert [answer.status_code for answer in answers] == [200, 422, 200, 200]


BUSY = {"shedding": {"max_inflight": 10, "shares": {"bulk": "10%", "degraded": "20%", "default": "50%"}}}


@pytest.mark.parametrize(
    ("client_class", "in_flight", "status"),
    [("critical", 5, 200), (None, 5, 503), ("bulk", 1, 503), (None, 1, 200), ("bulk", 0, 200)],
)
async def test_ls1_a_clients_class_decides_when_there_is_too_much_to_do(serve, client_class, in_flight, status):
    rules = {"match": {"names": ["job"], "trust_names": True}, "priority": client_class}
    other = {"match": {"names": ["other"], "trust_names": True}, "priority": "bulk"}
    async with serve(clients={"job": rules, "other": other}, operations=BUSY) as (client, lifecycle):
        others = {object() for _ in range(in_flight)}
        lifecycle.in_flight.update(others)

        answer = await post(client, x_client_name="job")

        lifecycle.in_flight.difference_update(others)

    assert answer.status_code == status


async def test_ls1_nobody_raises_his_class_by_a_name(serve):
    rules = {"match": {"clients": ["job"], "names": ["job"]}, "priority": "critical"}
    async with serve(clients={"job": rules}, operations=BUSY) as (client, lifecycle):
        others = {object() for _ in range(5)}
        lifecycle.in_flight.update(others)

        answer = await post(client, x_client_name="job")

        lifecycle.in_flight.difference_update(others)

    assert answer.status_code == 503
