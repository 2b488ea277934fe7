"""Numbers of seconds and buckets, and what is read from them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.console.readings import WINDOW, Reading, Readings, added, coarse, quantile

BOUNDS = (0.01, 0.1, 1.0)
counts = st.lists(st.integers(0, 1000), min_size=4, max_size=4).map(tuple)


def reading(second, operations=0, attempts=0, times=()):
    return Reading(second, {"operations": operations}, {"catalog": {"attempts": attempts}}, {"catalog": times})


def test_nothing_was_read_yet():
    empty = Readings()

    assert (empty.seconds, empty.totals(), empty.of("catalog"), empty.times("catalog")) == (0, {}, {}, ())
    assert empty.series(None, "operations") == []


def test_growth_counts_not_what_stood_before():
    some = Readings()
    some.add(reading(100, 50, 7, (1, 0, 0, 0)))
    some.add(reading(101, 53, 9, (1, 2, 0, 0)))
    some.add(reading(102, 53, 9, (1, 2, 0, 0)))

    assert some.totals() == {"operations": 3}
    assert some.of("catalog") == {"attempts": 2}
    assert some.times("catalog") == (0, 2, 0, 0)
    assert some.series(None, "operations") == [[101, 3]]
    assert some.of("appeared-later") == {}


def test_a_second_reading_of_a_second_takes_the_place_of_the_first():
    some = Readings()
    for second, operations in ((100, 0), (101, 1), (101, 4), (102, 4), (103, 9)):
        some.add(reading(second, operations))

    assert some.series(None, "operations") == [[101, 4], [102, 0]]


def test_a_minute_is_kept():
    some = Readings()
    for second in range(500):
        some.add(reading(second, second))

    assert (some.seconds, some.totals()) == (WINDOW, {"operations": WINDOW})


@pytest.mark.parametrize(
    ("row", "share", "expected"),
    [((0, 0, 0, 0), 0.5, None), ((4, 0, 0, 0), 0.5, 0.005), ((0, 2, 0, 0), 1.0, 0.1), ((0, 0, 0, 5), 0.5, 1.0)],
)
def test_quantiles_are_straight_lines_within_buckets(row, share, expected):
    assert quantile(BOUNDS, row, share) == (None if expected is None else pytest.approx(expected))


@given(counts)
def test_quantiles_grow_with_their_share(row):
    found = [quantile(BOUNDS, row, share) for share in (0.5, 0.95, 0.99)]

    assert found == sorted(found, key=lambda one: -1 if one is None else one)


@given(counts)
def test_fewer_buckets_hold_as_much(row):
    assert sum(coarse(BOUNDS, row, (0.1,))) == sum(row)
    assert coarse(BOUNDS, row, (0.1,)) == [row[0] + row[1], row[2] + row[3]]
    assert coarse(BOUNDS, row, BOUNDS) == list(row)


@given(counts, counts)
def test_rows_are_added_one_by_one(one, other):
    assert added(one, other) == tuple(map(sum, zip(one, other, strict=True)))
    assert added((), one) == added(one, ()) == one
