"""Faults 21 and 22: a service that says no for a long time is asked little, and soon again when it is well."""

import time
from datetime import datetime

import pytest

from bff.testing import fault_kinds as kinds
from bff.testing.faults import Fault
from tests.faults.trial import CALM, OTHER, SCREEN, THING, unharmed

RATE = 80
RESERVE = 2
RATIO = 0.2


def test_fault_21_a_service_that_says_when_is_not_asked_before(trouble, shaky):
    """Retry-After of three seconds: at most 2 % of the calls go out meanwhile, and the breaker stays closed."""
    with trouble("thing", open_time=3.0) as trial:
        shaky.break_with(kinds.Status(429, retry_after=3))
        told = trial.ask()
        before = shaky.arrivals()

        answers = trial.load(SCREEN, RATE, 1.5)

        assert told.codes == ["UPSTREAM_THROTTLED"]
        assert {code for answer in answers for code in answer.codes} == {"UPSTREAM_THROTTLED"}
        assert shaky.arrivals() - before <= 0.02 * len(answers)
        assert trial.opened() == []
        (closed,) = trial.log(event="gate")
        assert (closed["to"], closed["cause"]) == ("closed", "retry_after")


def moment(line):
    """Return when *line* was written, in seconds."""
    return datetime.fromisoformat(line["time"]).timestamp()


def test_fault_21_a_service_that_throttles_without_a_time_is_left_alone_too(trouble, shaky):
    """From the first second on, each second of calls is one that hardly any call is made in."""
    with trouble("thing") as trial:
        shaky.break_with(kinds.Status(429))
        trial.load(THING, RATE, 4)

        gated, calls, asked = None, 0, 0
        for line in trial.log():
            if line["event"] == "gate":
                gated = moment(line) if line["to"] == "closed" else None
                assert gated is None or line["cause"] == "throttled_share"
            if gated is not None:
                calls += line["event"] == "attempt" and moment(line) - line["ms"] / 1000 > gated
                asked += line["event"] == "operation"
        assert asked > RATE
        assert calls <= 0.02 * asked + 1
        assert trial.opened() == []


@pytest.fixture(scope="module")
def flapping_bff(start_bff, shaky, steady, pair):
    return start_bff(
        {
            "shaky": {
                "hosts": [shaky.url],
                "breaker": {"open_time": "500ms", "max_open_time": "2s"},
            },
            "steady": {"hosts": [steady.url]},
            "pair": {"hosts": [host.url for host in pair]},
        }
    )


def test_fault_22_a_flapping_service_is_left_alone_for_longer_each_time(flapping_bff, shaky, steady):
    with unharmed(flapping_bff, [shaky, steady], affected={"thing"}, open_time=2.0) as trial:
        shaky.break_with(kinds.Flapping(up=0.6, down=0.6))
        before = shaky.arrivals()

        answers = trial.load(SCREEN, 60, 7)

        opened = trial.opened()
        assert len(opened) > 2
        assert opened == sorted(opened)
        assert opened[-1] == 2.0
        failed = trial.outcomes().count("GATEWAY_ERROR")
        assert failed < 60 + 10 * len(opened), "each further opening costs its probes"
        assert shaky.arrivals() - before < len(answers)


@pytest.fixture(scope="module")
def grouped_bff(start_bff, shaky, steady, pair):
    return start_bff(
        {
            "shaky": {
                "hosts": [shaky.url],
                "breaker": {
                    "window": "5s",
                    "open_time": "2s",
                    "max_open_time": "4s",
                    "consecutive_failures": 1000,
                },
                "groups": {"others": {"endpoints": ["other"]}},
            },
            "steady": {"hosts": [steady.url]},
            "pair": {"hosts": [host.url for host in pair]},
        }
    )


def test_twenty_503_open_the_breaker_and_three_probes_at_most_close_it(grouped_bff, shaky, steady, lateness):
    """The next hundred requests make no call and take under 5 ms; the other group is as before."""
    with unharmed(grouped_bff, [shaky, steady], affected={"thing"}, open_time=4.0) as trial:
        time.sleep(5)  # the window of the calls that went well
        shaky.break_with(Fault(kinds.Status(503), path="/things/*"))
        before = shaky.arrivals()
        while trial.ask(THING).codes != ["CIRCUIT_OPEN"]:
            assert shaky.arrivals() - before <= 20
        assert shaky.arrivals() - before == 20
        first = len(trial.bff.lines)

        answers = [trial.ask(THING) for _ in range(100)]

        assert {tuple(answer.codes) for answer in answers} == {("CIRCUIT_OPEN",)}
        assert shaky.arrivals() - before == 20
        took = sorted(line["ms"] for line in trial.bff.log(first, event="operation"))
        assert took[95] < 5 + lateness.ms
        assert trial.ask(OTHER).whole

        shaky.heal()
        asked = shaky.arrivals()
        while not trial.log(event="breaker", upstream="shaky", to="closed"):
            trial.ask(THING)
        assert shaky.arrivals() - asked <= 3


@pytest.fixture(scope="module")
def trusting_bff(start_bff, shaky, steady, pair):
    return start_bff(
        {
            "shaky": {"hosts": [shaky.url], "breaker": {"mode": "disabled"}},
            "steady": {"hosts": [steady.url]},
            "pair": {"hosts": [host.url for host in pair]},
        }
    )


@pytest.mark.parametrize("kind", [kinds.Status(503), kinds.ResetBeforeResponse()])
def test_t_rt_b_a_long_outage_adds_a_fifth_and_the_reserve_and_no_more(trusting_bff, shaky, steady, kind):
    """Even without a breaker, repeating must not keep a service down."""
    seconds = 5
    with unharmed(trusting_bff, [shaky, steady], affected={"thing"}, open_time=1.0) as trial:
        shaky.break_with(kind)
        before = shaky.arrivals()
        started = time.monotonic()

        answers = trial.load(THING, RATE, seconds)

        most = (1 + RATIO) * len(answers) + RESERVE * (time.monotonic() - started)
        assert len(answers) <= shaky.arrivals() - before <= most + RATIO * 100 + RESERVE
        assert trial.ask(CALM).whole
