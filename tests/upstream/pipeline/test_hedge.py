"""A slow call gets a second chance at another host, and the load stays what it was (HG-1 to HG-5)."""

import asyncio
from random import Random

import pytest

from bff.events import HedgeFinished
from bff.testing import VirtualClock
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.budget import RetryBudget
from bff.upstream.pipeline.call import Call
from bff.upstream.pipeline.hedge import Hedge
from bff.upstream.pipeline.latency import RecentLatency

OK = Response(200, {}, b"")
HOSTS = [Origin("http", "a", 80), Origin("http", "b", 80)]


class Bench:
    """A hedge stage above two hosts that take as long, and end, as `script` says."""

    def __init__(self, *, usual=0.01, seen=200, extra_load=1.0, calm=True, reserve=100.0):
        self.clock = VirtualClock()
        self.events = []
        self.calm = calm
        self.sends = []
        self.running = 0
        self.script = lambda send: (0.005, None)
        latency = RecentLatency()
        for _ in range(seen):
            latency.add(self.clock.now(), usual)
        self.retries = RetryBudget(ratio=0.2, ttl=10, reserve=reserve)
        self.hedges = RetryBudget(ratio=extra_load, ttl=10, reserve=0.0)
        self.stage = Hedge(
            min_delay=0.001,
            latency=latency,
            hedges=self.hedges,
            retries=self.retries,
            calm=lambda: self.calm,
            retryable=lambda call, error: error.outcome is Outcome.RESET,
            clock=self.clock,
            notify=self.events.append,
        )

    async def send(self, call):
        call.origin = next(host for host in HOSTS if host not in call.tried)
        number = len(self.sends)
        self.sends.append((call.origin, call.attempt, self.clock.now()))
        started = self.clock.now()
        seconds, failure = self.script(number)
        self.running += 1
        try:
            await self.clock.sleep(seconds)
        finally:
            self.running -= 1
        call.seconds = self.clock.now() - started
        if failure:
            raise UpstreamError(failure, "as told")
        call.value = number
        return Response(200, {}, b"%d" % number)

    def new(self, *, safe=True, attempt=1):
        call = Call("c", "e", "GET", "/", {}, None, safe=safe, request_id="r", deadline=1e9)
        call.attempt = attempt
        return call

    async def run(self, call=None):
        call = call or self.new()
        try:
            return await self.clock.run(self.stage(call, self.send))
        except UpstreamError as error:
            return error

    @property
    def told(self):
        return [event.won for event in self.events if isinstance(event, HedgeFinished)]


async def test_a_quick_call_is_sent_once():
    bench = Bench()

    assert (await bench.run()).body == b"0"
    assert len(bench.sends) == 1


async def test_hg_2_a_call_slower_than_usual_goes_to_another_host_and_the_first_answer_wins():
    bench = Bench()
    bench.script = lambda number: (5.0, None) if number == 0 else (0.005, None)
    call = bench.new()

    answer = await bench.run(call)

    assert answer.body == b"1"
    assert [(origin, attempt) for origin, attempt, _ in bench.sends] == [(HOSTS[0], 1), (HOSTS[1], 2)]
    assert bench.sends[1][2] - bench.sends[0][2] == pytest.approx(0.01, rel=0.06)
    assert (call.origin, call.value, call.attempt) == (HOSTS[1], 1, 2)
    assert bench.told == [True]


async def test_hg_4_the_loser_is_cancelled_and_gone_before_the_answer_is_returned():
    bench = Bench()
    bench.script = lambda number: (5.0, None) if number == 0 else (0.005, None)

    await bench.run()

    assert bench.running == 0


async def test_the_first_send_may_still_win():
    bench = Bench()
    bench.script = lambda number: (0.012, None) if number == 0 else (5.0, None)

    assert (await bench.run()).body == b"0"
    assert bench.told == [False]
    assert bench.running == 0


async def test_hg_4_a_failure_that_another_host_may_not_have_hedges_at_once():
    bench = Bench()
    bench.script = lambda number: (0.0, Outcome.RESET) if number == 0 else (0.005, None)

    assert (await bench.run()).body == b"1"
    assert bench.sends[1][2] == bench.sends[0][2]


