"""A deadline is partial data, not a failure; nothing goes on behind it."""

import asyncio
import statistics
import textwrap

import httpx
import pytest

from bff.testing import FakeUpstream, Fault
from bff.testing.fault_kinds import HangBeforeHeaders, Latency

APPLICATION = """
import msgspec, strawberry
from bff import Context, Upstream, field, resolver

class Part(msgspec.Struct):
    text: str

slow = Upstream("slow").get("/a", returns=Part, name="a")
fast = Upstream("fast").get("/b", returns=Part, name="b")
send = Upstream("slow").post("/a", returns=Part, name="send")

@resolver(calls=[slow])
async def get_a(context: Context): return (await slow(context)).text

@resolver(calls=[fast])
async def get_b(context: Context): return (await fast(context)).text

@resolver(calls=[send])
async def send_a(context: Context): return (await send(context)).text

@strawberry.type
class Query:
    a: str | None = field(get_a)
    b: str | None = field(get_b)

@strawberry.type
class Mutation:
    a: str | None = field(send_a)

schema = strawberry.Schema(Query, Mutation)
"""
HASTE = {"x-request-timeout-ms": "300"}
EACH_ITS_OWN = "cache: {coalesce: false}\n"
"""Operations that ask the same at the same time would share a call, and these tests count calls; nor do they share
an execution here."""

TEN_SECONDS = "timeouts: {total: 10s, attempt: 10s, read_idle: 10s, write_idle: 10s}\nbreaker: {window: 20s}"


@pytest.fixture
async def two_services():
    async with FakeUpstream() as slow, FakeUpstream() as fast:
        slow.on("GET", "/a", json={"text": "A"})
        slow.on("POST", "/a", json={"text": "A"})
        fast.on("GET", "/b", json={"text": "B"})
        yield slow, fast


@pytest.fixture
def application(two_services, start_bff, tmp_path):
    slow, fast = two_services
    (tmp_path / "app.py").write_text(textwrap.dedent(APPLICATION), encoding="utf-8")
    upstreams = tmp_path / "policies" / "upstreams"
    upstreams.mkdir(parents=True)
    (tmp_path / "policies" / "operations.yaml").write_text("sharing: {scope: off}\n", encoding="utf-8")
    (upstreams / "slow.yaml").write_text(f"hosts: ['{slow.url}']\n{TEN_SECONDS}\n{EACH_ITS_OWN}", encoding="utf-8")
    (upstreams / "fast.yaml").write_text(f"hosts: ['{fast.url}']\n{EACH_ITS_OWN}", encoding="utf-8")
    return lambda: start_bff(tmp_path / "policies", schema="app:schema", cwd=tmp_path)


async def ask(bff, query, **headers):
    async with httpx.AsyncClient() as client:
        return await client.post(f"{bff.url}/graphql", json={"query": query}, headers=headers, timeout=10)


async def test_what_is_there_at_the_deadline_is_returned_and_the_rest_is_cut_off(two_services, application):
    """A takes five seconds, B twenty milliseconds, the client allows 300 ms: 200 times."""
    slow, fast = two_services
    slow.trouble(Fault(Latency(5.0)))
    fast.trouble(Fault(Latency(0.02)))
    bff = await asyncio.to_thread(application)
    loop = asyncio.get_running_loop()
    times = []

    async def ask_again_and_again(client, runs):
        for _ in range(runs):
            started = loop.time()
            response = await client.post(f"{bff.url}/graphql", json={"query": "{ a b }"}, headers=HASTE)
            times.append(loop.time() - started)
            answer = response.json()
            assert response.status_code == 200
            assert answer["data"] == {"a": None, "b": "B"}, [line.get("detail") for line in bff.log[-2:]]
            (error,) = answer["errors"]
            assert error["path"] == ["a"]
            assert error["extensions"]["code"] == "DEADLINE_EXCEEDED"

    lateness = []

    async def notice_how_busy_the_machine_is():
        while True:
            due = loop.time() + 0.01
            await asyncio.sleep(0.01)
            lateness.append(loop.time() - due)

    busy = asyncio.ensure_future(notice_how_busy_the_machine_is())
    async with httpx.AsyncClient() as client:
        await client.post(f"{bff.url}/graphql", json={"query": "{ __typename }"})
        await asyncio.gather(*(ask_again_and_again(client, 40) for _ in range(5)))
    await slow.all_closed(0.1)

    busy.cancel()
    # Client, bff and services wait for the same processors, so each may be late by as much as we saw ourselves be.
    bound = 0.35 + 3 * statistics.quantiles(lateness, n=100)[98]
    assert statistics.quantiles(times, n=100)[98] < bound, "the bound that a mobile client plans with"
    assert len(slow.arrivals) == len(fast.arrivals) == 200


async def test_a_client_that_hangs_up_ends_the_call_to_the_service(two_services, application):
    """DL-9, DL-10: down to the socket, within 250 ms each."""
    slow, _ = two_services
    slow.trouble(Fault(HangBeforeHeaders()))
    bff = await asyncio.to_thread(application)

    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(f"{bff.url}/graphql", json={"query": "{ a }"}, timeout=0.3)
    await slow.all_closed(0.5)

    assert len(slow.arrivals) == 1


async def test_a_mutation_on_its_way_is_not_recalled_by_a_client_that_hangs_up(two_services, application):
    """DL-9: the service may have acted, so its answer is waited for."""
    slow, _ = two_services
    slow.trouble(Fault(Latency(0.8)))
    bff = await asyncio.to_thread(application)

    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ReadTimeout):
            await client.post(f"{bff.url}/graphql", json={"query": "mutation { a }"}, timeout=0.3)
    with pytest.raises(TimeoutError):
        await slow.all_closed(0.3)

    assert len(slow.arrivals) == 1


async def test_the_service_is_told_how_long_it_has(two_services, application):
    """DL-5."""
    slow, _ = two_services
    bff = await asyncio.to_thread(application)

    await ask(bff, "{ a }", **{"x-request-timeout-ms": "800"})

    told = int(slow.arrivals[0].headers["x-request-timeout-ms"])
    assert 0 < told <= 750
