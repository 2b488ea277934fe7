"""Events that are counted by sorts give the same numbers as events that are read one by one."""

from dataclasses import replace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.events import (
    AttemptFinished,
    BreakerChanged,
    CacheUsed,
    CallFinished,
    CallStarted,
    Coalesced,
    OperationAbandoned,
    OperationFinished,
    OperationShared,
    OperationStarted,
)
from bff.policy.model import OperationsPolicy
from bff.telemetry import tally
from bff.telemetry.catalog import ALIKE
from bff.telemetry.cells import Count, Numbers
from bff.telemetry.labels import OTHER
from bff.telemetry.metric import Alike, Metric
from bff.telemetry.metrics import MOST_OPERATIONS, Metrics
from bff.telemetry.tally import Tally
from bff.testing import VirtualClock
from bff.upstream.message import Origin
from bff.upstream.outcome import Outcome

ORIGIN = Origin("http", "10.0.0.7", 8080)

# Sums in quarters are exact, in whatever order they are made.
SECONDS = st.integers(0, 60).map(lambda quarters: quarters / 4)
NAMES = st.sampled_from(["Home", "Search", "", None]) | st.text("xyz", min_size=1, max_size=2)
UPSTREAM, ENDPOINT = st.sampled_from(["catalog", "orders"]), st.sampled_from(["one", "two"])
KIND, FEW, IDS = st.sampled_from(["query", "mutation"]), st.integers(0, 3), st.just("r1")
OUTCOME = st.sampled_from(Outcome)
EVENTS = {
    OperationStarted: st.builds(OperationStarted, IDS, NAMES, KIND, SECONDS),
    OperationFinished: st.builds(OperationFinished, IDS, NAMES, KIND, SECONDS, FEW, FEW, st.booleans()),
    OperationShared: st.builds(OperationShared, IDS, NAMES, IDS, st.none() | SECONDS),
    CallStarted: st.builds(CallStarted, UPSTREAM, ENDPOINT, IDS, FEW),
    CallFinished: st.builds(CallFinished, UPSTREAM, ENDPOINT, IDS, FEW, OUTCOME, SECONDS),
    AttemptFinished: st.builds(
        AttemptFinished,
        UPSTREAM,
        ENDPOINT,
        st.just(ORIGIN) | st.none(),
        OUTCOME,
        SECONDS,
        st.none() | st.integers(200, 599),
        IDS,
        FEW,
        ENDPOINT,
        FEW,
    ),
    CacheUsed: st.builds(
        CacheUsed, UPSTREAM, ENDPOINT, st.sampled_from(["hit", "miss"]), FEW, st.sampled_from(["local", None]), IDS
    ),
    Coalesced: st.builds(Coalesced, UPSTREAM, ENDPOINT, IDS, FEW, IDS, FEW),
}
ABANDONED = st.builds(OperationAbandoned, IDS, NAMES, KIND, SECONDS, st.sampled_from(["cancelled", "refused"]))


def metrics(**options):
    return Metrics({}, OperationsPolicy(), clock=VirtualClock(), **options)


def shown(counted):
    """Return all that Prometheus reads."""
    return {
        (sample.name, *sorted(sample.labels.items())): (sample.value, sample.exemplar)
        for family in counted.registry.collect()
        for sample in family.samples
    }


def test_the_law_below_is_about_all_of_them():
    assert EVENTS.keys() == ALIKE.keys()


@settings(deadline=None)
@given(st.lists(st.one_of(ABANDONED, *EVENTS.values()), max_size=60))
def test_sorts_give_the_same_numbers_as_reading_each_event(events):
    by_sort, one_by_one = metrics(), metrics(alike={})

    for event in events:
        by_sort(event)
        one_by_one(event)

    assert shown(by_sort) == shown(one_by_one)


@settings(deadline=None)
@given(st.data())
@pytest.mark.parametrize("kind", ALIKE, ids=lambda kind: kind.__name__)
def test_events_that_differ_in_one_field_give_the_same_numbers_too(kind, data):
    event, other = data.draw(EVENTS[kind]), data.draw(EVENTS[kind])
    near = [msgspec.structs.replace(event, **{name: getattr(other, name)}) for name in kind.__struct_fields__]
    by_sort, one_by_one = metrics(), metrics(alike={})

    for told in (event, event, *near, event, *near):
        by_sort(told)
        one_by_one(told)

    assert shown(by_sort) == shown(one_by_one)


