"""Faults 7 to 17: what comes back is cut off, wrong, or too much."""

import pytest

from bff.testing import fault_kinds as kinds
from bff.testing.faults import Fault
from tests.faults.processes import forget_peak, peak, processor_seconds, resident
from tests.faults.trial import MOST_MEMORY, THING

BROKEN = [
    pytest.param(kinds.ResetBeforeResponse(), "RESET", "UPSTREAM_UNAVAILABLE", 2, id="7-reset-before-response"),
    pytest.param(kinds.EofBeforeResponse(), "RESET", "UPSTREAM_UNAVAILABLE", 2, id="7-eof-before-response"),
    pytest.param(kinds.ResetMidBody(), "BODY_BROKEN", "UPSTREAM_BAD_RESPONSE", 2, id="8-reset-mid-body"),
    pytest.param(kinds.ShortBody(), "BODY_BROKEN", "UPSTREAM_BAD_RESPONSE", 2, id="9-short-body"),
    pytest.param(kinds.MissingTerminator(), "BODY_BROKEN", "UPSTREAM_BAD_RESPONSE", 2, id="9-missing-terminator"),
    pytest.param(kinds.Drip(), "READ_TIMEOUT", "UPSTREAM_TIMEOUT", 2, id="10-drip-body"),
    pytest.param(kinds.Drip(interval=0.1), "READ_TIMEOUT", "UPSTREAM_TIMEOUT", 2, id="10-drip-within-read-idle"),
    pytest.param(kinds.Drip(interval=0.1, part="headers"), "READ_TIMEOUT", "UPSTREAM_TIMEOUT", 2, id="10-headers"),
    pytest.param(kinds.TruncatedJson(), "BAD_PAYLOAD", "UPSTREAM_BAD_RESPONSE", 1, id="11-truncated-json"),
    pytest.param(kinds.MalformedJson("nan"), "BAD_PAYLOAD", "UPSTREAM_BAD_RESPONSE", 1, id="12-nan"),
    pytest.param(
        kinds.MalformedJson("lone_surrogate"), "BAD_PAYLOAD", "UPSTREAM_BAD_RESPONSE", 1, id="12-surrogate"
    ),
    pytest.param(kinds.MalformedJson("duplicate_keys"), "BAD_PAYLOAD", "UPSTREAM_BAD_RESPONSE", 1, id="12-twice"),
    pytest.param(kinds.MalformedJson("deep"), "BAD_PAYLOAD", "UPSTREAM_BAD_RESPONSE", 1, id="12-deep"),
    pytest.param(kinds.MalformedJson("huge_number"), "BAD_PAYLOAD", "UPSTREAM_BAD_RESPONSE", 1, id="12-1e400"),
    pytest.param(kinds.MalformedJson("not_utf8"), "BAD_PAYLOAD", "UPSTREAM_BAD_RESPONSE", 1, id="12-not-utf8"),
    pytest.param(kinds.WrongContentType(), "BAD_PAYLOAD", "UPSTREAM_BAD_RESPONSE", 1, id="13-html"),
    pytest.param(kinds.HugeBody(), "TOO_LARGE", "UPSTREAM_RESPONSE_TOO_LARGE", 1, id="14-huge-body"),
    pytest.param(kinds.HugeBody(endless=True), "TOO_LARGE", "UPSTREAM_RESPONSE_TOO_LARGE", 1, id="14-endless"),
    pytest.param(kinds.GzipBomb(), "TOO_LARGE", "UPSTREAM_RESPONSE_TOO_LARGE", 1, id="15-gzip-bomb"),
    pytest.param(kinds.HugeHeaders(), "BODY_BROKEN", "UPSTREAM_BAD_RESPONSE", 2, id="16-1000-headers"),
    pytest.param(kinds.HugeHeaders(1, 2**20), "BODY_BROKEN", "UPSTREAM_BAD_RESPONSE", 2, id="16-huge-header"),
    pytest.param(kinds.InvalidStatusLine(), "BODY_BROKEN", "UPSTREAM_BAD_RESPONSE", 2, id="16-status-line"),
    pytest.param(kinds.Redirect(), "CLIENT_ERROR", "UPSTREAM_REJECTED", 1, id="17-redirect"),
]
"""Fault, the outcome of each attempt, the code that the client reads, and how many attempts a GET makes."""


