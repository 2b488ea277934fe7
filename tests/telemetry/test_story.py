"""A journal becomes the calls of `extensions.trace`, and sentences."""

import pytest

from bff.events import (
    BreakerRefused,
    CacheUsed,
    Coalesced,
    FaultInjected,
    FellBack,
    HedgeFinished,
    PermitRefused,
    PermitWaited,
    Retrying,
    RetrySuppressed,
)
from bff.telemetry.story import Calls, sentences
from bff.upstream.outcome import Outcome


@pytest.fixture
def story(told):
    """Return a function that tells the calls of the journal so far."""
    journal = told.begin()

    def tell():
        calls = Calls(journal.began, told.clock.now(), alias=str.title, host=lambda origin: f"host {origin.port}")
        return calls.of(journal.entries)

    tell.journal = journal
    return tell


def test_a_call_is_told_with_its_attempts_and_times(told, story):
    told.pass_time(0.005)
    end = told.start("catalog", "dishes")
    told.pass_time(0.0201)
    end(status=200)

    assert story() == [
        {
            "upstream": "Catalog",
            "endpoint": "dishes",
            "wave": 1,
            "startMs": 5.0,
            "ms": 20.1,
            "outcome": "OK",
            "attempts": [{"host": "host 8080", "startMs": 5.0, "ms": 20.1, "outcome": "OK", "status": 200}],
            "breaker": "closed",
        }
    ]


def test_a_call_that_has_not_ended_is_running_until_now(told, story):
    told.start("catalog")
    told.pass_time(1.5)

    (call,) = story()

    assert (call["outcome"], call["ms"], call["attempts"]) == ("RUNNING", 1500.0, [])


def test_what_a_finished_call_lets_begin_is_the_next_wave(told, story):
    """Two chains of different speed: the slow one's second call is of wave 2 as well, not 3."""
    fast, slow = told.start("fast"), told.start("slow")
    told.pass_time(0.010)
    fast()
    fast_again = told.start("fast", "two")
    told.pass_time(0.010)
    fast_again()
    told.pass_time(0.080)
    slow()
    told.start("slow", "two")()

    assert {(call["upstream"], call["endpoint"]): call["wave"] for call in story()} == {
        ("Fast", "one"): 1,
        ("Slow", "one"): 1,
        ("Fast", "two"): 2,
        ("Slow", "two"): 2,
    }


def test_what_was_at_hand_opens_no_wave(told, story):
    told.start("kept")(attempts=0)
    told.start("fetched")()

    assert [call["wave"] for call in story()] == [1, 1]


@pytest.mark.parametrize(
    ("event", "key", "value"),
    [
        (lambda call: CacheUsed("a", "one", "hit", 3, "local", "r1", call), "cache", {"hit": 3}),
        (
            lambda call: Retrying("a", "one", "r1", 2, 0.05, Outcome.RESET, 9.0, call),
            "retries",
            [{"afterMs": 50.0, "reason": "RESET"}],
        ),
        (
            lambda call: RetrySuppressed("a", "one", "r1", "budget", Outcome.RESET, 0.0, call),
            "notRetried",
            "budget",
        ),
        (lambda call: HedgeFinished("a", "one", "r1", 0.1, True, call), "hedge", "won"),
        (lambda call: Coalesced("a", "one", "r1", call, "r0", 7), "joined", "r0"),
        (lambda call: FellBack("a", "one", "STALE_IF_ERROR", 1, "r1", call), "fallback", "STALE_IF_ERROR"),
        (lambda call: BreakerRefused("a", "default", "one", "r1", "open", call), "breaker", "open"),
        (lambda call: PermitRefused("a", "one", "queue full", 0.0, "r1", call), "refused", "queue full"),
        (lambda call: PermitWaited("a", "one", 0.0123, "r1", call), "queueMs", 12.3),
    ],
)
def test_each_decision_is_told_with_its_call_and_as_a_sentence(told, story, event, key, value):
    end, other = told.start("a"), told.start("a")
    told.tell(event(end.number))
    end(attempts=0)
    other()

    first, second = story()

    assert first[key] == value
    assert second.get(key) in {None, "closed"}
    assert len(sentences(story.journal.entries, story.journal.began)) == 6


def test_sentences_say_when_what_and_how_the_breaker_was(told, story):
    told.pass_time(0.5)
    told.start("catalog", "dishes")(Outcome.SERVER_ERROR, status=500)

    assert sentences(story.journal.entries, story.journal.began) == [
        "    500.0 ms  catalog.dishes: call 1 begins",
        "    500.0 ms  catalog.dishes: attempt 1 at http://10.0.0.7:8080: SERVER_ERROR, status 500, after 0.0 ms",
        "    500.0 ms  catalog.dishes: call 1 ends: SERVER_ERROR, after 0.0 ms",
    ]


def test_a_fault_on_purpose_is_told_with_its_call(told, story):
    told.start("catalog", "dishes")
    told.tell(
        FaultInjected("catalog", "dishes", "r1", "status", "503", None, 1),
        FaultInjected("catalog", "dishes", "r1", "latency", "slow(2s)", "x1", 1),
    )

    assert story()[0]["fault"] == "slow(2s)"
    assert [line.partition(": ")[2] for line in sentences(story.journal.entries, story.journal.began)][1:] == [
        "fault on purpose: 503, the request asked for it",
        "fault on purpose: slow(2s), experiment x1",
    ]
