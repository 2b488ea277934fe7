"""Each kind of fault that is about time and connections, seen by a bare socket: these bytes, this end."""

import asyncio
import json
from random import Random

import pytest

from bff.testing import FakeUpstream, Fault, Reply
from bff.testing import fault_kinds as kinds

BODY = b'{"id":"d1","name":"Pasta al forno"}'


def body_of(received: bytes) -> bytes:
    return received.partition(b"\r\n\r\n")[2]


def length_of(received: bytes) -> int:
    head = received.partition(b"\r\n\r\n")[0].decode().lower()
    return int(head.partition("content-length: ")[2].partition("\r\n")[0])


async def test_without_a_fault_the_reply_is_whole(asking):
    line, headers, body = await (await asking()).response()

    assert (line, headers["content-type"], body) == ("HTTP/1.1 200 OK", "application/json", BODY)


async def test_latency_lets_the_reply_wait_and_then_be_whole(fake_upstream, virtual_clock, connect):
    fake: FakeUpstream = await fake_upstream(clock=virtual_clock)
    fake.on("GET", "/dishes/{id}", json={"id": "d1"})
    fake.trouble(kinds.Latency(10))
    client = await connect(fake.origin)
    await client.send(b"GET /dishes/d1 HTTP/1.1\r\n\r\n")
    await fake.arrived()

    await virtual_clock.advance(9.9)
    early = await client.silent()
    await virtual_clock.advance(0.2)

    assert early
    assert (await client.response())[0] == "HTTP/1.1 200 OK"


@pytest.mark.parametrize("seed", range(5))
async def test_jitter_stays_in_its_bounds(fake_upstream, virtual_clock, connect, seed):
    fake: FakeUpstream = await fake_upstream(clock=virtual_clock, rng=Random(seed))
    fake.on("GET", "/", json=1)
    fake.trouble(kinds.Latency(10, jitter=2))
    client = await connect(fake.origin)
    await client.send(b"GET / HTTP/1.1\r\n\r\n")
    await fake.arrived()

    await virtual_clock.advance(7.99)
    early = await client.silent(0.01)
    await virtual_clock.advance(4.02)

    assert early
    assert (await client.response())[0] == "HTTP/1.1 200 OK"


@pytest.mark.parametrize("status", [429, 500, 503, 504])
async def test_status_is_a_problem_and_the_service_does_not_act(dishes, asking, status):
    acted = []

    async def act(request):
        acted.append(request)
        return Reply()

    dishes.on("GET", "/dishes/{id}", act)
    dishes.trouble(kinds.Status(status, retry_after=7))

    line, headers, body = await (await asking()).response()

    assert line.startswith(f"HTTP/1.1 {status} ")
    assert (headers["content-type"], headers["retry-after"]) == ("application/problem+json", "7")
    assert json.loads(body)["status"] == status
    assert (len(dishes.arrivals), acted) == (1, [])


async def test_retry_after_is_absent_or_a_date_as_asked(dishes, asking):
    dishes.trouble(Fault(kinds.Status(503), times=1), Fault(kinds.Status(503, "Fri, 01 Jan 2100 00:00:00 GMT")))

    _, without, _ = await (await asking()).response()
    _, dated, _ = await (await asking()).response()

    assert "retry-after" not in without
    assert dated["retry-after"] == "fri, 01 jan 2100 00:00:00 gmt"


@pytest.mark.parametrize("kind", [kinds.HangBeforeHeaders(), kinds.BlackHole()])
async def test_hang_before_headers_sends_nothing_until_the_client_leaves(dishes, asking, kind):
    dishes.trouble(kind)
    client = await asking()
    await dishes.arrived()

    silent = await client.silent()
    client.close()

    assert silent
    assert (await dishes.peer_closed()).during == dishes.arrivals[0]


