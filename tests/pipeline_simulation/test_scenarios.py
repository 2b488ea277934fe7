"""Incidents at full length, with what the service and the clients may feel of them; all laws hold in every one."""

import pytest

from bff.events import BreakerChanged, GateClosed, HealthChanged, HostEjected
from bff.testing.simulation import faults
from bff.testing.simulation.clients import Load, Rate
from bff.testing.simulation.log import Acted, Ended
from bff.testing.simulation.world import policy_of

FROM, FOR = 10.0, 60.0
UNTIL = FROM + FOR
NO_BREAKER = policy_of(breaker={"mode": "disabled"}, outlier={"percent": "0%"})
ORDERS = Load("catalog", Rate.steady(20.0), endpoint="place", safe=False)

OUTAGES = {
    "refused": faults.down("catalog", FROM, FOR),
    "partition": faults.partition("catalog", FROM, FOR),
    "hangs": faults.hang("catalog", FROM, FOR),
    "503": faults.status("catalog", FROM, FOR, 503),
    "reset": faults.reset("catalog", FROM, FOR),
    "reset after acting": faults.reset("catalog", FROM, FOR, acts=True),
}


def asked_and_sent(lab, run):
    """Return how many calls there were during the outage, and how many requests reached the service."""
    calls = sum(lab.outcomes(run, after=FROM, before=UNTIL).values())
    return calls, len(lab.sent(run, after=FROM, before=UNTIL))


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
def test_a_total_outage_is_hardly_felt_by_a_service_behind_a_breaker(lab, outage):
    run = lab.lawful(lab.world(outage, rate=80.0, seconds=110.0))

    calls, sent = asked_and_sent(lab, run)
    assert calls > 4_500
    assert sent < 0.1 * calls


@pytest.mark.parametrize("outage", OUTAGES.values(), ids=OUTAGES)
def test_a_total_outage_is_not_made_worse_by_repetitions_and_an_order_arrives_once(lab, outage):
    """T-RT-b: without a breaker the budget alone allows 1.2 times the calls and the reserve at most.

    Where a request has left us, an unsafe call without a key is not sent again.
    """
    run = lab.lawful(lab.world(outage, rate=80.0, seconds=90.0, loads=[ORDERS], policy=NO_BREAKER))

    calls, sent = asked_and_sent(lab, run)
    assert calls > 4_500
    assert sent <= 1.2 * calls + 2 * (FOR + 10)
    orders = {sent.call for sent in run.log.of(Acted, "catalog") if sent.call >= 2_000_000_000}
    acts = [act.call for act in run.log.of(Acted, "catalog") if act.call in orders]
    assert len(orders) > 500
    assert len(acts) == len(orders)


def test_the_open_times_of_a_flapping_service_grow(lab):
    """T-CB-e: what comes and goes every 5 s is left alone for longer and longer, and used again when it stays."""
    run = lab.lawful(lab.world(*faults.flapping("catalog", 10.0, 300.0), rate=50.0, seconds=450.0))

    opened = [told.event.seconds for told in lab.told(run, BreakerChanged) if told.event.after == "open"]
    assert opened[0] < 7
    assert max(opened) > 40
    bad = [sent for sent in lab.sent(run, after=10, before=310) if (sent.at - run.start - 10) % 10 < 5]
    assert len(bad) < 0.01 * 300 * 50
    assert lab.outcomes(run, after=440.0).keys() == {"OK"}


@pytest.mark.parametrize("fault", [faults.down, faults.hang], ids=["refuses", "hangs"])
def test_one_of_two_hosts_killed_costs_fewer_than_one_call_of_200(lab, fault):
    """It is called again within two probe intervals of its return, and stays."""
    health = policy_of(health={"path": "/health"})
    run = lab.lawful(lab.world(fault("catalog", FROM, 40.0, host=0), hosts=2, policy=health))

    outcomes = lab.outcomes(run)
    assert outcomes.total() - outcomes["OK"] < 0.005 * outcomes.total()
    back = FROM + 40.0
    assert lab.sent(run, after=back, host=0)[0].at - run.start < back + 2 * 5.0 * 1.2
    assert lab.told(run, HostEjected, after=back + 1) == []
    assert [told.event.state for told in lab.told(run, HealthChanged, after=back)] == ["healthy"]


def test_one_slow_host_is_left_alone(lab):
    """Hosts that time out are ejected; the others carry the load."""
    run = lab.lawful(lab.world(faults.slow("catalog", FROM, 40.0, 200.0, host=0), hosts=3))

    outcomes = lab.outcomes(run)
    assert outcomes.total() - outcomes["OK"] < 0.005 * outcomes.total()
    assert len(lab.sent(run, after=FROM + 5, before=FROM + 40, host=0)) < 0.02 * 35 * 200


