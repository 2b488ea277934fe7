"""The test server speaks HTTP/1.1 properly when it is not asked to do otherwise, and leaves nothing behind."""

import asyncio
import socket
from random import Random

import pytest

from bff.testing import FakeUpstream, Reply, event
from bff.testing import fault_kinds as kinds
from bff.testing.http_server import Bounds, HttpServer, answering
from bff.testing.wire import Wire
from bff.upstream.message import Origin


@pytest.fixture
async def echo(fake_upstream) -> FakeUpstream:
    """A fake that answers what it was sent."""
    fake: FakeUpstream = await fake_upstream(bounds=Bounds(headers=2000, body=5000))

    async def answer(request):
        return Reply.json({"path": request.path, "query": request.query, "body": request.body.decode()})

    for method in ("GET", "POST"):
        fake.on(method, "/echo/{name}", answer)
    return fake


CHUNKED = (
    b"POST /echo/a%20b?q=1&q=2&e= HTTP/1.1\r\nhost: x\r\nexpect: 100-continue\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
    b"3\r\nabc\r\n2;ext=1\r\nde\r\n0\r\n\r\n"
)
SIZED = b"POST /echo/a%20b?q=1&q=2&e= HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\n\r\nabcde"


@pytest.mark.parametrize("request_bytes", [CHUNKED, SIZED], ids=["chunked", "sized"])
@pytest.mark.parametrize("seed", range(8))
async def test_a_request_is_read_alike_however_its_bytes_are_cut(echo, connect, request_bytes, seed):
    rng = Random(seed)
    client = await connect(echo.origin)
    client.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    rest = request_bytes

    while rest:
        size = rng.randint(1, 40)
        await client.send(rest[:size])
        rest = rest[size:]
        await asyncio.sleep(0.0005)
    line, _, body = await client.response()

    assert line == "HTTP/1.1 200 OK"
    assert body == b'{"path":"/echo/a b","query":{"q":"2","e":""},"body":"abcde"}'


async def test_a_connection_serves_many_requests(echo, connect):
    client = await connect(echo.origin)

    for number in range(5):
        await client.send(f"GET /echo/{number} HTTP/1.1\r\n\r\n".encode())
        assert f"/echo/{number}".encode() in (await client.response())[2]

    assert [arrival.connection for arrival in echo.arrivals] == [1] * 5


async def test_pipelined_requests_are_answered_in_order(echo, connect):
    client = await connect(echo.origin)

    await client.send(b"".join(f"GET /echo/{n} HTTP/1.1\r\n\r\n".encode() for n in range(5)))

    for number in range(5):
        assert f"/echo/{number}".encode() in (await client.response())[2]


async def test_garbage_behind_a_request_ends_the_connection_after_its_reply(echo, connect):
    client = await connect(echo.origin)

    await client.send(b"GET /echo/1 HTTP/1.1\r\n\r\n\x00\x01\x02\r\n\r\n")
    received, how = await client.until_end()

    assert (received[:15], received.count(b"HTTP/1.1"), how) == (b"HTTP/1.1 200 OK", 1, "FIN")


async def test_a_wish_to_close_is_kept_also_by_a_fault(echo, connect):
    echo.trouble(kinds.Drip(bytes=1000))
    client = await connect(echo.origin)

    await client.send(b"GET /echo/1 HTTP/1.1\r\nconnection: close\r\n\r\n")

    assert (await client.until_end())[1] == "FIN"


async def test_too_many_pipelined_requests_end_the_connection(echo, connect):
    client = await connect(echo.origin)

    await client.send(b"GET /echo/1 HTTP/1.1\r\n\r\n" * 30)

    assert (await client.until_end())[1] == "RST"


@pytest.mark.parametrize(
    "request_bytes", [b"GET /echo/1 HTTP/1.0\r\n\r\n", b"GET /echo/1 HTTP/1.1\r\nconnection: close\r\n\r\n"]
)
async def test_a_client_that_wants_no_more_is_told_so(echo, connect, request_bytes):
    client = await connect(echo.origin)
    await client.send(request_bytes)

    received, how = await client.until_end()

    assert b"\r\nconnection: close\r\n" in received
    assert how == "FIN"


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        pytest.param(b"\x00\x01\x02\r\n\r\n", 400, id="garbage"),
        pytest.param(b"GET / HTTP/1.1\r\nx: " + b"y" * 3000 + b"\r\n\r\n", 431, id="long headers"),
        pytest.param(b"GET / HTTP/1.1\r\nx: " + b"y" * 3000, 431, id="headers without end"),
        pytest.param(b"GET /" + b"y" * 3000, 431, id="target without end"),
        pytest.param(b"POST /echo/1 HTTP/1.1\r\ncontent-length: 6000\r\n\r\n" + b"y" * 6000, 413, id="long body"),
        pytest.param(
            b"POST / HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n", 400, id="two lengths"
        ),
    ],
)
async def test_what_cannot_be_read_is_refused_and_is_no_arrival(echo, connect, request_bytes, status):
    client = await connect(echo.origin)
    await client.send(request_bytes)

    received, _ = await client.until_end()

    assert received.startswith(f"HTTP/1.1 {status} ".encode())
    assert echo.arrivals == []


async def test_head_has_the_length_but_no_body(echo, connect):
    client = await connect(echo.origin)

    await client.send(b"HEAD /echo/1 HTTP/1.1\r\nconnection: close\r\n\r\n")
    received, _ = await client.until_end()

    assert b"\r\ncontent-length: 39\r\n" in received
    assert received.endswith(b"\r\n\r\n")


