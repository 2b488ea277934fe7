"""Connections are used again whenever that is safe, never when it is not, and never beyond the limit."""

import asyncio
import dataclasses
from random import Random

import pytest

from bff.testing import FakeUpstream, VirtualClock
from bff.testing import fault_kinds as kinds
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Request
from bff.upstream.outcome import Outcome

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"


async def test_calls_one_after_the_other_share_a_connection(engine, upstream, opened, thing):
    transport = opened(engine)
    for method in ("GET", "POST", "GET", "PUT"):
        assert (await transport.send(thing(method, b"{}" if method != "GET" else None))).status == 200

    assert upstream.accepted_connections == 1


@pytest.mark.parametrize(
    ("method", "reply", "status", "body"),
    [
        pytest.param("GET", OK, 200, b"hello", id="content-length"),
        pytest.param(
            "GET",
            b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"
            b"3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nx-trailer: 1\r\n\r\n",
            200,
            b"hello",
            id="chunked, with extension and trailer",
        ),
        pytest.param("GET", b"HTTP/1.1 204 No Content\r\n\r\n", 204, b"", id="204"),
        pytest.param("GET", b"HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n", 304, b"", id="304"),
        pytest.param("GET", b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", 200, b"", id="empty"),
        pytest.param("GET", b"HTTP/1.1 100 Continue\r\n\r\n" + OK, 200, b"hello", id="100 first"),
        pytest.param("HEAD", b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", 200, b"", id="HEAD"),
        pytest.param(
            "HEAD", b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", 200, b"", id="HEAD, chunked"
        ),
        pytest.param(
            "HEAD",
            b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 5\r\n\r\n",
            200,
            b"",
            id="HEAD, compressed",
        ),
    ],
)
async def test_a_whole_response_leaves_its_connection_for_the_next_call(
    method, reply, status, body, engine, service, opened
):
    transport = opened(engine)
    service.replies += [reply, OK]

    first = await transport.send(Request(method, service.origin, "/"))
    second = await transport.send(Request("GET", service.origin, "/"))

    assert (first.status, first.body, second.body) == (status, body, b"hello")
    assert service.accepted == 1


@pytest.mark.parametrize(
    ("replies", "bodies"),
    [
        pytest.param([OK.replace(b"\r\n\r\n", b"\r\nconnection: close\r\n\r\n"), OK], [b"hello"] * 2, id="close"),
        pytest.param([b"HTTP/1.0 200 OK\r\ncontent-length: 5\r\n\r\nhello", OK], [b"hello"] * 2, id="HTTP/1.0"),
        pytest.param([OK + b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", OK], [b"hello"] * 2, id="two"),
    ],
)
async def test_a_connection_that_may_not_go_on_is_not_used_again(replies, bodies, engine, service, opened, turns):
    """Bytes that nobody asked for must never answer the next call: it may be another user's (G6)."""
    transport = opened(engine)
    service.replies += replies

    seen = []
    for _ in replies:
        seen.append((await transport.send(Request("GET", service.origin, "/"))).body)
        await turns()

    assert seen == bodies
    assert service.accepted == 2


@pytest.mark.parametrize(
    ("method", "reply", "body"),
    [
        pytest.param("GET", OK + b"x", b"hello", id="a byte after the body"),
        pytest.param("HEAD", OK, b"", id="a body for HEAD"),
    ],
)
async def test_bytes_too_many_never_become_part_of_the_next_response(
    method, reply, body, engine, service, opened, ended, turns
):
    """The response before them may be taken or refused."""
    transport = opened(engine)
    service.replies += [reply, OK]

    first = await ended(transport, Request(method, service.origin, "/"))
    await turns()
    second = await transport.send(Request("GET", service.origin, "/"))

    assert first.outcome is Outcome.BODY_BROKEN if isinstance(first, UpstreamError) else first.body == body
    assert second.body == b"hello"
    assert service.accepted == 2


async def test_bytes_that_come_while_idle_never_answer_a_call(engine, service, opened, turns):
    """Response queue poisoning: what a service sends unasked belongs to nobody."""
    transport = opened(engine)
    service.replies += [OK, OK]
    await transport.send(Request("GET", service.origin, "/"))
    for connection in service.open:
        connection.write(OK.replace(b"hello", b"evil!"))
    await turns()

    response = await transport.send(Request("GET", service.origin, "/"))

    assert response.body == b"hello"
    assert service.accepted == 2


async def test_a_body_may_end_with_the_connection(engine, service, opened):
    transport = opened(engine)
    service.replies += [b"HTTP/1.1 200 OK\r\n\r\nhello"]
    call = asyncio.create_task(transport.send(Request("GET", service.origin, "/")))
    await service.until(lambda: not service.replies)
    for connection in service.open:
        connection.close()

    assert (await call).body == b"hello"


async def test_no_request_goes_to_a_connection_whose_end_has_arrived_but_was_not_read_yet(service, opened):
    """The stale keep-alive race as far as it can be avoided: the socket is asked before each use (T-RT-d)."""
    transport = opened("native")
    service.replies += [OK, OK]
    await transport.send(Request("POST", service.origin, "/"))
    for connection in list(service.open):
        connection.abort()
    while service.open:  # noqa: ASYNC110
        await asyncio.sleep(0)  # not a moment longer than the service needs to close

    response = await transport.send(Request("POST", service.origin, "/"))

    assert response.status == 200


async def test_a_large_upload_arrives_whole(engine, upstream, opened, thing):
    body = Random(0).randbytes(5_000_000)

    response = await opened(engine).send(thing("POST", body))

    assert response.status == 200
    assert upstream.arrivals[0].body == body


async def test_a_service_that_stops_reading_ends_at_the_write_timeout(engine, opened, limits, service):
    """A body that does not leave is told apart from an answer that does not come (DL-7)."""
    service.deaf = True
    transport = opened(engine, dataclasses.replace(limits, write_idle=0.1))

    with pytest.raises(UpstreamError) as caught:
        await transport.send(Request("POST", service.origin, "/", body=bytes(10**7)))

    assert (caught.value.outcome, caught.value.phase) == (Outcome.READ_TIMEOUT, "write")


async def test_an_answer_that_comes_before_the_body_is_out_is_taken(engine, opened, service, turns):
    """A service may refuse a large upload by its header section alone."""
    refusal = b"HTTP/1.1 413 Content Too Large\r\ncontent-length: 0\r\n\r\n"
    transport = opened(engine)
    service.deaf = True
    call = asyncio.create_task(transport.send(Request("POST", service.origin, "/", body=bytes(10**7))))
    await service.until(lambda: service.accepted)
    await turns()
    for connection in service.open:
        connection.write(refusal)

    assert (await call).status == 413
    await turns()
    for connection in service.open:
        connection.resume_reading()
    await service.until(lambda: not service.open)


async def test_never_more_connections_than_the_limit(engine, upstream, opened, thing, limits):
    transport = opened(engine, dataclasses.replace(limits, max_connections=3))

    await asyncio.gather(*(transport.send(thing()) for _ in range(30)))

    assert upstream.accepted_connections <= 3
    assert len(upstream.arrivals) == 30


async def test_a_call_that_gets_no_connection_in_time_was_not_sent(engine, upstream, opened, thing, limits, ended):
    """Overload of our own is told apart from a failing service, and does not count against it (BH-2)."""
    limits = dataclasses.replace(limits, max_connections=1, pool_timeout=0.05, read_idle=0.5)
    transport = opened(engine, limits)
    upstream.trouble(kinds.HangBeforeHeaders())
    first = asyncio.create_task(ended(transport, thing()))
    await upstream.arrived(timeout=5.0)

    second = await ended(transport, thing())

    assert (second.outcome, second.phase, second.sent) == (Outcome.POOL, "queue", False)
    assert (await first).outcome is Outcome.READ_TIMEOUT
    assert len(upstream.arrivals) == 1


async def test_a_queue_that_can_never_be_served_in_time_is_not_joined(upstream, opened, thing, limits, ended):
    transport = opened("native", dataclasses.replace(limits, max_connections=1))
    upstream.trouble(kinds.Latency(0.1))

    results = await asyncio.gather(*(ended(transport, thing()) for _ in range(12)))

    refused = [result for result in results if isinstance(result, UpstreamError)]
    assert [(error.outcome, error.phase) for error in refused] == [(Outcome.POOL, None)]


async def test_an_idle_connection_makes_room_for_another_host(opened, upstream, thing, limits):
    transport = opened("native", dataclasses.replace(limits, max_connections=1))
    async with FakeUpstream() as other:
        other.on("GET", "/thing", json={})
        for _ in range(3):
            assert (await transport.send(thing())).status == 200
            assert (await transport.send(Request("GET", other.origin, "/thing"))).status == 200
        await asyncio.gather(
            *(transport.send(request) for request in [thing(), Request("GET", other.origin, "/thing")] * 5)
        )
        await transport.close()


async def test_the_connection_used_last_is_used_next(opened, upstream, thing):
    """So that after a burst the others grow idle and close."""
    transport = opened("native")
    upstream.trouble(kinds.Latency(0.02))
    await asyncio.gather(*(transport.send(thing()) for _ in range(5)))
    upstream.clear()

    for _ in range(5):
        await transport.send(thing())

    assert len({arrival.connection for arrival in upstream.arrivals[5:]}) == 1


async def test_a_connection_idle_for_too_long_is_not_used(opened, upstream, thing, limits):
    """The service may be about to close it: ours has to be the shorter patience (PY-6)."""
    clock = VirtualClock()
    transport = opened("native", dataclasses.replace(limits, keepalive_expiry=15.0), clock=clock)
    await transport.send(thing())
    await clock.advance(14.9)
    await transport.send(thing())
    assert upstream.accepted_connections == 1

    await clock.advance(15.0)
    await transport.send(thing())

    assert upstream.accepted_connections == 2


@pytest.mark.parametrize(
    ("hint", "limit"),
    [("timeout=5", 4.0), ("timeout=5, max=100", 4.0), ("Timeout = 1", 0.0), ("max=5", 15.0), ("timeout=60", 15.0)],
)
async def test_a_service_that_says_how_long_it_waits_is_believed(hint, limit, opened, upstream, limits):
    """Ours stays the shorter patience without anybody configuring it (PY-6)."""
    clock = VirtualClock()
    upstream.on("GET", "/hint", status=200, headers={"keep-alive": hint})
    transport = opened("native", dataclasses.replace(limits, keepalive_expiry=15.0), clock=clock)
    request = Request("GET", upstream.origin, "/hint")
    await transport.send(request)
    if limit:
        await clock.advance(limit - 0.1)
        await transport.send(request)
    assert upstream.accepted_connections == 1

    await clock.advance(limit)
    await transport.send(request)

    assert upstream.accepted_connections == 2


async def test_an_old_connection_is_not_used_however_busy(opened, upstream, thing, limits):
    """Keep-alive would otherwise pin old addresses for ever (LB-11)."""
    clock = VirtualClock()
    transport = opened("native", dataclasses.replace(limits, max_connection_age=300.0), clock=clock)
    for _ in range(27):
        await transport.send(thing())
        await clock.advance(10.0)
    assert upstream.accepted_connections == 1

    for _ in range(3):
        await clock.advance(10.0)
        await transport.send(thing())

    assert upstream.accepted_connections == 2


async def test_an_idle_connection_is_closed_though_nobody_calls(engine, opened, upstream, thing, limits):
    transport = opened(engine, dataclasses.replace(limits, keepalive_expiry=0.05))
    await transport.send(thing())

    await upstream.all_closed(timeout=5.0)


async def test_a_service_that_hangs_up_on_every_connection_fails_calls_but_not_the_transport(
    engine, upstream, opened, thing, ended
):
    transport = opened(engine)
    upstream.trouble(kinds.ResetOnAccept())
    for _ in range(5):
        assert (await ended(transport, thing())).outcome in {Outcome.CONNECT, Outcome.RESET}
    assert upstream.arrivals == []

    upstream.clear()

    assert (await transport.send(thing())).status == 200
