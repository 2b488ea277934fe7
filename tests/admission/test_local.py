"""Counting in one process: all or nothing, bounded, exact."""

from bff.admission.buckets import Bucket, Charge, partition
from bff.admission.local import LocalLimiter
from bff.policy.clients import Limit


def bucket(rate="60 per minute", burst=5, **more):
    return Bucket.of(Limit(rate=rate, burst=burst, **more), policy="p", layer="user", share=1)


def test_rl4_a_request_that_is_refused_takes_nothing(clock):
    some, wide, narrow = LocalLimiter(clock), bucket(burst=10), bucket(burst=1)
    both = [Charge(wide, "wide"), Charge(narrow, "narrow")]

    first, second = some.take(both), some.take(both)

    assert first.refused is None
    assert second.refused == 1
    assert second.states[0].remaining == 9
    assert second.states[1].wait == 1_000_000


def test_a_limit_that_only_measures_refuses_nobody_and_is_not_drained(clock):
    some, measured = LocalLimiter(clock), bucket(burst=1, mode="measure")

    decisions = [some.take([Charge(measured, "k")]) for _ in range(3)]

    assert [decision.refused for decision in decisions] == [None, None, None]
    assert [decision.states[0].over for decision in decisions] == [False, True, True]


async def test_what_was_taken_comes_back_with_time(clock):
    some, own = LocalLimiter(clock), bucket(burst=2)
    for _ in range(2):
        some.take([Charge(own, "k")])

    await clock.advance(0.999)
    early = some.take([Charge(own, "k")])
    await clock.advance(0.001)
    late = some.take([Charge(own, "k")])

    assert (early.refused, late.refused) == (0, None)


async def test_full_buckets_are_forgotten(clock):
    """A scan of a million addresses must not stay in memory."""
    some, own = LocalLimiter(clock), bucket(burst=2)
    for number in range(1000):
        some.take([Charge(own, f"k{number}")])
        await clock.advance(0.5)

    assert len(some) < 10


def test_never_more_buckets_than_allowed(clock):
    some, own = LocalLimiter(clock, max_keys=100), bucket(burst=2)
    for number in range(1000):
        some.take([Charge(own, f"k{number}")])

    assert len(some) == 100


def test_rl5_no_two_identities_share_a_name():
    """`limits` joins parts with a slash: ("a/b", "c") and ("a", "b/c") are one to it."""
    tricky = ["a", "b", "a:b", "{x}", "a\nb", "", "1:a", "a/b", "\ud800", "*", " "]
    names = {partition(first, second) for first in tricky for second in tricky}

    assert len(names) == len(tricky) ** 2
    assert all(name.isalnum() and len(name) == 32 for name in names)
