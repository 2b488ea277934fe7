"""Cancelling a call closes its socket at once and loses nothing (DL-10, T-DL-d)."""

import asyncio
import contextlib
import dataclasses
import socket
import threading
from pathlib import Path
from random import Random

import pytest

from bff.clock import SystemClock
from bff.testing import fault_kinds as kinds
from bff.upstream.message import Origin, Request
from bff.upstream.transport.resolve import Resolver

PROMPT = 0.25
"""Seconds within which a service sees the connection close (DL-10)."""

STAGES = {
    "waiting for headers": kinds.HangBeforeHeaders(),
    "within the headers": kinds.Drip(interval=30.0, part="headers"),
    "before the body": kinds.HangAfterHeaders(),
    "within the body": kinds.Drip(interval=0.005),
}


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize("stage", STAGES)
async def test_cancelling_a_sent_request_closes_its_connection(stage, method, engine, upstream, opened, thing):
    """A service must not go on working for a client that left."""
    transport = opened(engine)
    upstream.trouble(STAGES[stage])
    call = asyncio.create_task(transport.send(thing(method)))
    await upstream.arrived(timeout=5.0)
    await asyncio.sleep(0.02)  # lets the part of the response that is to come arrive

    await _cancel(call)

    await upstream.peer_closed(timeout=PROMPT)
    upstream.clear()
    assert (await transport.send(thing(method))).status == 200


async def test_cancelling_a_reused_connection_closes_it(engine, upstream, opened, thing):
    transport = opened(engine)
    await transport.send(thing())
    upstream.trouble(kinds.HangBeforeHeaders())
    call = asyncio.create_task(transport.send(thing()))
    await upstream.arrived(2, timeout=5.0)

    await _cancel(call)

    await upstream.peer_closed(timeout=PROMPT)
    assert upstream.open_connections == 0


async def test_cancelling_a_tls_handshake_closes_its_connection(engine, opened, service):
    origin = service.origin._replace(scheme="https")
    call = asyncio.create_task(opened(engine).send(Request("GET", origin, "/")))
    await service.until(lambda: service.received)

    await _cancel(call)

    await service.until(lambda: not service.open, PROMPT)


async def test_cancelling_a_request_that_is_still_being_sent_closes_its_connection(engine, opened, service):
    service.deaf = True
    call = asyncio.create_task(opened(engine).send(Request("POST", service.origin, "/", body=bytes(10**7))))
    await service.until(lambda: service.accepted)
    await asyncio.sleep(0.02)

    await _cancel(call)
    for connection in service.open:
        connection.resume_reading()

    await service.until(lambda: not service.open, PROMPT)
    assert len(service.received) < 10**7


async def test_cancelling_a_connect_closes_its_socket(engine, opened, deaf, service):
    """A host that drops packets keeps connects waiting."""
    before = _open_files()
    call = asyncio.create_task(opened(engine).send(Request("GET", deaf, "/")))
    await service.until(lambda: _open_files() > before)

    await _cancel(call)

    await service.until(lambda: _open_files() <= before, PROMPT)


async def test_cancelling_a_lookup_returns_at_once(engine, opened):
    """The thread cannot be stopped, but nobody waits for it."""
    asked, go_on = threading.Event(), threading.Event()

    def lookup(*_, **__):
        asked.set()
        go_on.wait(5.0)
        raise socket.gaierror(socket.EAI_NONAME, "gone")

    resolver = Resolver(clock=SystemClock(), lookup=lookup)
    call = asyncio.create_task(
        opened(engine, resolver=resolver).send(Request("GET", Origin("http", "a.test", 80), "/"))
    )
    await asyncio.to_thread(asked.wait, 5.0)

    try:
        async with asyncio.timeout(PROMPT):
            await _cancel(call)
    finally:
        go_on.set()
        resolver.close()


async def test_cancelling_a_call_that_waits_for_a_connection_leaves_the_queue(
    engine, upstream, opened, thing, limits, turns
):
    """The slot must go to whoever still waits."""
    transport = opened(engine, dataclasses.replace(limits, max_connections=1))
    upstream.trouble(kinds.Latency(0.05))
    first, second, third = (asyncio.create_task(transport.send(thing())) for _ in range(3))
    await upstream.arrived(timeout=5.0)

    await _cancel(second)

    assert (await first).status == 200
    assert (await third).status == 200
    assert len(upstream.arrivals) == 2


async def test_a_grant_that_meets_a_cancellation_goes_to_the_next_in_the_queue(upstream, opened, thing, limits):
    """Whatever moment the cancellation comes in, the slot is not lost."""
    transport = opened("native", dataclasses.replace(limits, max_connections=1))
    for delay in range(40):
        calls = [asyncio.create_task(transport.send(thing())) for _ in range(3)]
        for _ in range(delay):
            await asyncio.sleep(0)
        calls[1].cancel()
        results = await asyncio.gather(*calls, return_exceptions=True)
        assert results[0].status == results[2].status == 200


async def test_after_ten_thousand_cancelled_calls_all_slots_are_there(engine, limits, opened):
    """httpx lost every slot of its pool after some thousands, and was dead until restarted (F1, T-DL-d)."""
    limits = dataclasses.replace(limits, max_connections=20)
    rng = Random(0)
    async with _half_answering() as (origin, answer_whole):
        transport = opened(engine, limits)
        request = Request("GET", origin, "/")

        async def cancel_some(count: int) -> None:
            for _ in range(count):
                call = asyncio.create_task(transport.send(request))
                await asyncio.sleep(rng.choice((0, 0, 0.0003, 0.001, 0.002)))
                await _cancel(call)

        await asyncio.gather(*(cancel_some(250) for _ in range(40)))
        answer_whole.set()
        responses = await asyncio.gather(*(transport.send(request) for _ in range(200)))

    assert [response.body for response in responses] == [b"0123456789"] * 200


def _open_files() -> int:
    return len(list(Path("/dev/fd").iterdir()))


async def _cancel(call: asyncio.Task) -> None:
    call.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await call


@contextlib.asynccontextmanager
async def _half_answering():
    """Answer half a response to each request until told to answer it whole."""
    whole = asyncio.Event()

    class Half(asyncio.Protocol):
        def connection_made(self, transport) -> None:
            self.transport = transport

        def data_received(self, data: bytes) -> None:
            head = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\n01234"
            self.transport.write(head + b"56789" * whole.is_set())

    server = await asyncio.get_running_loop().create_server(Half, "127.0.0.1", 0, backlog=1024)
    try:
        yield Origin("http", "127.0.0.1", server.sockets[0].getsockname()[1]), whole
    finally:
        server.close()
