"""Faults 23 and 24: some hosts of a service are bad, and callers hardly notice."""

import asyncio
import time

import pytest

from bff.testing import fault_kinds as kinds
from bff.testing.faults import Fault
from tests.faults.trial import PAIRED, unharmed

RATE = 80
FULL_RATE = 200
CHECKED = {
    "health": {"path": "/health", "interval": "200ms", "timeout": "150ms", "no_traffic_interval": "1s"},
    "outlier": {"base": "1s", "max": "3s"},
    "slow_start": {"window": "500ms"},
    "breaker": {"min_calls": 1000},
}


@pytest.fixture(scope="module")
def four(start_service, pair):
    return [*pair, start_service(), start_service()]


@pytest.fixture(scope="module")
def four_bff(start_bff, shaky, steady, four):
    return start_bff(
        {
            "shaky": {"hosts": [shaky.url]},
            "steady": {"hosts": [steady.url]},
            "pair": {
                "hosts": [host.url for host in four],
                "timeouts": {"attempt": "120ms"},
                "outlier": {"base": "1s", "max": "3s"},
            },
        }
    )


@pytest.mark.parametrize(
    ("place", "kind"),
    [
        pytest.param(0, kinds.Status(500), id="500"),
        pytest.param(1, kinds.Latency(2), id="slow"),
        pytest.param(2, kinds.BlackHole(), id="black-hole"),
        pytest.param(3, kinds.ResetBeforeResponse(), id="reset"),
    ],
)
def test_fault_23_one_bad_host_of_four_is_ejected(four_bff, four, steady, place, kind):
    """In less than two seconds; after that fewer than 0.5 % of the calls fail.

    One that is slow gets one call at a time, for the others are always less busy: five attempts' timeouts count.
    Each kind hits another host: one that was ejected just before would not be called at all.
    """
    with unharmed(four_bff, [steady, *four], affected={"paired"}, query=PAIRED, open_time=3.0) as trial:
        four[place].break_with(Fault(kind, path="/things/*"))

        answers = trial.load(PAIRED, RATE, 2.5)

        hosts = trial.log(event="host", upstream="pair", to="ejected")
        assert {line["origin"] for line in hosts} == {four[place].url}
        assert trial.opened("pair") == []
        later = [answer for answer in answers if answer.since > 2.0]
        failed = [answer for answer in later if not answer.whole]
        returns = trial.log(event="host", upstream="pair", to="returned")
        looks = (
            5 * len(returns) if kind == kinds.Status(500) else 0
        )  # 500 is not repeated, so each look costs calls
        assert len(failed) <= 0.005 * len(later) + looks


@pytest.fixture(scope="module")
def checked_bff(start_bff, shaky, steady, pair):
    return start_bff(
        {
            "shaky": {"hosts": [shaky.url]},
            "steady": {"hosts": [steady.url]},
            "pair": {"hosts": [host.url for host in pair], **CHECKED},
        }
    )


async def told(trial, limit, **having):
    """Wait until the log has a line with all of *having*."""
    until = time.monotonic() + limit
    while not await asyncio.to_thread(trial.log, **having):
        assert time.monotonic() < until
        await asyncio.sleep(0.02)


def looks(service):
    """Return how often *service* was asked how it is since it started."""
    return service.stats["arrivals"].get("GET /health", 0)


def test_a_host_of_two_killed_under_load_costs_nothing_and_comes_back(checked_bff, pair, steady):
    """Fewer than 0.5 % of calls fail; it is in rotation two probes after its return, and stays there."""
    dead = pair[1]
    with unharmed(checked_bff, [steady, *pair], affected={"paired"}, query=PAIRED, open_time=3.0, idle=2) as trial:

        async def incident():
            load = asyncio.create_task(trial.loading([PAIRED], FULL_RATE, 4))
            await asyncio.sleep(0.5)
            dead.kill()
            await asyncio.sleep(1)
            await asyncio.to_thread(dead.restart)
            await told(trial, 3, event="health", origin=dead.url, to="healthy")
            return await asyncio.to_thread(looks, dead), await load

        probes, answers = asyncio.run(incident())

        failed = [answer for answer in answers if not answer.whole]
        assert len(failed) < 0.005 * len(answers)
        assert probes <= 2 + 1, "a third may have come while we were looking"
        health = [line["to"] for line in trial.log(event="health", origin=dead.url)]
        assert health == ["unhealthy", "healthy"]
        assert dead.arrivals() > 10
        assert trial.opened("pair") == []


@pytest.fixture(scope="module")
def zoned_bff(start_bff, shaky, steady, pair):
    places = [{"url": host.url, "zone": zone} for host, zone in zip(pair, ("near", "far"), strict=True)]
    return start_bff(
        {
            "shaky": {"hosts": [shaky.url]},
            "steady": {"hosts": [steady.url]},
            "pair": {"hosts": places, "balance": {"zone": "near", "failback_hold": "300ms"}, **CHECKED},
        }
    )


def test_fault_24_a_zone_fails_over_and_back_by_itself(zoned_bff, pair, steady):
    near, far = pair
    with unharmed(zoned_bff, [steady, *pair], affected={"paired"}, query=PAIRED, open_time=3.0, idle=2) as trial:

        async def incident():
            load = asyncio.create_task(trial.loading([PAIRED], RATE, 5.5))
            await asyncio.sleep(0.5)
            before = far.arrivals()
            near.kill()
            await asyncio.sleep(1.5)
            during = far.arrivals()
            await asyncio.to_thread(near.restart)
            await told(trial, 3, event="health", origin=near.url, to="healthy")
            await asyncio.sleep(1)
            after = near.arrivals(), far.arrivals()
            answers = await load
            return before, during, after, answers

        before, during, after, answers = asyncio.run(incident())

        assert during - before > RATE / 2, "the far zone has taken over"
        assert after[0] > 0
        assert near.arrivals() - after[0] > RATE / 2, "the near zone has its calls again"
        assert far.arrivals() - after[1] < RATE / 5
        failed = [answer for answer in answers if not answer.whole]
        assert len(failed) < 0.005 * len(answers)
