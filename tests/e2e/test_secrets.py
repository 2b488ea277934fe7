"""What services and exceptions say stays inside: in the log with the error's id, never in an answer."""

import json
import textwrap

import httpx
import pytest

from bff.testing import FakeUpstream, Fault
from bff.testing.fault_kinds import ResetMidBody
from bff.testing.http_message import Reply

CANARY = "canary-7f3a-sql-password"
APPLICATION = f"""
import msgspec, strawberry
from bff import Context, Upstream, batched, field, resolver

class Part(msgspec.Struct):
    id: str

service = Upstream("internal-name")
one = service.get("/one", returns=Part, name="one")
many = service.batch("/many", ids="ids", returns=list[Part], key="id", name="many")
shape = service.get("/shape", returns=Part, name="shape")
save = service.post("/one", returns=Part, name="save")

@resolver(calls=[one])
async def get_one(context: Context): return (await one(context)).id

@resolver(calls=[shape])
async def get_shape(context: Context): return (await shape(context)).id

@resolver(calls=[many])
async def get_many(context: Context):
    found = await many.many(context, ["a", "b"])
    raise next(one for one in found if isinstance(one, Exception))

@resolver(calls=[])
async def get_bug(context: Context): raise RuntimeError("{CANARY}")

@resolver(calls=[])
async def get_wrong(context: Context): return object()

@resolver(calls=[save])
async def save_one(context: Context): return (await save(context)).id

@strawberry.type
class Query:
    one: str | None = field(get_one)
    shape: str | None = field(get_shape)
    many: str | None = field(get_many)
    bug: str | None = field(get_bug)
    wrong: int | None = field(get_wrong)
    @strawberry.field
    def plain(self) -> str | None: raise ValueError("{CANARY}")
    @strawberry.field
    def strict(self) -> int: raise KeyError("{CANARY}")

@strawberry.type
class Mutation:
    save: str | None = field(save_one)

schema = strawberry.Schema(Query, Mutation)
"""


@pytest.fixture
async def service():
    async with FakeUpstream() as fake:
        refusal = Reply(500, {"content-type": "application/json", "x-secret": CANARY}, f'"{CANARY}"'.encode())

        async def refuse(request):
            return refusal

        for method, path in (("GET", "/one"), ("POST", "/one"), ("GET", "/many")):
            fake.on(method, path, refuse)
        fake.on("GET", "/shape", json={"id": 7, "secret": CANARY})
        yield fake


@pytest.fixture
def application(service, start_bff, tmp_path):
    (tmp_path / "leaky.py").write_text(textwrap.dedent(APPLICATION), encoding="utf-8")
    upstreams = tmp_path / "policies" / "upstreams"
    upstreams.mkdir(parents=True)
    (upstreams / "internal-name.yaml").write_text(f"hosts: ['{service.url}']\nalias: kitchen\n", encoding="utf-8")
    (tmp_path / "policies" / "operations.yaml").write_text("batching: {enabled: true}\n", encoding="utf-8")
    return start_bff(tmp_path / "policies", schema="leaky:schema", cwd=tmp_path)


QUERIES = [
    "{ one }",
    "{ shape }",
    "{ many }",
    "{ bug }",
    "{ wrong }",
    "{ plain }",
    "{ strict }",
    "mutation { save }",
    "{ one shape many bug wrong plain }",
]


async def every_route(client, url, query):
    """Yield the answers of all ways to ask and of all other routes."""
    yield await client.post(f"{url}/graphql", json={"query": query})
    yield await client.post(f"{url}/graphql", json=[{"query": query}, {"query": query}])
    yield await client.post(
        f"{url}/graphql", json={"query": query}, headers={"accept": "application/graphql-response+json"}
    )
    yield await client.post(f"{url}/graphql", json={"query": query}, headers={"x-bff-trace": "1"})
    headers = {"graphql-require-preflight": "1"}
    yield await client.get(f"{url}/graphql", params={"query": query}, headers=headers)
    yield await client.post(f"{url}/graphql", content=b'{"query": ', headers={"content-type": "application/json"})
    yield await client.get(f"{url}/graphql", headers={"accept": "text/html"})
    yield await client.get(f"{url}/nowhere")


async def test_no_body_header_or_exception_of_the_inside_reaches_a_client(service, application):
    """Neither by any error, nor by any route; but the log has it, under the id that the client read."""
    told = set()
    async with httpx.AsyncClient(timeout=10) as client:
        for query in QUERIES:
            async for response in every_route(client, application.url, query):
                seen = response.text + json.dumps(dict(response.headers))
                assert CANARY not in seen
                assert "internal-name" not in seen
                assert str(service.origin.port) not in response.text
                assert "Traceback" not in seen
                if "errors" in response.text and response.headers["content-type"].startswith("application/"):
                    answers = response.json()
                    for answer in answers if isinstance(answers, list) else [answers]:
                        told.update(error["extensions"]["errorId"] for error in answer["errors"])
        for path in ("/livez", "/readyz", "/startupz", "/elsewhere"):
            assert CANARY not in (await client.get(f"{application.admin}{path}")).text

    logged = {
        error_id: json.dumps(line)
        for line in application.log
        if line.get("event") == "error"
        for error_id in line.get("error_ids", [line["error_id"]])
    }
    assert told
    assert told <= logged.keys()
    assert sum(CANARY in line for line in logged.values()) >= 30


async def test_a_broken_connection_tells_no_address(service, application):
    service.trouble(Fault(ResetMidBody()))

    async with httpx.AsyncClient() as client:
        response = await client.post(f"{application.url}/graphql", json={"query": "{ one }"})

    (error,) = response.json()["errors"]
    assert error["extensions"]["upstream"] == "kitchen"
    assert "127.0.0.1" not in response.text
