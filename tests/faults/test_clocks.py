"""Fault 26: a service's clock is an hour off, and nothing here believes it."""

import pytest

from tests.faults.trial import CALM, SCREEN, unharmed

HOUR = 3600


@pytest.fixture(scope="module", params=[HOUR, -HOUR], ids=["ahead", "behind"])
def late_service(request, start_service):
    return start_service(f"--clock-off={request.param}")


@pytest.fixture(scope="module")
def clock_bff(start_bff, late_service, steady):
    """The pair is the same service where it throttles."""
    return start_bff(
        {
            "shaky": {"hosts": [late_service.url]},
            "steady": {"hosts": [steady.url]},
            "pair": {"hosts": [f"{late_service.url}/throttled"], "retry": {"gate_max": "60s"}},
        }
    )


def test_fault_26_deadlines_know_nothing_of_another_clock(clock_bff, late_service, steady):
    with unharmed(clock_bff, [late_service, steady], affected=set(), open_time=1.0) as trial:
        assert all(trial.ask(SCREEN).whole for _ in range(10))


def test_fault_26_a_date_to_wait_for_counts_from_the_services_own_date(clock_bff, late_service, steady):
    """RT-6: two seconds by its clock are two seconds, not an hour and not nothing."""
    query = '{ paired(id: "p1") { id who text } }'
    with unharmed(clock_bff, [late_service, steady], affected={"paired"}, query=CALM, open_time=1.0) as trial:
        answer = trial.ask(query)

        (closed,) = trial.log(event="gate", to="closed")
        assert answer.codes == ["UPSTREAM_THROTTLED"]
        assert 900 <= closed["closed_ms"] <= 3000
        assert 900 <= answer.body["errors"][0]["extensions"]["retryAfterMs"] <= 3000
