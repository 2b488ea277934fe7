"""`POST /graphql/explain`: a plan as JSON, open exactly where GraphiQL is, closed to other sites' pages."""

import json

import httpx
import pytest
import pytest_asyncio

from bff.app import build
from bff.settings import Settings

HOME = "{ me { id orders(first: 2) { edges { node { courier { name } } } } } }"


def client_of(settings):
    transport = httpx.ASGITransport(app=build(settings).app)
    return httpx.AsyncClient(transport=transport, base_url="http://bff")


@pytest_asyncio.fixture
async def client():
    async with client_of(Settings(schema_name="schema:schema", development=True)) as opened:
        yield opened


async def test_a_plan_is_what_the_command_prints(client):
    answer = await client.post("/graphql/explain", json={"query": HOME, "without": ["orders"]})

    plan = answer.json()
    assert answer.status_code == 200
    assert answer.headers["cache-control"] == "no-store"
    assert [step["endpoint"] for wave in plan["waves"] for step in wave["steps"]] == [
        "accounts.me",
        "orders.own_orders",
        "couriers.couriers_by_id",
    ]
    assert plan["outage"]["lost"][0]["path"] == "me.orders"
    assert plan["outage"]["gone"] == ["me.orders.edges[].node.courier"]


async def test_variables_sizes_and_operation_name_are_taken(client):
    body = {
        "query": "query A { me { id } } query B($n: Int!) { restaurants(first: $n) { edges { node { menu { "
        "sections { title } } } } } }",
        "operationName": "B",
        "variables": {"n": 4},
        "sizes": {"restaurants.edges": 3},
    }

    plan = (await client.post("/graphql/explain", json=body)).json()

    assert plan["operation"] == "B"
    assert plan["waves"][1]["steps"][0]["calls"] == {"least": 3, "most": 3}


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"query": "{ me { name"}, "Syntax Error"),
        ({"query": "{ mee { name } }"}, "Cannot query field 'mee'"),
        ({"query": HOME, "without": ["ordrs"]}, "did you mean 'orders'"),
        ({"query": "{" + "me{" * 40 + "id" + "}" * 41}, "limit depth"),
    ],
)
async def test_what_cannot_be_explained_is_told_with_200(client, body, said):
    """A browser writes every other status to the console, and half an operation is no failure."""
    answer = await client.post("/graphql/explain", json=body)

    assert answer.status_code == 200
    assert said in answer.json()["errors"][0]["message"]


@pytest.mark.parametrize(
    ("method", "content", "kind", "status"),
    [
        ("GET", b"", "application/json", 405),
        ("POST", b"{}", "text/plain", 415),
        ("POST", b"{}", "application/json", 400),
        ("POST", b'{"query": 1}', "application/json", 400),
        ("POST", b'{"query": "{ me { id } }", "sizes": {"a": -1}}', "application/json", 400),
        ("POST", b"[" * 100_000, "application/json", 413),
        ("POST", b'{"query": "{ me { id } }", "variables": ' + b"[" * 5_000, "application/json", 400),
    ],
)
async def test_a_request_that_is_none_gets_a_problem(client, method, content, kind, status):
    """`text/plain` is what a page of another site could send without asking first."""
    answer = await client.request(method, "/graphql/explain", content=content, headers={"content-type": kind})

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert json.loads(answer.content)["status"] == status


async def test_it_is_closed_where_graphiql_is():
    async with client_of(Settings(schema_name="schema:schema")) as closed:
        answer = await closed.post("/graphql/explain", json={"query": HOME})

    assert answer.status_code == 404
