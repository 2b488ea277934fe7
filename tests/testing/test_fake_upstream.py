"""A fake answers what it was told, and remembers all that came."""

import asyncio
import time

import httpx
import pytest

from bff.testing import FakeUpstream, Reply
from bff.testing import fault_kinds as kinds
from bff.testing.certificates import Authority
from bff.upstream.message import Origin


@pytest.fixture
async def client(dishes):
    async with httpx.AsyncClient(base_url=dishes.url, timeout=2) as client:
        yield client


async def test_json_status_and_headers_are_answered(dishes, client):
    dishes.on("POST", "/orders", json={"id": "o1"}, status=201, headers={"location": "/orders/o1"})

    answer = await client.post("/orders", json={})

    assert (answer.status_code, answer.json(), answer.headers["location"]) == (201, {"id": "o1"}, "/orders/o1")


async def test_a_handler_gets_the_parameters_of_its_path_decoded(dishes, client):
    async def handler(request):
        return Reply.json(dict(request.params))

    dishes.on("GET", "/restaurants/{restaurant}/dishes/{dish}", handler)

    answer = await client.get("/restaurants/r%2F1/dishes/p%C3%A2t%C3%A9")

    assert answer.json() == {"restaurant": "r/1", "dish": "p\u00e2t\u00e9"}


async def test_the_more_literal_template_wins(dishes, client):
    dishes.on("GET", "/dishes/by-ids", json="all")

    assert (await client.get("/dishes/by-ids")).json() == "all"


async def test_a_later_answer_replaces_an_earlier_one(dishes, client):
    dishes.on("GET", "/dishes/{id}", json="new")

    assert (await client.get("/dishes/d1")).json() == "new"


async def test_unknown_paths_and_methods_are_problems(dishes, client):
    missing, wrong = await client.get("/nowhere"), await client.delete("/dishes/d1")

    assert missing.status_code == 404
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "GET")


async def test_an_answer_and_json_at_once_are_refused(dishes):
    with pytest.raises(ValueError, match="not both"):
        dishes.on("GET", "/a", Reply(), json=1)
    with pytest.raises(ValueError, match="slash"):
        dishes.on("GET", "a", json=1)


async def test_arrivals_tell_all_of_a_request_also_when_a_fault_hit(dishes, client):
    before = time.monotonic()
    dishes.trouble(kinds.Status(500))

    await client.post("/dishes/d%201?a=1&b=x%20y", json={"n": 1}, headers=[("X-A", "1"), ("X-A", "2")])

    (arrival,) = dishes.arrivals
    assert (arrival.method, arrival.path, arrival.target) == ("POST", "/dishes/d 1", "/dishes/d%201?a=1&b=x%20y")
    assert arrival.query == {"a": "1", "b": "x y"}
    assert (arrival.headers["x-a"], arrival.json()) == ("1, 2", {"n": 1})
    assert before <= arrival.when <= time.monotonic()


async def test_origin_and_url_name_the_same_place(dishes):
    assert dishes.origin == Origin("http", "127.0.0.1", dishes.origin.port)
    assert dishes.url == str(dishes.origin)


async def test_cancellation_reaches_the_socket(dishes, client):
    """The proof that a cancelled call is gone, and did not just stop being waited for."""
    dishes.trouble(kinds.HangBeforeHeaders())
    call = asyncio.create_task(client.get("/dishes/d1"))
    await dishes.arrived()

    cancelled = time.monotonic()
    call.cancel()
    closing = await dishes.peer_closed()

    assert closing.by == "peer"
    assert closing.during == dishes.arrivals[0]
    assert cancelled <= closing.when <= time.monotonic()
    await asyncio.gather(call, return_exceptions=True)


async def test_waiting_for_what_does_not_come_ends(dishes, connect):
    await connect(dishes.origin)

    with pytest.raises(TimeoutError):
        await dishes.arrived(timeout=0.01)
    with pytest.raises(TimeoutError):
        await dishes.peer_closed(timeout=0.01)


async def test_open_connections_are_counted_until_they_end(dishes, connect):
    clients = [await connect(dishes.origin) for _ in range(3)]
    for client in clients:
        await client.send(b"GET /dishes/d1 HTTP/1.1\r\n\r\n")
        await client.response()
    opened = dishes.open_connections

    for client in clients:
        client.close()
    await dishes.all_closed()

    assert opened == 3
    assert dishes.open_connections == 0
    assert [closing.by for closing in dishes.closings] == ["peer"] * 3


async def test_two_may_wait_at_once(dishes, connect):
    waiting = [asyncio.create_task(dishes.arrived(n)) for n in (1, 2)]
    client = await connect(dishes.origin)

    await client.send(b"GET /dishes/1 HTTP/1.1\r\n\r\nGET /dishes/2 HTTP/1.1\r\n\r\n")

    assert [len(each) for each in await asyncio.gather(*waiting)] == [1, 2]


@pytest.mark.parametrize(("reset", "end"), [(False, "FIN"), (True, "RST")])
async def test_idle_connections_can_be_dropped(dishes, asking, reset, end):
    """A pooled connection that died while nobody looked."""
    client = await asking()
    await client.response()

    dishes.drop_connections(reset=reset)

    assert (await client.until_end())[1] == end


async def test_a_service_goes_down_and_comes_back(dishes, client):
    await dishes.stop()
    with pytest.raises(httpx.ConnectError):
        await client.get("/dishes/d1")

    await dishes.start()

    assert (await client.get("/dishes/d1")).status_code == 200


async def test_tls_with_faults(fake_upstream):
    authority = Authority()
    fake: FakeUpstream = await fake_upstream(tls=authority.valid().server_context())
    fake.on("GET", "/", json=1)
    async with httpx.AsyncClient(verify=authority.client_context(), timeout=2) as client:
        whole = await client.get(f"{fake.url}/")
        fake.trouble(kinds.ResetMidBody())
        with pytest.raises(httpx.ReadError):
            await client.get(f"{fake.url}/")

    assert fake.origin.scheme == "https"
    assert whole.json() == 1


async def test_faults_may_be_there_before_the_service(connect):
    """Trouble at start-up is trouble, too; and nothing listens before it is told to."""
    fake = FakeUpstream()
    fake.trouble(kinds.Status(500))
    await asyncio.sleep(0)
    port_before = fake.origin.port

    async with fake:
        client = await connect(fake.origin)
        await client.send(b"GET / HTTP/1.1\r\n\r\n")
        line, _, _ = await client.response()

    assert (port_before, line) == (0, "HTTP/1.1 500 Internal Server Error")


def test_faults_may_be_named_outside_a_loop():
    fake = FakeUpstream()

    fake.trouble(kinds.Refuse())
    fake.clear()

    assert fake.faults.entries == []


async def test_a_service_that_starts_refused_opens_when_told(connect):
    fake = FakeUpstream()
    fake.trouble(kinds.Refuse())
    async with fake:
        with pytest.raises(ConnectionRefusedError):
            await connect(fake.origin)
        fake.clear()
        await fake.start()

        await connect(fake.origin)


async def test_closing_twice_is_harmless(fake_upstream):
    fake: FakeUpstream = await fake_upstream()

    await fake.close()
    await fake.close()

    assert fake.open_connections == 0
