"""A request that goes out at once has the same end as one that is sent with a timer around it (DL-6, fault 31)."""

import asyncio
import time
from dataclasses import replace

import pytest

from bff.clock import SystemClock
from bff.events import ignore
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Request
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.attempt import Attempt
from bff.upstream.pipeline.call import Call
from bff.upstream.transport import Prompt, Transport
from bff.upstream.transport.patience import FairTimeout

OK = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello"
PROMPT = 0.25
"""Seconds within which a service sees the connection close (DL-10)."""
STALL = 0.08
GET = "GET"


@pytest.fixture
def warm(service, opened):
    """Open a transport that has an idle connection to `service`."""

    async def open_(**limits) -> Transport:
        transport = opened("native", **limits)
        service.replies.append(OK)
        await transport.send(Request(GET, service.origin, "/"))
        return transport

    return open_


@pytest.fixture
def at_once(service, warm):
    """Begin an exchange that may last so many seconds."""

    async def begin(seconds: float, *, transport: Transport | None = None, method: str = GET):
        transport = transport or await warm()
        assert isinstance(transport, Prompt)
        begun = transport.begin(Request(method, service.origin, "/"), seconds)
        assert begun is not None
        return begun

    return begin


async def test_nothing_begins_without_an_idle_connection(service, opened):
    transport = opened("native")

    assert transport.begin(Request(GET, service.origin, "/"), 1.0) is None

    assert service.accepted == 0


async def test_what_cannot_be_said_in_http_is_refused(service, warm):
    transport = await warm()

    with pytest.raises(UpstreamError) as told:
        transport.begin(Request(GET, service.origin, "/a b"), 1.0)

    assert (told.value.outcome, told.value.sent) == (Outcome.LOCAL_BUG, False)
    service.replies.append(OK)
    assert (await transport.send(Request(GET, service.origin, "/"))).status == 200
    assert service.accepted == 1


async def test_the_answer_leaves_the_connection_for_the_next_request(service, warm, at_once):
    transport = await warm()
    for _ in range(3):
        service.replies.append(OK)
        _, answer = await at_once(5.0, transport=transport)
        assert (await answer).body == b"hello"

    assert service.accepted == 1


async def test_time_is_up_for_a_service_that_says_nothing(service, at_once):
    _, answer = await at_once(0.03)

    with pytest.raises(TimeoutError):
        await answer

    await service.until(lambda: not service.open, PROMPT)


async def test_time_is_up_for_a_service_that_never_ends(service, at_once):
    """T-DL-b: each byte is a sign of life, and still the whole takes too long."""
    _, answer = await at_once(0.05)

    async def drip():
        piece = b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"
        while True:
            for transport in service.open:
                transport.write(piece)
            piece = b"x"
            await asyncio.sleep(0.005)

    dripping = asyncio.ensure_future(drip())
    try:
        with pytest.raises(TimeoutError):
            await answer
    finally:
        dripping.cancel()


async def test_a_shorter_time_than_that_of_the_request_before_counts(service, warm, at_once):
    """The connection has one timer; it is moved when a request needs it earlier."""
    transport = await warm()
    service.replies.append(OK)
    _, answer = await at_once(5.0, transport=transport)
    await answer

    _, answer = await at_once(0.03, transport=transport)

    async with asyncio.timeout(2.0):
        with pytest.raises(TimeoutError):
            await answer


async def test_a_request_is_not_ended_by_the_time_of_the_one_before(service, warm, at_once):
    transport = await warm()
    service.replies.append(OK)
    _, answer = await at_once(0.03, transport=transport)
    await answer

    late = asyncio.ensure_future(transport.send(Request(GET, service.origin, "/")))
    await asyncio.sleep(0.06)
    for each in service.open:
        each.write(OK)

    assert (await late).body == b"hello"
    assert service.accepted == 1


async def test_a_service_that_stalls_is_given_up_before_the_time_is(service, warm, at_once, limits):
    transport = await warm(limits=replace(limits, read_idle=0.03))
    _, answer = await at_once(5.0, transport=transport)

    with pytest.raises(UpstreamError) as told:
        await answer

    assert (told.value.outcome, told.value.phase) == (Outcome.READ_TIMEOUT, "read")


async def test_when_both_times_are_up_the_shorter_promise_is_named(service, warm, at_once, limits):
    transport = await warm(limits=replace(limits, read_idle=0.03))
    _, answer = await at_once(0.03, transport=transport)

    with pytest.raises(TimeoutError):
        await answer


async def test_whoever_leaves_closes_the_connection(service, at_once):
    """DL-10."""
    exchange, answer = await at_once(5.0)
    answer.cancel()
    exchange.abandon(answer)

    await service.until(lambda: not service.open, PROMPT)


