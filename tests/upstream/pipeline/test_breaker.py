"""What counts as a failure of the service, and what only looks like one (table 4.1, CB-8 to CB-10, PL-3)."""

import asyncio
from random import Random

import pytest

from bff.events import BreakerRefused
from bff.policy.resilience import Breaker as Policy
from bff.testing import VirtualClock
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import FACTS, Outcome
from bff.upstream.pipeline.breaker import Breaker, signal_of
from bff.upstream.pipeline.call import Call
from bff.upstream.pipeline.circuit import CircuitBreaker, Thresholds

OK = Response(200, {}, b"{}")


class Bench:
    def __init__(self, **policy):
        self.clock = VirtualClock()
        self.events = []
        notify = self.events.append
        thresholds = Thresholds.of(Policy(**policy), 2.0)
        self.circuit = CircuitBreaker(thresholds, upstream="c", group="search", rng=Random(1), notify=notify)
        self.stage = Breaker(self.circuit, upstream="c", group="search", clock=self.clock, notify=notify)
        self.sends = 0

    async def call(self, ending=OK, seconds=0.01):
        async def send(call):
            self.sends += 1
            call.seconds = seconds
            if isinstance(ending, BaseException):
                raise ending
            return ending

        call = Call("c", "e", "GET", "/", {}, None, safe=True, request_id="r", deadline=1e9)
        try:
            return await self.stage(call, send)
        except UpstreamError as error:
            return error

    async def open(self):
        for _ in range(5):
            await self.call(UpstreamError(Outcome.CONNECT, "refused"))
        assert self.circuit.state == "open"


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.OK}))
async def test_twenty_outcomes_of_a_kind_open_it_only_where_the_table_says_failure(outcome):
    bench = Bench()

    for _ in range(20):
        await bench.call(UpstreamError(outcome, "as told"))

    assert (bench.circuit.state == "open") == (FACTS[outcome].breaker == "failure")


@pytest.mark.parametrize(
    ("status", "signal"), [(500, "failure"), (501, "success"), (505, "success"), (507, "failure")]
)
def test_what_a_service_does_not_offer_is_no_failure(status, signal):
    error = UpstreamError(Outcome.SERVER_ERROR, "status", status=status)

    assert signal_of(error, slow=False) == signal


@pytest.mark.parametrize(
    ("phase", "slow", "signal"),
    [
        ("operation", False, "neutral"),
        ("call", False, "neutral"),
        ("operation", True, "failure"),
        ("attempt", False, "failure"),
        ("read", False, "failure"),
    ],
)
def test_cb_9_our_own_haste_blames_nobody(phase, slow, signal):
    """A client that allows 100 ms must not close a service for all others."""
    assert signal_of(UpstreamError(Outcome.READ_TIMEOUT, "late", phase=phase), slow=slow) == signal


async def test_cb_13_an_open_breaker_refuses_at_once_with_its_state_and_the_seconds_until_probing():
    bench = Bench(open_jitter=0.0)
    await bench.open()
    await bench.clock.advance(2.0)

    refused = [await bench.call() for _ in range(100)]

    assert bench.sends == 5
    assert {(error.outcome, error.state, error.sent, error.retry_after) for error in refused} == {
        (Outcome.OPEN, "open", False, 3.0)
    }
    assert sum(isinstance(event, BreakerRefused) for event in bench.events) == 100


async def test_pl_3_a_refused_permit_returns_the_permission_unrecorded():
    """Our own overload neither opens a breaker nor uses up its probes."""
    bench = Bench()
    await bench.open()
    await bench.clock.advance(7.0)

    for _ in range(10):
        assert (await bench.call(UpstreamError(Outcome.POOL, "no permit", sent=False))).outcome is Outcome.POOL

    assert bench.circuit.state == "half_open"
    assert await bench.call() is OK
    assert await bench.call() is OK
    assert bench.circuit.state == "closed"


@pytest.mark.parametrize("ending", [asyncio.CancelledError(), KeyError("ours")])
async def test_t_cb_b_a_probe_that_is_cancelled_or_breaks_returns_its_place(ending):
    """T-CB-b."""
    bench = Bench()
    await bench.open()
    await bench.clock.advance(7.0)

    for _ in range(10):
        with pytest.raises(type(ending)):
            await bench.call(ending)

    assert await bench.call() is OK


async def test_t_cb_d_throttling_keeps_it_closed():
    """T-CB-d, CB-8: half of all calls throttled for a minute."""
    bench = Bench()
    for number in range(600):
        await bench.call(UpstreamError(Outcome.THROTTLED, "429", status=429) if number % 2 else OK)
        await bench.clock.advance(0.1)

    assert bench.circuit.state == "closed"


async def test_cb_4_slow_successes_open_it():
    """Fault 2: a service ten times slower than an attempt may take is as good as gone."""
    bench = Bench()
    for _ in range(20):
        await bench.call(OK, seconds=1.7)

    assert bench.circuit.state == "open"
