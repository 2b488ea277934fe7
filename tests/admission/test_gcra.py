"""The law: exact against a token bucket in fractions, whatever happens in whatever order (RL-1, RL-21)."""

from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bff.admission.gcra import SECOND, Gcra

DAY = 86_400 * SECOND


class AgainstATokenBucket(RuleBasedStateMachine):
    """The reference holds tokens as fractions, filled one by one; it knows nothing of arrival times."""

    @initialize(interval=st.integers(1, 10_000_000), burst=st.integers(1, 50))
    def begin(self, interval, burst):
        self.law = Gcra(interval, burst * interval)
        self.now = 1_700_000_000 * SECOND
        self.tat = 0
        self.tokens = Fraction(burst)

    @rule(units=st.fractions(0, 100))
    def time_passes(self, units):
        passed = int(units * self.law.interval)
        self.now += passed
        self.tokens = min(Fraction(self.law.burst), self.tokens + Fraction(passed, self.law.interval))

    @rule(cost=st.integers(0, 60))
    def something_is_taken(self, cost):
        after = self.law.take(self.tat, self.now, self.law.price(cost))

        assert (after is not None) == (self.tokens >= cost)
        if after is not None and cost:
            self.tat, self.tokens = after, self.tokens - cost

    @rule(cost=st.integers(0, 60))
    def something_is_given_back(self, cost):
        self.tat = self.law.give_back(self.tat, self.now, self.law.price(cost))
        self.tokens = min(Fraction(self.law.burst), self.tokens + cost)

    @rule(cost=st.integers(1, 60))
    def whoever_waits_as_told_is_let_in_and_nobody_earlier(self, cost):
        price = self.law.price(cost)
        wait = self.law.wait(self.law.debt(self.tat, self.now), price)

        assert (wait is None) == (cost > self.law.burst)
        if wait is not None:
            assert self.law.take(self.tat, self.now + wait, price) is not None
            assert wait == 0 or self.law.take(self.tat, self.now + wait - 1, price) is None

    @invariant()
    def what_is_left_is_the_same(self):
        if not hasattr(self, "law"):
            return
        debt = self.law.debt(self.tat, self.now)
        assert self.law.remaining(debt) == int(self.tokens)
        assert debt == (self.law.burst - self.tokens) * self.law.interval


TestAgainstATokenBucket = AgainstATokenBucket.TestCase
TestAgainstATokenBucket.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)


@given(
    limit=st.integers(1, 10_000),
    window=st.integers(1, 600),
    burst=st.integers(1, 500),
    arrivals=st.lists(st.integers(0, 2 * SECOND), max_size=200),
)
def test_rl1_never_more_than_the_burst_and_the_rate(limit, window, burst, arrivals):
    law = Gcra.of(f"{min(limit, window * 10_000)} per {window} seconds", burst)
    now, tat, admitted = DAY, 0, 0
    for gap in arrivals:
        now += gap
        after = law.take(tat, now, law.price(1))
        if after is not None:
            tat, admitted = after, admitted + 1

    assert admitted <= burst + (now - DAY) * limit / (window * SECOND)


def test_rl1_a_cost_beyond_the_burst_never_fits_and_says_so():
    law = Gcra.of("600 per minute", 10)

    assert law.take(0, DAY, law.price(11)) is None
    assert law.wait(0, law.price(11)) is None
    assert law.take(0, DAY, law.price(10)) is not None


def test_rl1_nothing_taken_looks_only():
    law = Gcra.of("60 per minute", 5)
    full = law.take(0, DAY, law.price(5))

    assert law.take(full, DAY, law.price(0)) == full


@pytest.mark.parametrize("cost", [-1, -0.001, float("-inf"), float("nan")])
def test_a_negative_cost_is_no_credit(cost):
    """The library `limits` takes -50 as 50 more requests."""
    with pytest.raises(ValueError, match="cost counts from 0"):
        Gcra.of("60 per minute", 5).price(cost)


@given(st.integers(-DAY, DAY), st.integers(0, DAY))
def test_a_clock_set_back_locks_nobody_out_for_longer_than_an_empty_bucket_does(jump, tat):
    law = Gcra.of("60 per minute", 5)

    assert law.debt(DAY + tat, DAY + jump) <= law.tolerance


@given(st.integers(1, 10_000), st.integers(1, 1000), st.integers(1, 64))
def test_rl18_shares_together_are_not_more_than_the_whole(amount, burst, share):
    """But for a burst smaller than the number of shares: each has at least one."""
    part = Gcra.of(f"{amount} per minute", burst, share=share)

    assert Fraction(share, part.interval) <= Fraction(amount, 60 * SECOND)
    assert part.burst * share <= max(burst, share)