async def test_black_hole_swallows_a_tls_handshake(dishes, asking):
    """A stalled handshake is what a client's connect timeout is for."""
    dishes.trouble(kinds.BlackHole())

    client = await asking(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03")

    assert await client.silent()


async def test_hang_after_headers_sends_the_head_and_no_more(dishes, asking):
    dishes.trouble(kinds.HangAfterHeaders())
    client = await asking()

    while not client.received.endswith(b"\r\n\r\n"):
        await client.read()

    assert client.received.startswith(b"HTTP/1.1 200 OK\r\n")
    assert length_of(client.received) == len(BODY)
    assert await client.silent()


@pytest.mark.parametrize(
    ("kind", "end", "acts"),
    [
        (kinds.ResetBeforeResponse(), "RST", 1),
        (kinds.ResetBeforeResponse(acts=False), "RST", 0),
        (kinds.EofBeforeResponse(), "FIN", 1),
        (kinds.EofBeforeResponse(acts=False), "FIN", 0),
    ],
)
async def test_an_end_before_the_response_has_no_byte(dishes, asking, kind, end, acts):
    """Whether the service acted is what the caller cannot know, and what `acts` decides."""
    acted = []

    async def act(request):
        acted.append(request)
        return Reply()

    dishes.on("GET", "/dishes/{id}", act)
    dishes.trouble(kind)

    assert await (await asking()).until_end() == (b"", end)
    assert len(acted) == acts


@pytest.mark.parametrize(("kind", "end"), [(kinds.ResetMidBody, "RST"), (kinds.ShortBody, "FIN")])
@pytest.mark.parametrize(("count", "sent"), [(None, len(BODY) // 2), (5, 5), (0, 0)])
async def test_a_body_ends_short_of_its_length(dishes, asking, kind, end, count, sent):
    dishes.trouble(kind(count))

    received, how = await (await asking()).until_end()

    assert (body_of(received), how) == (BODY[:sent], end)
    assert length_of(received) == len(BODY)


async def test_more_bytes_than_there_are_still_end_short(dishes, asking):
    dishes.trouble(kinds.ShortBody(100))

    received, _ = await (await asking()).until_end()

    assert len(body_of(received)) == 100
    assert length_of(received) == 101


async def test_missing_terminator_sends_all_but_the_last_chunk(dishes, asking):
    dishes.trouble(kinds.MissingTerminator())

    received, how = await (await asking()).until_end()

    assert b"\r\ntransfer-encoding: chunked\r\n" in received
    assert b"content-length" not in received
    assert (body_of(received), how) == (b"%x\r\n%b\r\n" % (len(BODY), BODY), "FIN")


async def test_drip_sends_so_many_bytes_each_interval(fake_upstream, virtual_clock, connect):
    fake: FakeUpstream = await fake_upstream(clock=virtual_clock)
    fake.on("GET", "/", json="abcdef")
    fake.trouble(kinds.Drip(bytes=3, interval=1))
    client = await connect(fake.origin)
    await client.send(b"GET / HTTP/1.1\r\n\r\n")
    await fake.arrived()
    seen = []

    for _ in range(3):
        await virtual_clock.advance(0.5)
        while not await client.silent(0.01):
            pass
        seen.append(body_of(client.received))
        await virtual_clock.advance(0.5)

    assert seen == [b'"ab', b'"abcde', b'"abcdef"']


async def test_drip_of_headers_starts_with_one_byte(fake_upstream, virtual_clock, connect):
    fake: FakeUpstream = await fake_upstream(clock=virtual_clock)
    fake.on("GET", "/", json=1)
    fake.trouble(kinds.Drip(part="headers"))
    client = await connect(fake.origin)
    await client.send(b"GET / HTTP/1.1\r\n\r\n")

    assert await client.until(1) == b"H"
    assert await client.silent()
    await virtual_clock.advance(1000)
    assert (await client.response())[2] == b"1"


async def test_bandwidth_bounds_bytes_over_time(fake_upstream, virtual_clock, connect):
    fake: FakeUpstream = await fake_upstream(clock=virtual_clock)
    fake.on("GET", "/", json="x" * 1000)
    fake.trouble(kinds.Bandwidth(100))
    client = await connect(fake.origin)
    await client.send(b"GET / HTTP/1.1\r\n\r\n")
    await fake.arrived()

    await virtual_clock.advance(2.01)
    while not await client.silent(0.01):
        pass

    assert len(client.received) == 200


@pytest.mark.parametrize(("status", "seen"), [(503, b"HTTP/1.1 503 "), (None, b"")])
async def test_flapping_is_up_then_down_then_up(fake_upstream, virtual_clock, connect, status, seen):
    fake: FakeUpstream = await fake_upstream(clock=virtual_clock)
    fake.on("GET", "/", json=1)
    fake.trouble(kinds.Flapping(up=5, down=3, status=status))
    starts = []

    for _ in range(10):
        client = await connect(fake.origin)
        await client.send(b"GET / HTTP/1.1\r\nconnection: close\r\n\r\n")
        received, _ = await client.until_end()
        starts.append(received[:13])
        await virtual_clock.advance(1)

    up = b"HTTP/1.1 200 "
    assert starts == [up] * 5 + [seen] * 3 + [up] * 2


async def test_close_after_reply_does_not_announce_it(dishes, asking):
    """The client's pool holds a connection that is already dead."""
    dishes.trouble(kinds.CloseAfterReply())

    received, how = await (await asking()).until_end()

    assert b"connection: close" not in received
    assert (body_of(received), how) == (BODY, "FIN")


async def test_reset_on_accept_needs_no_request(dishes, connect):
    dishes.trouble(kinds.ResetOnAccept())

    client = await connect(dishes.origin)

    assert await client.until_end() == (b"", "RST")
    assert dishes.arrivals == []


async def test_refuse_closes_the_port_and_ends_open_connections(dishes, asking, connect):
    client = await asking()
    await client.response()

    dishes.trouble(kinds.Refuse())

    assert (await client.until_end())[1] == "FIN"
    with pytest.raises(ConnectionRefusedError):
        await connect(dishes.origin)
    dishes.clear()
    await dishes.start()
    await connect(dishes.origin)


async def test_refuse_ends_by_itself(fake_upstream, virtual_clock, connect):
    fake: FakeUpstream = await fake_upstream(clock=virtual_clock)
    fake.trouble(Fault(kinds.Refuse(), duration=30))

    with pytest.raises(ConnectionRefusedError):
        await connect(fake.origin)
    await virtual_clock.advance(31)

    await connect(fake.origin)


@pytest.mark.parametrize(
    "kind", [k for k in kinds.KINDS.values() if k is not kinds.Refuse], ids=lambda k: k.__name__
)
async def test_no_kind_keeps_a_task_or_socket_when_the_service_stops(dishes, connect, kind):
    """Also the kinds that never end by themselves end with the service."""
    required = {"seconds": 100} if kind is kinds.Latency else {}
    dishes.trouble(kind(**required))
    client = await connect(dishes.origin)
    before = asyncio.all_tasks()
    await client.send(b"GET /dishes/d1 HTTP/1.1\r\n\r\n")
    await client.silent(0.01)

    await dishes.stop()

    assert dishes.open_connections == 0
    assert asyncio.all_tasks() <= before


@pytest.mark.parametrize("kind", kinds.KINDS.values(), ids=lambda k: k.__name__)
async def test_a_streamed_reply_is_let_go_whatever_the_fault(dishes, connect, kind):
    """A stream that holds something must be able to release it."""
    released = []

    class Stream:
        def __aiter__(self):
            return self

        async def __anext__(self):
            return b"data: 1\n\n"

        async def aclose(self):
            released.append(self)

    async def act(_):
        return Reply.events(Stream())

    required = {"seconds": 0} if kind is kinds.Latency else {}
    dishes.on("GET", "/events", act)
    dishes.trouble(Fault(kind(**required), times=None))
    try:
        client = await connect(dishes.origin)
        await client.send(b"GET /events HTTP/1.1\r\n\r\n")
        await client.silent(0.005)
    except OSError:
        assert kind in kinds.BEFORE_REQUEST

    await dishes.stop()

    acts = (
        kind not in kinds.BEFORE_REQUEST
        and "does not act" not in (kind.__doc__ or "")
        and kind is not kinds.BlackHole
    )
    assert len(released) >= acts
