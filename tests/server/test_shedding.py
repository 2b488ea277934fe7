"""When there is too much to do, what matters least is refused first, before it costs anything."""

import asyncio
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.events import Shed
from bff.execution.messages import Answer
from bff.policy.model import OperationsPolicy
from bff.server.headers import Headers
from bff.server.health import Health
from bff.server.lifecycle import Lifecycle
from bff.server.shedding import Door, LoopLag, Priority, Shedding
from bff.testing import VirtualClock

CRITICAL, DEFAULT, DEGRADED, BULK = Priority


def shedding(**policy):
    return Shedding(OperationsPolicy.model_validate(policy), Random(1))


@pytest.mark.parametrize(
    ("lag", "refused"),
    [
        (0.0, set()),
        (0.050, set()),
        (0.051, {BULK}),
        (0.101, {BULK, DEGRADED}),
        (0.251, {BULK, DEGRADED, DEFAULT}),
        (1.000, {BULK, DEGRADED, DEFAULT}),
        (1.001, set(Priority)),
    ],
)
def test_ls3_a_late_loop_refuses_the_least_important_first(lag, refused):
    some = shedding()

    assert {priority for priority in Priority if some.judge(priority, 1, lag)} == refused


@pytest.mark.parametrize(
    ("in_flight", "refused"),
    [
        (40, set()),
        (41, {BULK}),
        (61, {BULK, DEGRADED}),
        (81, {BULK, DEGRADED, DEFAULT}),
        (100, {BULK, DEGRADED, DEFAULT}),
        (101, set(Priority)),
    ],
)
def test_ls2_the_last_places_are_kept_for_what_matters_most(in_flight, refused):
    some = shedding(shedding={"max_inflight": 100})

    assert {priority for priority in Priority if some.judge(priority, in_flight, 0.0)} == refused


@given(st.integers(1, 3000), st.floats(0, 3), st.integers(1, 2000))
def test_ls1_whoever_matters_more_is_never_refused_alone(in_flight, lag, most):
    some = shedding(shedding={"max_inflight": most})

    verdicts = [some.judge(priority, in_flight, lag) is not None for priority in Priority]

    assert verdicts == sorted(verdicts)


def test_ls1_the_class_comes_from_the_operations_name():
    some = shedding(priorities={"Checkout": "critical", "Prefetch": "degraded"})

    assert some.of(["Checkout"]) is CRITICAL
    assert some.of(["Prefetch"]) is DEGRADED
    assert some.of(["Home"]) is DEFAULT
    assert some.of([None]) is DEFAULT
    assert some.of(["Prefetch", "Checkout"]) is CRITICAL


def test_ls1_a_header_counts_only_where_policy_trusts_it():
    """Clients must not raise their own class."""
    headers = Headers([(b"x-priority", b"critical")])

    assert shedding().from_headers(headers) is None
    trusting = shedding(shedding={"header": "x-priority"})
    assert trusting.from_headers(headers) is CRITICAL
    assert trusting.from_headers(Headers([(b"x-priority", b"urgent")])) is None
    assert trusting.from_headers(Headers([])) is None


def test_ls4_the_wait_is_one_second_and_up_to_two_more():
    some = shedding()

    assert {some.retry_after() for _ in range(100)} == {1, 2, 3}


class TestLoopLag:
    """PY-18: a probe every 100 ms, the median of the last second."""

    def ticks(self, *lates):
        lag, now = LoopLag(), 0.0
        lag.tick(now)
        for late in lates:
            now += 0.1 + late
            lag.tick(now)
        return lag

    def test_py18_a_punctual_loop_has_no_lag(self):
        assert self.ticks(*[0.0] * 20).seconds == pytest.approx(0.0, abs=1e-9)

    def test_py18_one_stall_is_not_a_lag(self):
        """A pause of the garbage collector must not refuse anybody."""
        assert self.ticks(*[0.0] * 8, 0.4, *[0.0] * 4).seconds == pytest.approx(0.0, abs=1e-9)

    def test_py18_a_loop_that_is_always_late_is(self):
        assert self.ticks(*[0.06] * 20).seconds == pytest.approx(0.06)

    def test_py18_what_is_more_than_a_second_ago_is_forgotten(self):
        assert self.ticks(*[0.3] * 20, *[0.0] * 11).seconds == pytest.approx(0.0, abs=1e-9)

    async def test_py18_the_heartbeat_is_the_probe(self):
        clock = VirtualClock()
        lifecycle = Lifecycle(clock)
        for _ in range(10):
            await clock.advance(0.3)
            lifecycle.beat()

        assert lifecycle.lag.seconds == pytest.approx(0.2)


