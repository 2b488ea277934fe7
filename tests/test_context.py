"""What one operation carries, and what resolvers see of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.clock import SystemClock
from bff.context import Context, Deadline, Operation
from bff.upstream.message import Keeping


def operation():
    return Operation("r1", Deadline.after(1.0, SystemClock()), None)


@given(st.lists(st.builds(Keeping, st.floats(0, 1e6) | st.just(float("inf")), st.booleans()), min_size=1))
def test_ca_22_the_shortest_time_and_the_smallest_audience_hold_for_the_whole(parts):
    one = operation()

    for part in parts:
        one.use(part)

    assert one.max_age == min(part.max_age for part in parts)
    assert one.private == any(part.private for part in parts)


def test_operations_share_nothing():
    one, other = operation(), operation()
    one.loaders["a"] = one.headers["b"] = 1
    one.degraded.append("c")
    one.fanout.total += 1

    assert (other.loaders, other.headers, other.degraded, other.fanout.total) == ({}, {}, [], 0)


def test_contexts_are_told_apart_by_who_they_are():
    shared = operation()
    one, other = Context(shared), Context(shared)
    one.noted.append("stale")

    assert len({one, other}) == 2
    assert one != other
    assert other.noted == []


def test_what_a_context_has_not_is_looked_for_in_the_applications_own():
    one = Context(operation())
    with pytest.raises(AttributeError, match="a context has no 'session'"):
        _ = one.session
    with pytest.raises(KeyError, match="--context"):
        _ = one["session"]

    one.own = {"session": 7}

    assert one["session"] == 7
    with pytest.raises(AttributeError):
        one.session = 8