def test_latency_times_ten_is_borne(lab):
    """Slower is not broken: nothing opens, nothing is repeated."""
    run = lab.lawful(lab.world(faults.slow("catalog", FROM, 40.0, 10.0), hosts=5))

    assert lab.outcomes(run).keys() == {"OK"}
    assert lab.told(run, BreakerChanged) == []


def test_latency_beyond_the_attempt_timeout_opens_the_breaker_within_its_window(lab):
    """Fault 2: then calls fail at once instead of occupying everything."""
    run = lab.lawful(lab.world(faults.late("catalog", FROM, 40.0, 20.0)))

    first = lab.told(run, BreakerChanged)[0]
    assert first.event.after == "open"
    assert first.at - run.start < FROM + 12


@pytest.mark.parametrize("retry_after", [None, 1])
def test_throttling_of_every_second_call_opens_no_breaker(lab, retry_after):
    """T-CB-d: a service that says 429 is well; where it names a time, it is left alone for as long."""
    throttled = faults.status("catalog", FROM, FOR, 429, share=0.5, retry_after=retry_after)
    run = lab.lawful(lab.world(throttled))

    assert lab.told(run, BreakerChanged) == []
    sent = len(lab.sent(run, after=FROM, before=UNTIL))
    if retry_after is None:
        assert sent <= 1.2 * FOR * 200 * 1.05
    else:
        assert lab.told(run, GateClosed)
        assert sent < 0.05 * FOR * 200


def test_a_throttling_storm_lets_few_calls_through(lab):
    """Fault 21: arrivals are at most 2 % of normal while everything is throttled."""
    run = lab.lawful(lab.world(faults.status("catalog", FROM, FOR, 429, retry_after=2)))

    assert len(lab.sent(run, after=FROM + 1, before=UNTIL)) <= 0.02 * FOR * 200
    assert lab.told(run, BreakerChanged) == []


def test_replicas_on_the_right_side_of_a_partition_notice_nothing(lab):
    """Breakers are per process, so one bad network does not black out the fleet (CB-12)."""
    cut = faults.partition("catalog", FROM, FOR, replicas=1)
    run = lab.lawful(lab.world(cut, replicas=3))

    failed = {end.replica for end in run.log.of(Ended, "catalog") if end.outcome != "OK"}
    assert failed == {0}


def test_clients_in_a_hurry_do_not_open_the_breaker(lab):
    """CB-9: a deadline storm says something about clients, nothing about the service."""
    storm = Rate(((20.0, 0.0), (30.0, 400.0), (50.0, 0.0)))
    hurried = Load("catalog", storm, endpoint="hurried", deadline=(0.061, 0.08))
    run = lab.lawful(lab.world(loads=[hurried], policy=policy_of(adaptive={"enabled": True})))

    outcomes = lab.outcomes(run)
    assert outcomes["READ_TIMEOUT"] > 1000
    assert outcomes.keys() == {"OK", "READ_TIMEOUT"}
    assert lab.told(run, BreakerChanged) == []


def test_a_burst_beyond_the_bulkhead_is_refused_and_forgotten(lab):
    """BH-1, BH-4: what is too much fails at once; afterwards everything is as before."""
    burst = Load("catalog", Rate(((20.0, 20_000.0), (20.5, 0.0))), endpoint="burst")
    run = lab.lawful(lab.world(loads=[burst]))

    refused = lab.outcomes(run)["POOL"]
    assert refused > 1000
    assert lab.outcomes(run, after=21.0).keys() == {"OK"}
    assert lab.told(run, BreakerChanged) == []


def test_half_of_all_clients_leave_during_an_outage(lab):
    """Fault 33: whatever they held is given back, and no leaver counts for or against the service."""
    leaving = Load("catalog", Rate.steady(100.0), endpoint="left", leavers=0.5)
    run = lab.lawful(lab.world(faults.hang("catalog", FROM, 20.0), loads=[leaving]))

    assert lab.outcomes(run)["CANCELLED"] > 50


def test_a_restart_in_a_second_is_hardly_noticed(lab):
    """Reads are repeated; the work that was lost costs few calls."""
    policy = policy_of(health={"path": "/health"})
    run = lab.lawful(lab.world(faults.down("catalog", FROM, 1.0, host=1), hosts=3, policy=policy))

    assert lab.outcomes(run).keys() == {"OK"}


def test_hedges_add_a_twentieth_of_the_load_at_most(lab):
    """HG-3: a stall is bridged by a second send, within its budget."""
    stall = faults.late("catalog", FROM, 40.0, 0.5, host=0)
    run = lab.lawful(lab.world(stall, hosts=3, policy=policy_of(hedge={"enabled": True})))

    calls = lab.outcomes(run).total()
    assert lab.outcomes(run).keys() == {"OK"}
    assert 0.01 * calls < len(lab.sent(run)) - calls <= 0.05 * calls + 1