async def test_no_content_has_neither_length_nor_body(echo, connect):
    echo.on("DELETE", "/echo/{name}", status=204)
    client = await connect(echo.origin)

    await client.send(b"DELETE /echo/1 HTTP/1.1\r\nconnection: close\r\n\r\n")
    received, _ = await client.until_end()

    assert received.startswith(b"HTTP/1.1 204 No Content\r\n")
    assert b"content-length" not in received


async def test_events_leave_as_they_come(echo, connect):
    """A stream of events is worth nothing if it waits for its end."""
    go_on = asyncio.Event()

    async def stream():
        yield event({"n": 1}, id="1", name="moved")
        await go_on.wait()
        yield event("two\nlines")

    async def answer(_):
        return Reply.events(stream())

    echo.on("GET", "/events", answer)
    client = await connect(echo.origin)
    await client.send(b"GET /events HTTP/1.1\r\n\r\n")

    while b"data" not in client.received:
        await client.read()
    first = client.received.partition(b"\r\n\r\n")[2]
    waits = await client.silent(0.01)
    go_on.set()
    while not client.received.endswith(b"0\r\n\r\n"):
        await client.read()

    assert first == b'22\r\nid: 1\nevent: moved\ndata: {"n":1}\n\n\r\n'
    assert waits
    assert b"data: two\ndata: lines\n\n" in client.received


async def test_a_stream_ends_when_its_client_leaves(echo, connect):
    ended = asyncio.Event()

    async def stream():
        try:
            yield b"data: 1\n\n"
            await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    async def answer(_):
        return Reply.events(stream())

    echo.on("GET", "/events", answer)
    client = await connect(echo.origin)
    await client.send(b"GET /events HTTP/1.1\r\n\r\n")
    await client.read()

    client.close()

    async with asyncio.timeout(1):
        await ended.wait()


@pytest.mark.parametrize(("cancels", "finished"), [(False, True), (True, False)])
async def test_a_handler_runs_on_without_its_client_unless_told_otherwise(
    fake_upstream, connect, cancels, finished
):
    """A service that has begun to place an order places it, whoever still listens."""
    fake: FakeUpstream = await fake_upstream(cancel_on_disconnect=cancels)
    go_on = asyncio.Event()
    ends = []

    async def act(_):
        try:
            await go_on.wait()
        except asyncio.CancelledError:
            ends.append(False)
            raise
        ends.append(True)
        return Reply()

    fake.on("POST", "/orders", act)
    client = await connect(fake.origin)
    await client.send(b"POST /orders HTTP/1.1\r\ncontent-length: 0\r\n\r\n")
    await fake.arrived()

    client.close()
    await fake.all_closed()
    go_on.set()
    await asyncio.sleep(0.005)

    assert ends == [finished]


async def test_a_failing_handler_is_a_500_and_is_logged(echo, connect, caplog):
    async def fail(_):
        raise LookupError("no such table")

    echo.on("GET", "/fails", fail)
    client = await connect(echo.origin)
    await client.send(b"GET /fails HTTP/1.1\r\n\r\n")

    line, _, body = await client.response()

    assert line == "HTTP/1.1 500 Internal Server Error"
    assert b"no such table" not in body
    assert "no such table" in caplog.text


@pytest.mark.parametrize("value", ["a\r\nx: b", "a\nb", "a\rb"])
async def test_a_header_cannot_smuggle_in_another(echo, connect, caplog, value):
    echo.on("GET", "/split", Reply(200, (("x-a", value),)))
    client = await connect(echo.origin)
    await client.send(b"GET /split HTTP/1.1\r\n\r\n")

    assert await client.until_end() == (b"", "RST")
    assert "line break" in caplog.text


async def test_stop_cancels_handlers_and_closes_connections(echo, connect):
    before = asyncio.all_tasks()

    async def never(_):
        await asyncio.get_running_loop().create_future()

    echo.on("GET", "/never", never)
    client = await connect(echo.origin)
    idle = await connect(echo.origin)
    await client.send(b"GET /never HTTP/1.1\r\n\r\n")
    await echo.arrived()

    await echo.stop()

    assert asyncio.all_tasks() <= before
    assert echo.open_connections == 0
    assert [(await each.until_end())[0] for each in (client, idle)] == [b"", b""]


async def test_a_stopped_service_refuses_and_comes_back_on_its_port(echo, connect):
    port = echo.origin.port
    for _ in range(3):
        await echo.stop()
        with pytest.raises(ConnectionRefusedError):
            await connect(echo.origin)
        await echo.start()
        await connect(echo.origin)
    assert echo.origin.port == port


async def test_nobody_else_gets_the_port_of_a_stopped_service(echo):
    await echo.stop()

    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind((echo.origin.host, echo.origin.port))


async def test_a_taken_port_is_an_error_that_leaves_nothing_open(echo):
    async def exchange(request, wire: Wire):
        await wire.reply(request, Reply())

    with pytest.raises(OSError, match="in use"):
        await HttpServer(exchange, port=echo.origin.port).start()


async def test_a_bare_server_answers_a_handler(connect):
    """What faults are built upon works without them."""

    async def handler(request):
        return Reply.json(request.path)

    async with HttpServer(answering(handler)) as server:
        client = await connect(Origin("http", server.host, server.port))
        await client.send(b"GET /a HTTP/1.1\r\n\r\n")
        assert (await client.response())[2] == b'"/a"'