def test_names_without_a_label_of_their_own_are_counted_as_before_however_often_they_come():
    by_sort, one_by_one = metrics(), metrics(alike={})
    names = [f"Invented{number}" for number in range(MOST_OPERATIONS + 5)]

    for name in names * 3:
        for counted in (by_sort, one_by_one):
            counted(OperationFinished("r1", name, "query", 0.25, 0, 0))

    assert shown(by_sort) == shown(one_by_one)
    assert by_sort.numbers("bff_operations_total")[OTHER, "query", "whole"] == 15
    assert by_sort.numbers("bff_label_overflow_total")["operation",] == 30


def test_a_name_that_becomes_known_later_is_counted_under_itself_from_then_on():
    counted = metrics()
    for number in range(MOST_OPERATIONS):
        counted(OperationFinished("r1", f"Invented{number}", "query", 0.25, 0, 0))
    finished = OperationFinished("r1", "Registered", "query", 0.25, 0, 0)
    counted(finished)

    counted.know(["Registered"])
    for _ in range(3):
        counted(finished)

    numbers = counted.numbers("bff_operations_total")
    assert numbers["Registered", "query", "whole"] == 3
    assert numbers[OTHER, "query", "whole"] == 1


def test_sorts_beyond_the_most_are_read_one_by_one():
    counted = metrics()
    sizes = range(1, tally.MOST_SORTS + 20)

    for items in [*sizes, *sizes]:
        counted(CacheUsed("catalog", "one", "hit", items, "local"))

    assert counted.numbers("bff_cache_requests_total") == {("catalog", "hit", "local"): 2 * sum(sizes)}


def test_a_time_that_belongs_to_a_trace_still_leads_there():
    traces = iter(["a", "b", "c"])
    counted = metrics(exemplar=lambda: {"trace_id": next(traces)})

    for seconds in (0.25, 0.25, 30.0):
        counted(CallFinished("catalog", "one", "r1", 1, Outcome.OK, seconds))

    told = [exemplar.labels["trace_id"] for _, exemplar in shown(counted).values() if exemplar]
    assert told == ["b", "c"]


def test_one_metric_that_cannot_read_an_event_stops_no_other():
    good, bad = (Numbers(Metric(name, "counter", "It.", {})) for name in ("good_total", "bad_total"))

    def fails(event):
        raise ValueError(event)

    handle = Tally(Alike(("upstream",)), [(bad, fails), (good, lambda _: (1,))]).handle
    for _ in range(3):
        handle(CallStarted("catalog", "one", "r1", 1))

    assert good.values() == {(): 3.0}
    assert bad.values() == {(): 0.0}


@pytest.mark.parametrize("kind", ["gauge", "age"])
def test_what_events_set_is_not_summed(kind):
    made = Numbers(Metric("thing", kind, "It.", {}))

    with pytest.raises(AssertionError, match="cannot be summed"):
        Tally(Alike(), [(made, lambda event: (event.failure_rate,))])


@pytest.mark.parametrize("timed", [True, False])
def test_a_time_and_a_histogram_belong_together(timed):
    alike = {CallFinished: replace(ALIKE[CallFinished], timed=not timed), BreakerChanged: Alike(timed=timed)}

    with pytest.raises(AssertionError):
        metrics(alike=alike)


def test_a_level_is_never_below_zero_while_calls_come_and_go_between_two_looks():
    """A scrape runs in a thread of its own."""
    begun, ended = Count(), Count()
    begun.number = ended.number = 5

    class Ended:
        """As many as have ended, just before one more begins and ends."""

        @property
        def number(self):
            seen = ended.number
            begun.number += 1
            ended.number += 1
            return seen

    level = Numbers(Metric("in_flight", "level", "It.", {}))
    level.share((1,), begun)
    level.share((-1,), Ended())

    assert level.values() == {(): 1.0}
