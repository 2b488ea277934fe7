"""How one exchange ends when its client, its body or its reader misbehaves."""

import asyncio
import time

import pytest

from bff.codes import Code
from bff.execution.messages import Answer
from bff.server.events import ExchangeStopped
from bff.server.watch import Patience

HEAD = b"POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"
BODY = b'{"query":"{a}"}'


class Endless:
    """Runs until it is cancelled, and notes when."""

    def __init__(self):
        self.running = asyncio.Event()
        self.cancelled_at = None

    async def __call__(self, request, ingress):
        self.running.set()
        try:
            await asyncio.get_running_loop().create_future()
        finally:
            self.cancelled_at = time.monotonic()


@pytest.mark.parametrize("wait", [0.0, 0.2])
async def test_a_client_that_leaves_cancels_its_operation_within_250_ms(edge, wait):
    """DL-9: whether it leaves before or after somebody watches."""
    operation = Endless()
    async with edge(operation) as running, running.socket() as (_, writer):
        writer.write(HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY)
        await operation.running.wait()
        await asyncio.sleep(wait)
        left_at = time.monotonic()
        writer.transport.abort()
        await running.idle()

    assert operation.cancelled_at - left_at < 0.25
    assert running.events == [ExchangeStopped("r1", "client left")]


async def test_clients_that_leave_in_numbers_leave_nothing_behind(edge):
    """Fault 33: half of them go at random moments, the others get their answers."""

    async def behaviour(request, ingress):
        await asyncio.sleep(0.15)
        return Answer({"data": {"a": 1}})

    async with edge(behaviour) as running:

        async def visit(number):
            async with running.socket() as (reader, writer):
                writer.write(HEAD + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY)
                if number % 2:
                    await asyncio.sleep(number / 1000)
                    writer.transport.abort()
                    return None
                return await reader.read(-1)

        before = len(asyncio.all_tasks())
        answers = await asyncio.gather(*(visit(number) for number in range(100)))
        await running.idle()
        await asyncio.sleep(0)

        assert sum(1 for answer in answers if answer and answer.startswith(b"HTTP/1.1 200 ")) == 50
        assert len(asyncio.all_tasks()) <= before
        assert (await running.post()).status_code == 200


async def test_an_engine_that_finishes_a_mutation_anyway_is_waited_for(edge):
    """DL-9: what a service has seen is not abandoned, though nobody hears the answer."""
    finished = asyncio.Event()
    started = asyncio.Event()

    async def stubborn(request, ingress):
        started.set()
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError:
            await asyncio.sleep(0.01)
            finished.set()
        return Answer({"data": {"placed": True}})

    async with edge(stubborn) as running, running.socket() as (_, writer):
        writer.write(HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY)
        await started.wait()
        writer.transport.abort()
        await running.idle()

    assert finished.is_set()
    assert running.events == [ExchangeStopped("r1", "client left")]


async def test_a_body_that_never_comes_is_answered_at_the_deadline(edge, operations):
    async with edge(policy=operations(deadline="300ms", deadline_max="300ms")) as running:
        answer = await running.raw(HEAD + b"content-length: 100\r\n\r\n{")

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b"connection: close" in answer
    assert b"DEADLINE_EXCEEDED" in answer


async def test_a_client_that_leaves_within_its_body_is_forgotten(edge):
    async with edge() as running, running.socket() as (_, writer):
        writer.write(HEAD + b"content-length: 100\r\n\r\n{")
        await asyncio.sleep(0.02)
        writer.transport.abort()
        await running.idle()

    assert not running.engine.requests
    assert not running.engine.refused


async def test_an_announced_flood_is_refused_before_it_is_sent(edge):
    """The client is still waiting for permission to send, so not one byte of it travels."""
    async with edge() as running, running.socket() as (reader, writer):
        writer.write(HEAD + b"expect: 100-continue\r\ncontent-length: 99999999999\r\n\r\n")
        answer = await reader.readuntil(b"\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 413 ")


async def test_an_endless_body_is_refused_at_the_cap(edge, operations):
    """It says no length; the answer reaches a client that is still sending."""
    async with edge(policy=operations(limits={"body": "1KiB"})) as running, running.socket() as (reader, writer):
        writer.write(HEAD + b"transfer-encoding: chunked\r\n\r\n")
        for _ in range(40):
            writer.write(b"400\r\n" + b" " * 1024 + b"\r\n")
        answer = await reader.readuntil(b"\r\n\r\n")
        writer.write(b"400\r\n" + b" " * 1024 + b"\r\n")

    assert answer.startswith(b"HTTP/1.1 413 ")
    assert b"connection: close" in answer


