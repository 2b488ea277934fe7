"""Fault 18: a name that cannot be found, or a name server that does not answer, is one field's trouble."""

import pytest

from tests.faults.trial import CALM, SCREEN, unharmed


@pytest.fixture(scope="module")
def nameless_bff(start_bff, steady, pair):
    bff = start_bff(
        {
            "shaky": {"hosts": ["https://nobody.invalid:8443"]},
            "steady": {"hosts": [steady.url]},
            "pair": {"hosts": [host.url for host in pair]},
        }
    )
    bff.ask(SCREEN)  # starts the thread that looks names up, which stays
    return bff


def test_fault_18_a_name_that_is_not_found_costs_its_own_fields(nameless_bff, steady):
    """However long the lookup takes, others are called meanwhile and the field fails at the DNS timeout."""
    with unharmed(nameless_bff, [steady], affected={"thing"}, query=CALM, open_time=1.0) as trial:
        first = trial.ask(SCREEN)
        answers = trial.load(SCREEN, rate=40, seconds=1)

        assert first.codes == ["UPSTREAM_UNAVAILABLE"]
        assert {code for answer in answers for code in answer.codes} == {"UPSTREAM_UNAVAILABLE", "CIRCUIT_OPEN"}
        assert set(trial.outcomes()) == {"DNS"}
        assert max(line["ms"] for line in trial.log(event="attempt", upstream="shaky")) < 300
