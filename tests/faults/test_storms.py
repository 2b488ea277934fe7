"""Faults 21 and 22: a service that says no for a long time is asked little, and soon again when it is well."""

import time
from collections import Counter
from datetime import datetime

import pytest

from bff.testing import fault_kinds as kinds
from bff.testing.faults import Fault
from tests.faults.trial import CALM, ORDER, OTHER, SCREEN, THING, refused_at_once, unharmed

RATE = 80
RESERVE = 2
RATIO = 0.2


def test_fault_21_a_service_that_says_when_is_not_asked_before(trouble, shaky):
    """Retry-After of three seconds: at most 2 % of the calls go out meanwhile, and the breaker stays closed."""
    with trouble("thing", open_time=3.0) as trial:
        shaky.break_with(kinds.Status(429, retry_after=3))
        told = trial.ask()
        before = shaky.arrivals()

        answers = trial.load(SCREEN, RATE, 1)

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
        trial.load(THING, RATE, 2.5)

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

        answers = trial.load(SCREEN, 60, 5.5)

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
                    "window": "1s",
                    "open_time": "1500ms",
                    "max_open_time": "1500ms",
                    "consecutive_failures": 1000,
                },
                "groups": {"others": {"endpoints": ["other"]}},
            },
            "steady": {"hosts": [steady.url]},
            "pair": {"hosts": [host.url for host in pair]},
        }
    )


def test_twenty_503_open_the_breaker_and_three_probes_at_most_close_it(grouped_bff, shaky, steady):
    """The next hundred requests make no call and take under 5 ms; the other group is as before."""
    with unharmed(grouped_bff, [shaky, steady], affected={"thing"}, open_time=1.5) as trial:
        time.sleep(1.1)  # the window of the calls that went well
        shaky.break_with(Fault(kinds.Status(503), path="/things/*"))
        before = shaky.arrivals()
        while trial.ask(THING).codes != ["CIRCUIT_OPEN"]:
            assert shaky.arrivals() - before <= 20
        assert shaky.arrivals() - before == 20

        assert refused_at_once(trial, 100) == 100
        assert shaky.arrivals() - before == 20
        assert trial.ask(OTHER).whole

        shaky.heal()
        asked = shaky.arrivals()
        while not trial.log(event="breaker", upstream="shaky", to="closed"):
            trial.ask(THING)
        assert shaky.arrivals() - asked <= 3


FULL_RATE = 200
OUTAGE = 4
BUDGET = {"ratio": RATIO, "ttl": "1s", "reserve": RESERVE}
"""Sixty seconds in which each first attempt counts for ten, scaled to four in which it counts for one."""


@pytest.fixture(scope="module")
def trusting_bff(start_bff, shaky, steady, pair):
    return start_bff(
        {
            "shaky": {"hosts": [shaky.url], "breaker": {"mode": "disabled"}, "retry": {"budget": BUDGET}},
            "steady": {"hosts": [steady.url]},
            "pair": {"hosts": [host.url for host in pair]},
        }
    )


@pytest.mark.parametrize("kind", [kinds.Status(503), kinds.ResetBeforeResponse()])
def test_t_rt_b_a_long_outage_adds_a_fifth_and_the_reserve_and_no_more(trusting_bff, shaky, steady, kind):
    """Even without a breaker, repeating must not keep a service down; each order is sent once."""
    with unharmed(trusting_bff, [shaky, steady], affected={"thing", "order"}, open_time=1.0) as trial:
        trial.may_refuse = True
        shaky.break_with(kind)
        before, ordered = shaky.arrivals(), shaky.arrivals("POST")
        started = time.monotonic()

        answers = trial.load([THING] * 9 + [ORDER], FULL_RATE, OUTAGE)

        seconds = time.monotonic() - started
        made = [answer for answer in answers if answer.status == 200]
        orders = [answer for answer in made if "order" in answer.data]
        assert len(made) > 0.9 * len(answers), "the door lets them in"
        sent = shaky.arrivals("POST") - ordered
        phases = Counter(answer.body["errors"][0]["extensions"].get("phase") for answer in orders)
        assert phases[None] <= sent <= len(orders) - phases["connect"], (
            "never twice, and what could not be sent never"
        )
        reads, arrived = len(made) - len(orders), shaky.arrivals() - before - len(orders)
        # What a second of well calls before has left of the budget counts too.
        most = reads + RATIO * (reads + FULL_RATE) + RESERVE * (seconds + 1)
        assert reads <= arrived <= most
        assert arrived > 1.1 * reads, "and yet it was tried"
        assert trial.ask(CALM).whole