async def test_a_body_in_pieces_is_put_together(edge):
    async with edge() as running, running.socket() as (reader, writer):
        writer.write(HEAD + b"connection: close\r\ncontent-length: %d\r\n\r\n" % len(BODY))
        for byte in BODY:
            writer.write(bytes([byte]))
            await asyncio.sleep(0.001)
        answer = await reader.read(-1)

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert running.engine.requests[0].query == "{a}"


async def test_a_body_longer_than_it_says_ends_the_connection(edge):
    async with edge() as running:
        answer = await running.raw(HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY + b"surplus\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 400 ")
    assert answer.count(b"HTTP/1.1 ") == 1


async def large(request, ingress):
    return Answer({"data": {"items": [{"name": "x" * 1000} for _ in range(8000)]}})


async def test_a_large_answer_arrives_whole(edge):
    async with edge(large) as running:
        answer = await running.post()

    assert len(answer.json()["data"]["items"]) == 8000
    assert answer.headers["content-length"] == str(len(answer.content))


async def test_a_reader_that_stalls_frees_its_slot(edge):
    """Fault 34: what waits for it in memory is bounded, and it is given up after the write timeout."""
    patience = Patience(write=0.3)
    async with edge(large, patience=patience) as running, running.socket(receive_buffer=4096) as (_, writer):
        writer.write(HEAD + b"content-length: %d\r\n\r\n" % len(BODY) + BODY)
        await running.busy()
        writer.transport.pause_reading()
        [connection] = running.server.server_state.connections
        await asyncio.sleep(0.1)
        assert connection.transport.get_write_buffer_size() <= 128 * 1024
        await running.idle()
        connection.transport.abort()

    assert running.events == [ExchangeStopped("r1", "stalled reader")]


async def test_an_engine_that_forgets_the_deadline_is_ended(edge, operations):
    operation = Endless()
    async with edge(
        operation, operations(deadline="200ms", deadline_max="200ms"), patience=Patience(overdue=0.1)
    ) as running:
        answer = await running.post()

    assert (answer.status_code, running.engine.refused[0][0]) == (504, Code.DEADLINE_EXCEEDED)
    assert operation.cancelled_at


async def test_a_cancellation_that_escapes_an_operation_is_a_fault_of_ours(edge):
    """PD-14: it must not look like a client that left."""

    async def leaking(request, ingress):
        raise asyncio.CancelledError

    async with edge(leaking) as running:
        answer = await running.post()

    assert (answer.status_code, running.engine.refused[0][0]) == (500, Code.INTERNAL_SERVER_ERROR)


@pytest.mark.parametrize("batch", [False, True])
async def test_an_operation_cut_short_by_the_end_of_the_process_says_so(edge, operations, batch):
    operation = Endless()
    async with edge(operation, operations(batching={"enabled": True})) as running:
        body = {"query": "{a}"}
        asking = asyncio.create_task(running.post([body, body] if batch else body))
        await operation.running.wait()
        running.lifecycle.stop()
        answer = await asking

    assert answer.status_code == (200 if batch else 503)
    assert answer.text.count("SHUTTING_DOWN") == (2 if batch else 1)


async def test_a_body_cut_short_by_the_end_of_the_process_says_so(edge):
    async with edge() as running, running.socket() as (reader, writer):
        writer.write(HEAD + b"content-length: 100\r\n\r\n{")
        await running.busy()
        running.lifecycle.stop()
        answer = await reader.read(-1)

    assert answer.startswith(b"HTTP/1.1 503 ")


async def test_requests_on_one_connection_are_independent(edge):
    """A watch that outlived its request would cancel the next one."""
    async with edge() as running:
        for _ in range(50):
            assert (await running.post()).status_code == 200

    assert not running.lifecycle.in_flight
    assert not running.events


async def test_a_body_sent_again_is_a_request_of_its_own(edge):
    """What was read from bytes is remembered; nobody's changes to it are."""

    async def take(request, ingress):
        if request.variables:
            request.variables["taken"] = True
        return Answer({"data": {}}, kind="query")

    bodies = [{"query": "{ a }", "variables": {"one": 1}}, {"query": "{ b }", "variables": {"many": [{"x": 1}]}}]
    async with edge(take) as running:
        for body in bodies * 3:
            assert (await running.post(body)).status_code == 200

    seen = running.engine.requests
    assert len({id(request.variables) for request in seen}) == len(seen)
    assert [request.query for request in seen] == ["{ a }", "{ b }"] * 3


async def test_a_refused_body_is_refused_again(edge):
    async with edge() as running:
        first, second = [await running.post_bytes(b'{"query": 7}') for _ in range(2)]

    assert first.status_code == second.status_code == 422


async def test_more_bodies_than_are_remembered_are_all_read(edge):
    async with edge() as running:
        for number in range(600):
            await running.post({"query": f"{{ a{number}: __typename }}"})
        await running.post({"query": "{ a0: __typename }"})

    assert len(running.engine.requests) == 601
