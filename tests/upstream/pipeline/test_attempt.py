"""One try ends in its time, with one outcome, and tells the service how long it has."""

import asyncio
import time

import msgspec
import pytest

from bff.events import AttemptFinished
from bff.upstream.declare import Upstream
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import FACTS, Outcome
from bff.upstream.pipeline.throttling import retry_after

thing = Upstream("catalog").get("/thing", returns=msgspec.Raw, name="thing")


async def hang(request):
    await asyncio.Event().wait()


async def fail(world, seconds=5.0):
    with pytest.raises(UpstreamError) as told:
        await thing(world.context(thing, seconds=seconds))
    return told.value


async def test_a_try_ends_at_its_timeout(make_world):
    """DL-6, DL-7: which timer fired is part of the error."""
    world = make_world({"timeouts": {"attempt": "20ms", "connect": "10ms", "queue": "10ms"}})
    world.transport.answer = hang

    error = await fail(world)

    assert (error.outcome, error.phase, error.code) == (Outcome.READ_TIMEOUT, "attempt", "UPSTREAM_TIMEOUT")


async def test_an_answer_that_came_while_our_own_loop_stood_still_is_not_late(make_world, make_reply):
    """Fault 31: no service is blamed for a stall of ours."""
    world = make_world({"timeouts": {"attempt": "50ms", "connect": "10ms", "queue": "10ms"}})

    async def quick(request):
        loop = asyncio.get_running_loop()
        answer = loop.create_future()
        loop.call_later(0.01, answer.set_result, make_reply({}))
        loop.call_soon(time.sleep, 0.1)
        return await answer

    world.transport.answer = quick

    await thing(world.context(thing))


async def test_a_call_ends_at_the_end_of_its_operation(world):
    """DL-3: whatever the policy allows, the operation's time is the limit."""
    world.transport.answer = hang

    error = await fail(world, seconds=0.08)

    assert (error.outcome, error.phase, error.code) == (Outcome.READ_TIMEOUT, "operation", "DEADLINE_EXCEEDED")


async def test_a_call_ends_at_its_policys_total(make_world):
    world = make_world(
        {"timeouts": {"total": "20ms", "attempt": "20ms", "connect": "10ms", "queue": "10ms"}},
    )
    world.transport.answer = hang

    assert (await fail(world)).phase in {"call", "attempt"}


async def test_the_remaining_time_is_told_to_the_service(world, make_reply):
    """DL-5: relative, in whole milliseconds, rounded down."""
    world.transport.answer = lambda request: make_reply({})

    await thing(world.context(thing, seconds=1.0))

    assert 900 < int(world.transport.requests[0].headers["x-request-timeout-ms"]) <= 950


@pytest.mark.parametrize(
    ("status", "headers", "outcome", "code"),
    [
        (400, {}, "CLIENT_ERROR", "UPSTREAM_REJECTED"),
        (401, {}, "AUTH", "UPSTREAM_UNAUTHORIZED"),
        (403, {}, "AUTH", "UPSTREAM_FORBIDDEN"),
        (404, {}, "NOT_FOUND", "NOT_FOUND"),
        (408, {}, "REQUEST_TIMEOUT", "UPSTREAM_TIMEOUT"),
        (409, {}, "CONFLICT", "UPSTREAM_CONFLICT"),
        (410, {}, "NOT_FOUND", "NOT_FOUND"),
        (422, {}, "CLIENT_ERROR", "UPSTREAM_REJECTED"),
        (425, {}, "TOO_EARLY", "UPSTREAM_UNAVAILABLE"),
        (429, {}, "THROTTLED", "UPSTREAM_THROTTLED"),
        (500, {}, "SERVER_ERROR", "UPSTREAM_ERROR"),
        (501, {}, "SERVER_ERROR", "UPSTREAM_ERROR"),
        (502, {}, "GATEWAY_ERROR", "UPSTREAM_UNAVAILABLE"),
        (503, {}, "GATEWAY_ERROR", "UPSTREAM_UNAVAILABLE"),
        (503, {"retry-after": "1"}, "THROTTLED", "UPSTREAM_THROTTLED"),
        (504, {}, "GATEWAY_ERROR", "UPSTREAM_TIMEOUT"),
        (302, {}, "CLIENT_ERROR", "UPSTREAM_REJECTED"),
    ],
)
async def test_each_status_has_its_outcome_and_code(make_world, make_reply, status, headers, outcome, code):
    """Table 4.1."""
    world = make_world({"retry": {"attempts": 1}})
    world.transport.answer = lambda request: make_reply({"secret": "s"}, status, **headers)

    error = await fail(world)

    assert (error.outcome, error.code, error.status) == (outcome, code, status)
    assert [event.outcome for event in world.events if isinstance(event, AttemptFinished)] == [outcome]


async def test_a_bug_of_ours_is_not_blamed_on_the_service(world):
    """PL-5: whatever the transport raises is one of the outcomes to all that is above."""
    world.transport.answer = lambda request: KeyError("oops")

    error = await fail(world)

    assert (error.outcome, error.code) == (Outcome.LOCAL_BUG, "INTERNAL_SERVER_ERROR")
    assert FACTS[error.outcome].breaker == "neutral"


async def test_a_cancelled_try_is_told_as_cancelled(world):
    world.transport.answer = hang
    task = asyncio.ensure_future(thing(world.context(thing)))
    for _ in range(10):
        await asyncio.sleep(0)

    task.cancel()
    await asyncio.wait([task])
    for _ in range(10):
        await asyncio.sleep(0)

    assert [event.outcome for event in world.events if isinstance(event, AttemptFinished)] == [Outcome.CANCELLED]


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "0"}, 0.0),
        ({"retry-after": " 3600 "}, 3600.0),
        ({"retry-after": "abc"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "1, 2"}, None),
        ({}, None),
        ({"retry-after": "Fri, 20 Nov 2026 10:00:30 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}, 30.0),
        ({"retry-after": "Fri, 20 Nov 2026 09:00:00 GMT", "date": "Fri, 20 Nov 2026 10:00:00 GMT"}, 0.0),
        ({"retry-after": "Thu, 01 Jan 1970 00:00:10 GMT"}, 5.0),
    ],
)
def test_retry_after_is_read_as_seconds_or_date(headers, seconds):
    """RT-6: a date counts from the response's own date."""
    assert retry_after(headers, now=5.0) == seconds