async def both_ways(begin, seconds: float, prepare) -> list:
    """Return how an exchange ends that goes out at once, and a wait with `FairTimeout`, after *prepare*."""
    ends = []
    loop = asyncio.get_running_loop()
    _, answer = await begin(seconds)
    prepare(lambda: None if answer.done() else answer.set_result("there"))
    try:
        ends.append(await answer)
    except TimeoutError:
        ends.append("too late")
    future = loop.create_future()
    prepare(lambda: None if future.done() else future.set_result("there"))
    try:
        with FairTimeout(seconds):
            ends.append(await future)
    except TimeoutError:
        ends.append("too late")
    return ends


async def test_an_answer_that_is_there_after_our_own_stall_is_taken(at_once):
    """Fault 31: a garbage collection of ours is no failure of a service."""
    loop = asyncio.get_running_loop()

    def stall_and_answer(answer):
        loop.call_soon(time.sleep, STALL)
        loop.call_later(STALL * 1.2, answer)

    assert await both_ways(at_once, STALL / 2, stall_and_answer) == ["there", "there"]


async def test_a_stall_gives_no_more_than_the_limit_once_more(at_once):
    loop = asyncio.get_running_loop()

    def stall_twice(answer):
        loop.call_soon(time.sleep, STALL)
        loop.call_later(STALL + 0.02, time.sleep, STALL)
        loop.call_later(3 * STALL, answer)

    assert await both_ways(at_once, 0.01, stall_twice) == ["too late", "too late"]


async def test_time_that_passed_in_the_same_turn_before_sending_is_not_counted(service, warm, at_once):
    """The clock of an event loop may stand still within a turn; an attempt's time begins when it is sent."""
    transport = await warm()
    await asyncio.sleep(0)
    time.sleep(STALL)  # noqa: ASYNC251 - a turn of the loop that takes long
    service.replies.append(OK)

    _, answer = await at_once(STALL / 2, transport=transport)

    assert (await answer).status == 200


@pytest.fixture
def attempt(service):
    """Send a call once, by an attempt over a transport."""

    async def send(transport: Transport, most: float = 5.0, deadline: float = 5.0) -> Call:
        clock = SystemClock()
        call = Call(
            "c",
            "e",
            GET,
            "/",
            {},
            None,
            safe=True,
            request_id="r",
            deadline=clock.now() + deadline,
            origin=service.origin,
        )
        await Attempt(transport, most, clock=clock, notify=ignore)(call)
        return call

    return send


class Roundabout:
    """A transport that never begins at once."""

    def __init__(self, transport: Transport) -> None:
        self.send, self.close = transport.send, transport.close


@pytest.mark.parametrize(
    ("most", "deadline", "phase"), [(0.03, 5.0, "attempt"), (5.0, 0.03, "operation")], ids=["attempt", "call"]
)
@pytest.mark.parametrize("way", [lambda transport: transport, Roundabout], ids=["at once", "later"])
async def test_an_attempt_ends_in_its_time_whichever_way_it_goes(
    way, most, deadline, phase, service, warm, attempt
):
    """DL-6, DL-7, DL-10."""
    transport = await warm()

    with pytest.raises(UpstreamError) as told:
        await attempt(way(transport), most, deadline)

    error = told.value
    assert (error.outcome, error.phase, error.detail) == (
        Outcome.READ_TIMEOUT,
        phase,
        f"no whole answer within {0.03 * 1000:.0f} ms",
    )
    await service.until(lambda: not service.open, PROMPT)


@pytest.mark.parametrize("way", [lambda transport: transport, Roundabout], ids=["at once", "later"])
async def test_a_cancelled_attempt_closes_its_connection_whichever_way_it_goes(way, service, warm, attempt):
    """DL-10."""
    transport = await warm()
    task = asyncio.ensure_future(attempt(way(transport)))
    await asyncio.sleep(0.01)

    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    await service.until(lambda: not service.open, PROMPT)


async def test_a_cancellation_goes_before_a_timeout_of_the_same_moment(attempt):
    """Whoever cancels must not be told of a failure instead."""

    class Sent:
        abandoned = None

        def begin(self, request, seconds):
            self.answer = asyncio.get_running_loop().create_future()
            return self, self.answer

        def abandon(self, answer):
            self.abandoned = answer

        async def send(self, request):
            raise AssertionError

        close = send

    sent = Sent()
    task = asyncio.ensure_future(attempt(sent))
    await asyncio.sleep(0)

    sent.answer.set_exception(TimeoutError())
    task.cancel()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert sent.abandoned is sent.answer


@pytest.mark.parametrize("way", [lambda transport: transport, Roundabout], ids=["at once", "later"])
@pytest.mark.parametrize(
    ("reply", "outcome"),
    [
        (b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n", Outcome.GATEWAY_ERROR),
        (b"HTTP/1.1 404 No\r\ncontent-length: 0\r\n\r\n", Outcome.NOT_FOUND),
        (b"nonsense\r\n\r\n", Outcome.BODY_BROKEN),
        (None, Outcome.RESET),
    ],
)
async def test_an_attempt_that_fails_ends_the_same_whichever_way_it_goes(
    way, reply, outcome, service, warm, attempt
):
    transport = await warm()
    service.replies.append(reply)

    with pytest.raises(UpstreamError) as told:
        await attempt(way(transport))

    assert told.value.outcome is outcome
