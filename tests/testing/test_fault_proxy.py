"""A real service is let down by what stands in front of it, and is itself none the wiser."""

import asyncio
import gzip
import signal
import sys

import httpx
import pytest

from bff.testing import FakeUpstream, FaultProxy, Reply, event
from bff.testing import fault_kinds as kinds
from bff.testing.certificates import Authority
from bff.testing.fault_proxy import main, origin_of
from bff.upstream.message import Origin


@pytest.fixture
async def proxy(dishes):
    async with FaultProxy(dishes.origin) as proxy:
        yield proxy


@pytest.fixture
async def client(proxy):
    async with httpx.AsyncClient(base_url=proxy.url, timeout=2) as client:
        yield client


async def test_a_request_and_its_reply_pass_unchanged(dishes, client):
    async def echo(request):
        return Reply.json(request.json(), 201, (("etag", '"1"'), ("x-a", "1"), ("x-a", "2")))

    dishes.on("POST", "/orders", echo)

    answer = await client.post("/orders?a=1%202", json={"n": [1]}, headers={"x-b": "3", "accept-encoding": "gzip"})

    (arrival,) = dishes.arrivals
    assert (arrival.target, arrival.headers["x-b"]) == ("/orders?a=1%202", "3")
    assert arrival.headers["host"] == dishes.url.removeprefix("http://")
    assert arrival.headers["accept-encoding"] == "identity"
    assert (answer.status_code, answer.json(), answer.headers["etag"]) == (201, {"n": [1]}, '"1"')
    assert answer.headers.get_list("x-a") == ["1", "2"]


@pytest.mark.parametrize("status", [204, 304, 404, 500])
async def test_every_status_passes(dishes, client, status):
    dishes.on("GET", "/s", status=status)

    assert (await client.get("/s")).status_code == status


async def test_head_keeps_its_length(client, dishes):
    whole = await client.get("/dishes/d1")

    head = await client.head("/dishes/d1")

    assert head.headers["content-length"] == whole.headers["content-length"]
    assert head.content == b""


async def test_a_body_without_length_passes_whole(client, connect):
    """An HTTP/1.0 service ends its body by closing."""

    async def old(reader, writer):
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\ncontent-encoding: gzip\r\n\r\n" + gzip.compress(b"all of it"))
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(old, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, FaultProxy(Origin("http", "127.0.0.1", port)) as proxy, httpx.AsyncClient() as other:
        answer = await other.get(f"{proxy.url}/")

    assert answer.text == "all of it"


async def test_informational_responses_of_the_target_are_not_the_answer(dishes, client):
    dishes.trouble(kinds.Informational(2))

    assert (await client.get("/dishes/d1")).status_code == 200


async def test_events_pass_as_they_come_and_end_with_the_client(dishes, client):
    """Cancellation goes through the proxy to the service."""
    go_on = asyncio.Event()

    async def stream():
        yield event(1)
        await go_on.wait()

    async def answer(_):
        return Reply.events(stream())

    dishes.on("GET", "/events", answer)

    async with client.stream("GET", "/events") as reply:
        first = await anext(reply.aiter_text())

    assert first == "data: 1\n\n"
    await dishes.all_closed()


async def test_a_hung_target_is_let_go_when_the_client_leaves(dishes, client, proxy):
    dishes.trouble(kinds.HangBeforeHeaders())
    call = asyncio.create_task(client.get("/dishes/d1"))
    await dishes.arrived()

    call.cancel()

    assert (await dishes.peer_closed()).during is not None
    await asyncio.gather(call, return_exceptions=True)


@pytest.mark.parametrize(
    "kind", [kinds.ResetBeforeResponse(), kinds.ShortBody(), kinds.InvalidStatusLine(), kinds.Refuse()]
)
async def test_a_target_that_fails_by_itself_is_a_bad_gateway(dishes, client, kind):
    dishes.trouble(kind)

    answer = await client.get("/dishes/d1")

    assert (answer.status_code, answer.headers["content-type"]) == (502, "application/problem+json")


@pytest.mark.parametrize(
    "kind", [k for k in kinds.KINDS.values() if k is not kinds.Latency], ids=lambda k: k.__name__
)
async def test_every_fault_works_in_front_of_a_service_and_leaves_nothing_open(dishes, proxy, connect, kind):
    proxy.trouble(kind())
    try:
        client = await connect(proxy.origin)
        await client.send(b"GET /dishes/d1 HTTP/1.1\r\n\r\n")
        await client.silent(0.01)
    except ConnectionError:
        assert kind in kinds.BEFORE_REQUEST

    await proxy.stop()

    await dishes.all_closed()


async def test_an_unread_stream_is_closed_too(dishes, proxy, connect):
    """A fault may leave a stream unread whose connection to the service is open."""

    async def stream():
        while True:
            yield event(1)
            await asyncio.sleep(0.001)

    async def answer(_):
        return Reply.events(stream())

    dishes.on("GET", "/events", answer)
    proxy.trouble(kinds.ResetBeforeResponse())
    client = await connect(proxy.origin)
    await client.send(b"GET /events HTTP/1.1\r\n\r\n")

    await client.until_end()

    await dishes.all_closed()


async def test_refusing_proxy_is_healed_over_its_second_port(dishes, proxy, connect):
    proxy.trouble(kinds.Refuse())
    with pytest.raises(ConnectionRefusedError):
        await connect(proxy.origin)

    async with httpx.AsyncClient(base_url=proxy.control_url) as control:
        await control.delete("/__faults")

    await connect(proxy.origin)


async def test_a_target_over_tls(fake_upstream):
    authority = Authority()
    fake: FakeUpstream = await fake_upstream(tls=authority.valid().server_context())
    fake.on("GET", "/", json=1)
    async with (
        FaultProxy(fake.origin, target_tls=authority.client_context()) as trusting,
        FaultProxy(fake.origin) as doubting,
        httpx.AsyncClient() as client,
    ):
        assert (await client.get(f"{trusting.url}/")).json() == 1
        assert (await client.get(f"{doubting.url}/")).status_code == 502


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        ("http://127.0.0.1:9102", Origin("http", "127.0.0.1", 9102)),
        ("https://catalog/", Origin("https", "catalog", 443)),
        ("http://[::1]:80", Origin("http", "::1", 80)),
    ],
)
def test_a_target_is_an_origin(url, origin):
    assert origin_of(url) == origin


@pytest.mark.parametrize(
    "arguments", [["--target", "ftp://x"], ["--target", "http://x/a"], ["--fault", '{"kind": "x"}']]
)
def test_wrong_arguments_are_usage_errors(arguments, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--listen", "0", "--target", "http://127.0.0.1:1", *arguments])

    assert exit_.value.code == 2
    assert "usage:" in capsys.readouterr().err


async def test_the_command_line_proxies_until_it_is_told_to_stop(dishes):
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bff.testing.fault_proxy", "--listen", "0", "--target", dishes.url,
        "--fault", '{"kind": "status", "status": 418, "times": 1}',
        stdout=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        said = (await process.stdout.readline()).decode()
        async with httpx.AsyncClient(base_url=said.split()[0], timeout=5) as client:
            statuses = [(await client.get("/dishes/d1")).status_code for _ in range(2)]
            process.send_signal(signal.SIGTERM)
            code = await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()

    assert dishes.url in said
    assert statuses == [418, 200]
    assert code == 0