@pytest.fixture
def busy(edge):
    """An edge with room for five requests, four of them for default ones, and a door before it."""

    def start(behaviour, **policy):
        operations = OperationsPolicy.model_validate({"shedding": {"max_inflight": 5}, **policy})
        events = []
        lag = LoopLag()
        door = Door(Shedding(operations, Random(1)), lag, events.append)
        return edge(behaviour, policy=operations, door=door), events, lag

    return start


class Gate:
    def __init__(self):
        self.open = asyncio.Event()
        self._entered = asyncio.Semaphore(0)

    async def entered(self, times):
        for _ in range(times):
            await asyncio.wait_for(self._entered.acquire(), 5)

    async def __call__(self, request, ingress):
        self._entered.release()
        await self.open.wait()
        return Answer({"data": {"__typename": "Query"}}, kind="query")


async def test_ls4_a_refused_request_gets_503_a_code_and_a_wait_and_no_data(busy):
    gate = Gate()
    start, events, _ = busy(gate)
    async with start as running:
        held = [asyncio.ensure_future(running.post()) for _ in range(4)]
        await gate.entered(4)

        answer = await running.post()
        gate.open.set()
        answers = await asyncio.gather(*held)

    assert answer.status_code == 503
    assert answer.headers["retry-after"] in {"1", "2", "3"}
    assert "data" not in answer.json()
    extensions = answer.json()["errors"][0]["extensions"]
    assert extensions["code"] == "SERVICE_OVERLOADED"
    assert extensions["retryAfterMs"] == 1000 * int(answer.headers["retry-after"])
    assert [one.status_code for one in answers] == [200] * 4
    assert len(running.engine.requests) == 4
    assert [(event.priority, event.reason) for event in events] == [("default", "in flight")]


async def test_ls2_a_critical_operation_gets_one_of_the_last_places(busy):
    gate = Gate()
    start, _, _ = busy(gate, priorities={"Checkout": "critical"})
    async with start as running:
        held = [asyncio.ensure_future(running.post()) for _ in range(4)]
        await gate.entered(4)

        critical = asyncio.ensure_future(
            running.post({"query": "mutation Checkout { pay }", "operationName": "Checkout"})
        )
        await gate.entered(1)
        gate.open.set()

        assert (await critical).status_code == 200
        await asyncio.gather(*held)


async def test_ls3_a_class_known_from_headers_is_refused_before_the_body_is_read(busy):
    start, events, lag = busy(Gate(), shedding={"header": "x-priority"})
    lag.seconds = 0.06
    async with start as running:
        head = b"POST /graphql HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
        head += b"x-priority: bulk\r\ncontent-length: 1000\r\n\r\n{"
        async with running.socket() as (reader, writer):
            writer.write(head)
            first = await asyncio.wait_for(reader.readline(), 5)

    assert b" 503 " in first
    assert isinstance(events[0], Shed)
    assert (events[0].priority, events[0].reason) == ("bulk", "loop lag")


async def test_ls3_when_even_the_critical_are_refused_no_body_is_read(busy):
    start, events, lag = busy(Gate())
    lag.seconds = 1.5
    async with start as running:
        answer = await running.post()

    assert answer.status_code == 503
    assert [event.priority for event in events] == ["critical"]


async def test_ls5_probes_do_not_go_through_the_door():
    """However late the loop is, an orchestrator hears that the process is alive."""
    clock = VirtualClock()
    lifecycle = Lifecycle(clock)
    lifecycle.ready()
    for _ in range(5):
        await clock.advance(2)
        lifecycle.beat()

    health = Health(lifecycle, clock=clock)

    assert lifecycle.lag.seconds > 1
    assert health.live()[0]
    assert health.ready()[0]


def test_ls1_an_operation_that_policy_does_not_name_has_its_clients_class():
    some = shedding(priorities={"Checkout": "critical", "Prefetch": "degraded"})

    assert some.of(["Home"], CRITICAL) is CRITICAL
    assert some.of(["Home", None], BULK) is BULK
    assert some.of(["Prefetch"], CRITICAL) is DEGRADED
    assert some.of(["Checkout"], BULK) is CRITICAL
    assert shedding().of(["Home"], BULK) is BULK
    assert shedding().of([], BULK) is BULK
