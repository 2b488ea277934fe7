"""A stale value is noted at each field that got it, and at no other."""

from bff.context import Noted
from bff.execution.degraded import Degraded, with_notes
from bff.upstream.message import Note

OLD = Note("STALE_IF_ERROR", "stale", "catalog", 1000)


class Thing:
    """A value with an identity of its own."""


def marked(values, *noted):
    """Return the places of *values* that carry a note."""
    found = with_notes(values, noted)
    assert [one.value if isinstance(one, Degraded) else one for one in found] == list(values)
    return [place for place, one in enumerate(found) if isinstance(one, Degraded)]


def test_one_key_for_each_parent_is_found_by_its_place():
    """Also for None, which is the same object everywhere."""
    assert marked([None, None, None], Noted(None, OLD, 1, 3)) == [1]


def test_a_value_is_found_in_the_lists_that_hold_it():
    thing, other = Thing(), Thing()

    assert marked([[other], [thing, other], [[thing]]], Noted(thing, OLD, 0, 2)) == [1, 2]


def test_a_value_that_was_made_into_something_else_may_be_anywhere():
    """Better one note too many than stale data without one."""
    assert marked(["a", "b"], Noted(Thing(), OLD, 0, 5)) == [0, 1]


def test_an_error_carries_no_note():
    assert marked([ValueError(), "b"], Noted("x", OLD, 0, 9)) == [1]