async def test_hg_4_of_two_that_end_in_the_same_moment_the_usable_one_wins():
    """What is done at once comes as a set, in which a failure must not hide an answer."""
    for _ in range(20):
        bench, both, arrived = Bench(), asyncio.Event(), asyncio.Event()

        async def send(call, both=both, arrived=arrived):
            if call.tried:
                arrived.set()
            await both.wait()
            if not call.tried:
                raise UpstreamError(Outcome.BAD_PAYLOAD, "no good")
            return OK

        async def run(bench=bench, send=send):
            return await bench.stage(bench.new(), _setting_origin(send))

        task = asyncio.ensure_future(run())
        await bench.clock.advance(0.1)
        await arrived.wait()
        both.set()

        assert await task is OK
        assert bench.told == [True]


def _setting_origin(send):
    async def handler(call):
        call.origin = next(host for host in HOSTS if host not in call.tried)
        return await send(call)

    return handler


async def test_hg_4_a_failure_for_good_ends_all():
    bench = Bench()
    bench.script = lambda number: (5.0, None) if number == 0 else (0.005, Outcome.CLIENT_ERROR)

    assert (await bench.run()).outcome is Outcome.CLIENT_ERROR
    assert bench.running == 0


async def test_when_both_fail_the_last_failure_is_told():
    bench = Bench()
    bench.script = lambda number: (0.03, Outcome.RESET)

    assert (await bench.run()).outcome is Outcome.RESET
    assert len(bench.sends) == 2


@pytest.mark.parametrize(
    ("changes", "call"),
    [
        pytest.param({"seen": 99}, {}, id="HG-2: too little is known"),
        pytest.param({"calm": False}, {}, id="HG-5: half-open, or at the limit"),
        pytest.param({"extra_load": 0.0}, {}, id="HG-3: no budget of its own"),
        pytest.param({"reserve": 0.0}, {}, id="HG-5: the retry budget is used up"),
        pytest.param({}, {"safe": False}, id="HG-1: not safe"),
        pytest.param({}, {"attempt": 2}, id="HG-1: a repetition already"),
    ],
)
async def test_when_there_is_no_second_send(changes, call):
    """HG-1, HG-2, HG-3, HG-5."""
    bench = Bench(**changes)
    bench.script = lambda number: (0.5, None)

    await bench.run(bench.new(**call))

    assert len(bench.sends) == 1


async def test_a_caller_that_leaves_ends_both_sends():
    """DL-10."""
    bench = Bench()
    bench.script = lambda number: (5.0, None)
    task = asyncio.ensure_future(bench.stage(bench.new(), bench.send))
    await bench.clock.advance(0.02)
    assert bench.running == 2

    task.cancel()
    await bench.clock.advance(0)

    assert task.cancelled()
    assert bench.running == 0


async def test_t_rt_g_hedging_adds_five_percent_and_hides_a_stall():
    """T-RT-g: one answer of fifty stalls for a second; the load grows by at most 5 % + 1."""
    bench = Bench(extra_load=0.05, seen=0, reserve=2.0)
    rng = Random(5)
    bench.script = lambda number: (1.0 if rng.random() < 0.02 else rng.uniform(0.005, 0.01), None)
    times = []

    async def one(number):
        await bench.clock.sleep(number * 0.02)
        started = bench.clock.now()
        await bench.stage(bench.new(), bench.send)
        times.append(bench.clock.now() - started)

    bench.clock._turns = 8

    async def all_of_them():
        await asyncio.gather(*(one(number) for number in range(3000)))

    await bench.clock.run(all_of_them())

    assert len(bench.sends) <= 3000 * 1.05 + 1
    assert len(bench.told) > 40
    later = sorted(times[200:])
    assert later[int(len(later) * 0.95)] < 0.1
    assert sum(time > 0.5 for time in later) < 0.25 * sum(1 for _ in bench.told) + 10