@pytest.mark.parametrize(("kind", "outcome", "code", "attempts"), BROKEN)
def test_what_cannot_be_read_is_one_error_at_its_field(trouble, shaky, kind, outcome, code, attempts):
    """Nothing of a broken body is used, and a bug of the service is not asked for twice.

    T-DL-b: a body that drips ends at the attempt's time.
    """
    with trouble("thing") as trial:
        shaky.break_with(kind)
        before = shaky.arrivals()

        answer = trial.ask()

        assert answer.codes == [code]
        assert answer.data["thing"] is None
        assert trial.outcomes() == [outcome] * attempts
        assert shaky.arrivals() - before == attempts


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        pytest.param(kinds.ResetBeforeResponse(), "UPSTREAM_UNAVAILABLE", id="7-reset-before-response"),
        pytest.param(kinds.EofBeforeResponse(), "UPSTREAM_UNAVAILABLE", id="7-eof-before-response"),
        pytest.param(kinds.ResetMidBody(), "UPSTREAM_BAD_RESPONSE", id="8-reset-mid-body"),
        pytest.param(kinds.ShortBody(), "UPSTREAM_BAD_RESPONSE", id="9-short-body"),
        pytest.param(kinds.HangBeforeHeaders(), "UPSTREAM_TIMEOUT", id="3-hang"),
        pytest.param(kinds.Status(503), "UPSTREAM_UNAVAILABLE", id="22-503"),
    ],
)
def test_an_order_arrives_once_whatever_becomes_of_its_answer(trouble, shaky, kind, code):
    """F4: who sends it again orders twice."""
    with trouble("order") as trial:
        shaky.break_with(kind)
        before = shaky.arrivals("POST")

        answer = trial.ask('mutation { order(id: "o1") { id who text } }')

        assert answer.codes == [code]
        assert shaky.arrivals("POST") - before == 1


def test_fault_11_bad_payloads_count_against_the_service(trouble, shaky):
    with trouble("thing") as trial:
        shaky.break_with(kinds.TruncatedJson())
        answers = trial.load('{ thing(id: "t1") { id who text } }', rate=50, seconds=1.2)

        assert {code for answer in answers for code in answer.codes} == {"UPSTREAM_BAD_RESPONSE", "CIRCUIT_OPEN"}
        assert trial.opened()


def test_fault_14_a_body_without_end_is_closed_and_costs_little(trouble, bff, shaky):
    """The socket is closed at the cap: the service sees it go, and we stop reading."""
    with trouble("thing") as trial:
        shaky.break_with(kinds.HugeBody(endless=True))
        used = processor_seconds(bff.pid)

        for _ in range(10):
            assert trial.ask().codes == ["UPSTREAM_RESPONSE_TOO_LARGE"]

        assert processor_seconds(bff.pid) - used < 5
        assert shaky.stats["openConnections"] == 0


def test_fault_15_many_bombs_cost_no_more_memory_than_one(trouble, bff, shaky):
    """Each would be 200 MiB; none is inflated beyond the cap of 8 MiB, and none is kept."""
    with trouble("thing") as trial:
        shaky.break_with(kinds.GzipBomb())
        forget_peak(bff.pid)
        before = resident(bff.pid)

        one_by_one = [trial.ask(THING) for _ in range(8)]
        together = trial.load(THING, rate=100, seconds=0.04)

        assert {tuple(answer.codes) for answer in one_by_one + together} == {("UPSTREAM_RESPONSE_TOO_LARGE",)}
        assert peak(bff.pid) - before < MOST_MEMORY


def test_fault_17_the_metadata_address_is_never_called(trouble, shaky, steady):
    """A service that is taken over sends us to another one; that one must hear nothing."""
    with trouble("thing") as trial:
        shaky.break_with(Fault(kinds.Redirect(location=f"{steady.url}/things/stolen")))
        before = steady.arrivals()

        trial.ask()

        assert steady.arrivals() - before == 1, "its own field, and nothing else"
