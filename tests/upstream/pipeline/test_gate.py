"""A service that asks for silence gets it, and is called again as soon as it answers (RT-6, CB-8)."""

import pytest

from bff.events import GateClosed, GateOpened
from bff.testing import VirtualClock
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.call import Call
from bff.upstream.pipeline.gate import Gate
from bff.upstream.pipeline.throttling import asked_wait, exhausted

OK = Response(200, {}, b"{}")


class Bench:
    """A gate stage above a service that does what `answer` says."""

    def __init__(self):
        self.clock = VirtualClock()
        self.events = []
        self.arrivals = 0
        self.answer = OK
        self.stage = Gate(
            longest=60.0, window=10.0, upstream="c", group="default", clock=self.clock, notify=self.events.append
        )

    async def send(self, call):
        self.arrivals += 1
        if isinstance(self.answer, UpstreamError):
            raise self.answer.fresh()
        return self.answer

    async def call(self, port=80):
        call = Call("c", "e", "GET", "/", {}, None, safe=True, request_id="r", deadline=1e9)
        call.origin = Origin("http", "a", port)
        try:
            return await self.stage(call, self.send)
        except UpstreamError as error:
            return error


def throttled(retry_after=None):
    return UpstreamError(Outcome.THROTTLED, "status 429", status=429, retry_after=retry_after)


@pytest.mark.parametrize(("asked", "silent"), [(0.0, 0.0), (None, 0.0), (2.0, 2.0), (60.0, 60.0), (3600.0, 60.0)])
async def test_t_rt_f_a_host_is_left_alone_as_long_as_it_asked_but_a_minute_at_most(asked, silent):
    """T-RT-f, RT-6."""
    bench = Bench()
    bench.answer = throttled(asked)
    await bench.call()
    bench.answer = OK

    if silent:
        await bench.clock.advance(silent - 0.01)
        refused = await bench.call()
        assert (refused.outcome, refused.sent) == (Outcome.THROTTLED, False)
        assert refused.retry_after == pytest.approx(0.01)
        assert bench.arrivals == 1
        await bench.clock.advance(0.01)
    assert await bench.call() is OK


async def test_the_other_host_is_not_affected():
    bench = Bench()
    bench.answer = throttled(30.0)
    await bench.call(port=1)
    bench.answer = OK

    assert await bench.call(port=2) is OK
    assert (await bench.call(port=1)).outcome is Outcome.THROTTLED


async def test_any_success_opens_the_gate_early():
    """A call that was under way when the gate closed says that the service can take calls again."""
    bench = Bench()
    bench.answer = throttled(30.0)

    async def late(call):
        await bench.call()
        return OK

    call = Call("c", "e", "GET", "/", {}, None, safe=True, request_id="r", deadline=1e9)
    call.origin = Origin("http", "a", 80)
    await bench.stage(call, late)
    bench.answer = OK

    assert await bench.call() is OK
    assert [type(event) for event in bench.events] == [GateClosed, GateOpened]
    assert (bench.events[0].cause, bench.events[1].cause) == ("retry_after", "success")


async def test_cb_8_nine_throttled_calls_of_ten_close_it_for_a_second():
    bench = Bench()
    bench.answer = throttled()
    for _ in range(20):
        await bench.call()

    assert (await bench.call()).sent is False
    await bench.clock.advance(1.0)
    await bench.call()
    assert bench.arrivals == 21
    assert [event.cause for event in bench.events if isinstance(event, GateClosed)] == ["throttled_share"] * 2


async def test_cb_8_fewer_do_not():
    bench = Bench()
    for number in range(100):
        bench.answer = OK if number % 5 == 0 else throttled()
        await bench.call()

    assert bench.arrivals == 100


async def test_t_cb_d_a_storm_of_throttling_reaches_the_service_only_now_and_then():
    """Fault 21: 200 calls a second for a minute, all throttled, none told for how long."""
    bench = Bench()
    bench.answer = throttled()
    for _ in range(12_000):
        await bench.call()
        bench.clock._now += 0.005

    assert bench.arrivals <= 0.02 * 12_000


async def test_other_failures_neither_open_nor_close_it():
    bench = Bench()
    bench.answer = UpstreamError(Outcome.RESET, "reset")
    for _ in range(50):
        await bench.call()

    assert bench.arrivals == 50
    assert bench.events == []


@pytest.mark.parametrize(
    ("limit", "seconds"),
    [
        ("r=0;t=30", 30.0),
        ('"default";r=0;t=5', 5.0),
        ('"a";r=0;t=5, "b";r=0;t=9, "c";r=3;t=60', 9.0),
        ("r=1;t=30", None),
        ("r=0", None),
        ("garbage", None),
        ("", None),
        ("r=00;t=07", 7.0),
    ],
)
def test_an_exhausted_ratelimit_is_read_like_retry_after(limit, seconds):
    """RT-6, draft-ietf-httpapi-ratelimit-headers-10."""
    assert exhausted(limit) == seconds


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "3", "ratelimit": "r=0;t=30"}, 3.0),
        ({"retry-after": "abc", "ratelimit": "r=0;t=30"}, 30.0),
        ({"ratelimit": "r=0;t=30"}, 30.0),
        ({}, None),
    ],
)
def test_retry_after_goes_before_ratelimit(headers, seconds):
    assert asked_wait(headers, 0.0) == seconds
