"""A burst passes; a standing queue is told from it within one interval (BH-4)."""

from hypothesis import given
from hypothesis import strategies as st

from bff.upstream.pipeline.codel import Codel

MS = 0.001


def codel():
    return Codel(target=5 * MS, interval=100 * MS, patience=100 * MS)


def test_bh4_a_burst_is_no_overload():
    """Long waits with a short one among them."""
    some = codel()
    for tick in range(300):
        some.waited(1 * MS if tick % 50 == 0 else 80 * MS, tick * MS)

    assert not some.overloaded
    assert some.longest_wait == 100 * MS


def test_bh4_a_queue_that_stands_for_an_interval_is_an_overload():
    some = codel()
    for tick in range(100):
        some.waited(20 * MS, tick * MS)
    assert not some.overloaded

    some.waited(20 * MS, 100 * MS)

    assert some.overloaded
    assert some.longest_wait == 5 * MS


def test_bh4_an_overload_lasts_until_the_queue_was_empty_once():
    some = codel()
    for tick in range(101):
        some.waited(20 * MS, tick * MS)
    for tick in range(101, 1000):
        some.waited(1 * MS, tick * MS)
    assert some.overloaded

    some.drained()

    assert not some.overloaded
    assert some.longest_wait == 100 * MS


def test_bh4_a_target_longer_than_the_patience_of_the_policy_prolongs_nothing():
    some = Codel(target=0.5, interval=1.0, patience=0.1)
    for tick in range(20):
        some.waited(0.6, tick * 0.1)

    assert some.overloaded
    assert some.longest_wait == 0.1


@given(st.lists(st.tuples(st.floats(0, 0.05), st.floats(0, 0.2), st.booleans())))
def test_bh4_it_agrees_with_a_model_that_remembers_everything(steps):
    """The model keeps the waits of the running interval in a list."""
    some, now, until, waits, overloaded = codel(), 0.0, None, [], False
    for pause, wait, drained in steps:
        now += pause
        if drained:
            some.drained()
            until, waits, overloaded = None, [], False
        some.waited(wait, now)
        until = now + 100 * MS if until is None else until
        waits.append(wait)
        if now >= until:
            overloaded = overloaded or min(waits) > 5 * MS
            until, waits = now + 100 * MS, []
        assert some.overloaded == overloaded
