"""Faults 1 to 3: answers come late, or never."""

import pytest

from bff.testing import fault_kinds as kinds
from tests.faults.lateness import hardly_slower
from tests.faults.trial import CALM, SCREEN, THING, refused_at_once

WINDOW = 1.0


def test_fault_1_a_slow_service_makes_no_other_field_slower(trouble, shaky):
    """The p99 of the others moves by less than 10 ms while half of all requests wait for the slow one.

    Well and slow follow each other several times, so that what else the machine does hits both alike.
    """
    with trouble("thing") as trial:
        well, slow = [], []
        for _ in range(3):
            for kind, seen in ([], well), ([kinds.Latency(0.3)], slow):
                shaky.break_with(*kind)
                answers = trial.load([CALM, THING], rate=100, seconds=0.7)
                seen += [answer for answer in answers if "calm" in answer.data]

        assert all(answer.whole for answer in slow)
        hardly_slower(trial.starving, slow, well, median=0.005, p99=0.010)


def test_fault_2_a_service_ten_times_too_slow_is_soon_left_alone(trouble, shaky):
    """Within the window and two seconds its fields fail at once instead of late."""
    with trouble("thing") as trial:
        shaky.break_with(kinds.Latency(2.5))

        answers = trial.load(SCREEN, rate=40, seconds=WINDOW + 0.5)

        opened = next(answer.since for answer in answers if answer.codes == ["CIRCUIT_OPEN"])
        assert opened < WINDOW + 2
        assert refused_at_once(trial, 60) > 20


@pytest.mark.parametrize("kind", [kinds.BlackHole(), kinds.HangBeforeHeaders(), kinds.HangAfterHeaders()])
def test_fault_3_a_service_that_never_answers_costs_an_attempt_and_one_retry(trouble, shaky, kind):
    with trouble("thing") as trial:
        shaky.break_with(kind)

        answer = trial.ask()

        attempts = trial.log(event="attempt", upstream="shaky")
        assert answer.codes == ["UPSTREAM_TIMEOUT"]
        assert [line["outcome"] for line in attempts] == ["READ_TIMEOUT", "READ_TIMEOUT"]
        starved = trial.starved(answer.started, answer.started + answer.seconds) * 1000
        assert [line["ms"] for line in attempts if not 225 <= line["ms"] < 400 + starved] == []
