"""Calls stay where they belong while that can take them, move when it cannot, and come back by themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.upstream.pipeline.zones import Failback, spread

SHARES = st.lists(st.floats(0, 1), min_size=1, max_size=5)


@pytest.mark.parametrize(
    ("available", "loads", "panic"),
    [
        ((1.00, 1.00), (100, 0), (False, False)),
        ((0.72, 1.00), (100, 0), (False, False)),
        ((0.71, 1.00), (99, 1), (False, False)),
        ((0.50, 1.00), (70, 30), (False, False)),
        ((0.25, 1.00), (35, 65), (False, False)),
        ((0.00, 1.00), (0, 100), (False, False)),
        ((0.25, 0.25), (50, 50), (True, True)),
        ((0.05, 0.65), (7, 93), (True, False)),
    ],
)
def test_lb8_the_table_of_envoy(available, loads, panic):
    """LB-8, exact to one per cent."""
    result = spread(available, (100, 100))

    assert result.loads == pytest.approx(loads, abs=1)
    assert result.panic == panic


@given(SHARES, st.floats(1, 3), st.floats(0.01, 1))
def test_lb8_all_calls_go_somewhere(available, overprovision, threshold):
    result = spread(available, [3] * len(available), overprovision=overprovision, panic_threshold=threshold)

    assert sum(result.loads) == pytest.approx(100)


@given(SHARES)
def test_lb7_nobody_panics_while_others_can_take_all_calls(available):
    result = spread([*available, 1.0], [3] * (len(available) + 1))

    assert not any(result.panic)


def test_lb7_without_panic_there_is_nobody_to_call():
    assert spread((0.0, 0.0), (2, 2), panic_threshold=0).loads == (0.0, 0.0)


def test_lb7_when_nobody_is_healthy_all_hosts_are_called_by_number():
    result = spread((0.0, 0.0), (3, 1))

    assert result.loads == (75, 25)
    assert result.panic == (True, True)


def test_lb9_a_held_priority_gets_nothing_while_others_can_take_all():
    assert spread((1.0, 1.0), (2, 2), held=(True, False)).loads == (0, 100)


def test_lb9_a_held_priority_helps_when_others_cannot_take_all():
    """Waiting for a steadier recovery must not cost calls."""
    assert spread((1.0, 0.5), (2, 2), held=(True, False)).loads == (100, 0)


class TestFailback:
    """LB-9: no calls return before a priority has been half healthy for the whole hold."""

    def test_a_priority_that_was_never_empty_is_not_held(self):
        assert Failback(2, 10.0).held((0.2, 1.0), 0.0) == (False, False)

    def test_an_empty_priority_returns_after_the_hold(self):
        failback = Failback(2, 10.0)
        assert failback.held((0.0, 1.0), 0.0) == (True, False)
        assert failback.held((0.5, 1.0), 5.0) == (True, False)
        assert failback.next_change() == 15.0
        assert failback.held((0.5, 1.0), 14.9) == (True, False)
        assert failback.held((0.5, 1.0), 15.0) == (False, False)
        assert failback.next_change() == float("inf")

    def test_a_relapse_begins_the_hold_anew(self):
        """Otherwise calls would flap over and back."""
        failback = Failback(2, 10.0)
        failback.held((0.0, 1.0), 0.0)
        failback.held((0.5, 1.0), 1.0)
        failback.held((0.4, 1.0), 9.0)

        assert failback.held((0.5, 1.0), 12.0) == (True, False)
        assert failback.held((0.5, 1.0), 21.9) == (True, False)
        assert failback.held((0.5, 1.0), 22.0) == (False, False)
