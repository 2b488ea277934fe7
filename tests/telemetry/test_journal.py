"""Each request has a journal while it runs, and none afterwards."""

import pytest

from bff.events import AttemptFinished, BreakerChanged, OperationAbandoned, OperationFinished
from bff.telemetry import journal as limits
from bff.upstream.outcome import Outcome

FINISHED = OperationFinished("r1", "Screen", "query", 0.1, 0, 0)
ABANDONED = OperationAbandoned("r1", "Screen", "query", 0.1, "cancelled")


@pytest.mark.parametrize("end", [FINISHED, ABANDONED])
def test_a_journal_ends_with_its_operation_however_it_ends(told, end):
    journal = told.begin()
    told.start("catalog")()

    told.tell(end)

    assert told.journals.of("r1") is None
    assert len(journal.entries) == 3, "whoever holds it can still read it"


def test_operations_of_one_http_request_share_a_journal_until_the_last_of_them_ends(told):
    first, second = told.begin(), told.begin()

    told.tell(FINISHED)

    assert told.journals.of("r1") is first is second
    told.tell(FINISHED)
    assert told.journals.of("r1") is None


def test_what_belongs_to_no_request_under_way_is_kept_nowhere(told):
    """A background refresh goes on after the operation that caused it."""
    told.start("catalog", request="gone")()

    assert told.journals.of("gone") is None


def test_requests_whose_end_was_never_told_do_not_fill_the_memory(told):
    for number in range(limits._MOST_JOURNALS + 5):
        told.begin(f"r{number}")

    assert told.journals.of("r0") is None
    assert told.journals.of("r5") is not None


def test_one_request_cannot_fill_the_memory_either(told):
    journal = told.begin()

    for _ in range(limits.MOST_ENTRIES):
        told.start("catalog")()

    assert len(journal.entries) == limits.MOST_ENTRIES


def test_an_attempt_knows_the_state_of_its_breaker(told):
    journal = told.begin()
    told.start("catalog")()
    told.tell(BreakerChanged("catalog", "default", "open", "half_open", "open_time_over", -1, -1, 0, 0))
    told.start("catalog")()
    told.tell(BreakerChanged("catalog", "default", "half_open", "closed", "probes", -1, -1, 0, 0))
    told.start("catalog")(Outcome.RESET, status=None)

    states = [entry.breaker for entry in journal.entries if isinstance(entry.event, AttemptFinished)]

    assert states == ["closed", "half_open", "closed"]
