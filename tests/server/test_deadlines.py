"""A request's one deadline: never later than the server's, and no client can refuse itself all service."""

import pytest

from bff.server.deadlines import Deadlines, MalformedHintError, RejectionGuard, parse_grpc, parse_milliseconds
from bff.server.events import HintIgnored
from bff.server.headers import Headers


class Clock:
    def __init__(self, now=100.0):
        self.time = now

    def now(self):
        return self.time

    def wall(self):
        return 0.0

    async def sleep(self, seconds):
        self.time += seconds


@pytest.mark.parametrize(
    ("headers", "seconds", "ignored"),
    [
        pytest.param({}, 30, None, id="no hint"),
        pytest.param({"x-request-timeout-ms": "1500"}, 1.5, None, id="shorter"),
        pytest.param({"x-request-timeout-ms": "60000"}, 30, None, id="longer than the server's"),
        pytest.param({"grpc-timeout": "2S"}, 2, None, id="gRPC"),
        pytest.param({"grpc-timeout": "2S", "x-request-timeout-ms": "1500"}, 1.5, None, id="both"),
        pytest.param({"x-request-timeout-ms": "0"}, 30, "not positive", id="zero"),
        pytest.param({"x-request-timeout-ms": "-5"}, 30, "malformed", id="negative"),
        pytest.param({"x-request-timeout-ms": "1e3"}, 30, "malformed", id="exponent"),
        pytest.param({"x-request-timeout-ms": ""}, 30, "malformed", id="empty"),
        pytest.param({"x-request-timeout-ms": "9" * 16}, 30, "malformed", id="absurd"),
        pytest.param({"grpc-timeout": "123456789m"}, 30, "malformed", id="gRPC, nine digits"),
        pytest.param({"grpc-timeout": "5"}, 30, "malformed", id="gRPC, no unit"),
    ],
)
def test_the_earlier_deadline_counts(operations, headers, seconds, ignored):
    """DL-1."""
    events = []
    deadlines = Deadlines(operations(), Clock(), events.append)
    raw = [(name.encode(), value.encode()) for name, value in headers.items()]

    allotment = deadlines.allot(Headers(raw), "r1")

    assert allotment.deadline.remaining() == pytest.approx(seconds)
    assert [event.reason for event in events] == ([ignored] if ignored else [])


@pytest.mark.parametrize(
    ("text", "seconds"), [(b"1H", 3600), (b"2M", 120), (b"3S", 3), (b"4m", 0.004), (b"5u", 5e-6), (b"6n", 6e-9)]
)
def test_grpc_units(text, seconds):
    assert parse_grpc(text) == pytest.approx(seconds)


def test_a_unit_that_is_none_is_malformed():
    with pytest.raises(MalformedHintError):
        parse_grpc(b"5x")
    with pytest.raises(MalformedHintError):
        parse_milliseconds("٣".encode())


def hint(value):
    return Headers([(b"grpc-timeout", value)])


def test_a_client_that_has_given_up_is_rejected_unless_too_many_have(operations):
    """DL-11: at most a fifth of the requests of ten seconds; the others get the server's time."""
    clock, events = Clock(), []
    deadlines = Deadlines(operations(), clock, events.append)

    outcomes = [deadlines.enforce(deadlines.allot(hint(b"500u"), "r"), "r") for _ in range(50)]

    assert outcomes.count(None) == 10
    assert {outcome.remaining() for outcome in outcomes if outcome} == {30.0}
    assert events[0] == HintIgnored("r", "grpc-timeout", "too many")


def test_the_servers_own_deadline_is_no_hint_and_needs_no_guard(operations):
    clock = Clock()
    deadlines = Deadlines(operations(), clock, lambda event: None)
    allotment = deadlines.allot(Headers([]), "r")
    clock.time += 31

    assert deadlines.enforce(allotment, "r") is None


def test_old_rejections_are_forgotten():
    clock = Clock()
    guard = RejectionGuard(clock)
    for _ in range(10):
        guard.count(clock.now())
    assert [guard.may_reject() for _ in range(3)] == [True, True, False]

    clock.time += 10
    for _ in range(5):
        guard.count(clock.now())

    assert [guard.may_reject() for _ in range(2)] == [True, False]


async def test_an_expired_request_never_reaches_the_engine(edge):
    async with edge() as running:
        for _ in range(4):
            await running.post()
        answer = await running.post(grpc_timeout="500u")

    assert answer.status_code == 504
    assert len(running.engine.requests) == 4
