"""Faults 1 to 3: answers come late, or never."""

import pytest

from bff.testing import fault_kinds as kinds
from tests.faults.trial import CALM, SCREEN, THING

WINDOW = 1.0


def percentile(answers, share):
    """Return the time below which that *share* of *answers* came, in seconds."""
    return sorted(answer.seconds for answer in answers)[int(len(answers) * share)]


def test_fault_1_a_slow_service_makes_no_other_field_slower(trouble, shaky, lateness):
    """The p99 of the others moves by less than 10 ms while a third of all requests wait for the slow one."""
    with trouble("thing") as trial:
        before = percentile(trial.load(CALM, rate=60, seconds=3), 0.99)

        shaky.break_with(kinds.Latency(0.3))
        answers = trial.load([CALM, CALM, THING], rate=90, seconds=3)

        calm = [answer for answer in answers if "calm" in answer.data]
        assert all(answer.whole for answer in calm)
        assert percentile(calm, 0.99) < before + 0.010 + lateness.ms / 1000


def test_fault_2_a_service_ten_times_too_slow_is_soon_left_alone(trouble, shaky, lateness):
    """Within the window and two seconds its fields fail at once instead of late."""
    with trouble("thing") as trial:
        shaky.break_with(kinds.Latency(2.5))

        answers = trial.load(SCREEN, rate=40, seconds=WINDOW + 1)

        opened = next(answer.since for answer in answers if answer.codes == ["CIRCUIT_OPEN"])
        assert opened < WINDOW + 2
        first = len(trial.bff.lines)
        refused = [answer for answer in (trial.ask(THING) for _ in range(40)) if answer.codes == ["CIRCUIT_OPEN"]]
        took = [line["ms"] for line in trial.bff.log(first, event="operation") if line["ms"] < 200]
        assert len(refused) > 20
        assert sorted(took)[int(len(refused) * 0.95)] < 5 + lateness.ms


@pytest.mark.parametrize("kind", [kinds.BlackHole(), kinds.HangBeforeHeaders(), kinds.HangAfterHeaders()])
def test_fault_3_a_service_that_never_answers_costs_an_attempt_and_one_retry(trouble, shaky, kind):
    with trouble("thing") as trial:
        shaky.break_with(kind)

        answer = trial.ask()

        attempts = trial.log(event="attempt", upstream="shaky")
        assert answer.codes == ["UPSTREAM_TIMEOUT"]
        assert [line["outcome"] for line in attempts] == ["READ_TIMEOUT", "READ_TIMEOUT"]
        assert [line["ms"] for line in attempts if not 245 <= line["ms"] < 400] == []
