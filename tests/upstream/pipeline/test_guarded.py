"""Five stages as one do what they do one by one, whatever happens, to the last event and the last count."""

import asyncio
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from bff.policy.model import UpstreamPolicy
from bff.testing import VirtualClock
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline import build
from bff.upstream.pipeline.balance import balance_of
from bff.upstream.pipeline.breaker import Breaker
from bff.upstream.pipeline.bulkhead import bulkhead_of
from bff.upstream.pipeline.call import Call
from bff.upstream.pipeline.circuit import CircuitBreaker, Thresholds
from bff.upstream.pipeline.fanout import Fanout, FanoutGuard
from bff.upstream.pipeline.gate import Gate
from bff.upstream.pipeline.guarded import Guarded

HOSTS = ("http://127.0.0.1:1", "http://127.0.0.1:2")
POLICY = {
    "bulkhead": {"max_concurrency": 2, "queue": 2},
    "breaker": {"min_calls": 3, "consecutive_failures": 3, "window": "10s", "open_time": "2s"},
    "outlier": {"consecutive": 2, "base": "3s"},
    "health": {"path": "/health", "fail_header": "x-leaving"},
}


class Bench:
    """The five stages around an attempt that ends as it is told, on a clock of their own."""

    def __init__(self, policy, *, hosts, together):
        self.events = []
        self.clock = VirtualClock(turns=20)
        rng = Random(5)
        whole = UpstreamPolicy(**{"hosts": HOSTS[:hosts], **policy})
        names = {"upstream": "c", "group": "g", "notify": self.events.append}
        self.circuit = CircuitBreaker(Thresholds.of(whole.breaker, 1.0), rng=rng, **names)
        shared = {"clock": self.clock, "notify": self.events.append}
        self.fanout = Fanout()
        self.balance = balance_of("c", whole, rng=rng, **shared)
        self.bulkhead = bulkhead_of(whole, **shared)
        stages = (
            FanoutGuard(3, 30, clock=self.clock),
            self.balance,
            Gate(longest=20.0, window=10.0, clock=self.clock, **names),
            Breaker(self.circuit, clock=self.clock, **names),
            self.bulkhead,
        )
        self.handler = build([Guarded(*stages, clock=self.clock)] if together else stages, self.attempt)
        self.ends = []

    async def attempt(self, call):
        """Take as long as the call's body says, and end so."""
        started = self.clock.now()
        kind, seconds, status, wait = self.ends.pop(0)
        try:
            await self.clock.sleep(seconds)
            if kind == "bug":
                raise KeyError(kind)
            if kind != "answer":
                raise UpstreamError(kind, "as told", status=status, retry_after=wait)
        finally:
            call.seconds = self.clock.now() - started
        call.limit = 1.0
        return Response(200, {"x-leaving": "1"} if wait else {}, b"")

    async def step(self, waits, leaves, attempts, counted):
        """Make some calls at once, of which one may leave; return how each ended."""

        async def one(number):
            tried = (self.balance.cluster.members[0].origin,) if number % 3 == 2 else ()
            call = Call("c", "e", "GET", "/", {}, None, True, "r", self.clock.now() + 3, tried=tried)
            call.fanout = self.fanout if counted else None
            try:
                await self.handler(call)
            except UpstreamError as error:
                return error.outcome, error.detail, error.sent, error.retry_after, error.state, call.origin
            except KeyError:
                return "bug"
            return "fine", call.origin

        tasks = [asyncio.ensure_future(one(number)) for number in range(attempts)]
        await self.clock.advance(0)
        if leaves is not None and leaves < attempts:
            tasks[leaves].cancel()
        await self.clock.advance(10)
        ended = await asyncio.gather(*tasks, return_exceptions=True)
        await self.clock.advance(waits)
        return [repr(end) for end in ended]

    def state(self):
        members = self.balance.cluster.members
        return (
            self.events,
            self.circuit.state,
            self.circuit.rates(self.clock.now()),
            self.bulkhead.permits.in_flight,
            self.bulkhead.permits.waiting,
            (self.fanout.running, self.fanout.total, len(self.fanout.waiting)),
            [(member.active, self.balance.cluster.is_available(member)) for member in members],
        )


ENDS = st.one_of(
    st.tuples(
        st.just("answer"), st.sampled_from([0.0, 0.1, 0.9, 2.0]), st.none(), st.sampled_from([None, None, 1.0])
    ),
    st.tuples(
        st.sampled_from([each for each in Outcome if each is not Outcome.OK]),
        st.sampled_from([0.0, 0.1, 0.9]),
        st.sampled_from([None, 501, 503]),
        st.sampled_from([None, 1.0]),
    ),
    st.just(("bug", 0.0, None, None)),
)
STEPS = st.lists(
    st.tuples(
        st.sampled_from([0.0, 0.1, 1.0, 5.0, 20.0]),
        st.sampled_from([None, None, 0, 1, 4]),
        st.integers(1, 6),
        st.booleans(),
        st.lists(ENDS, min_size=6, max_size=6),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=60)
@given(steps=STEPS, hosts=st.integers(1, 2))
async def test_together_they_do_what_they_do_one_by_one(steps, hosts):
    benches = [Bench(POLICY, hosts=hosts, together=together) for together in (True, False)]

    for *step, ends in steps:
        told = []
        for bench in benches:
            bench.ends = list(ends)
            told.append((await bench.step(*step), bench.state()))
        assert told[0] == told[1]

    for bench in benches:
        assert (bench.fanout.running, bench.bulkhead.permits.in_flight) == (0, 0)
        assert [member.active for member in bench.balance.cluster.members] == [0] * hosts
        await bench.bulkhead.close()
