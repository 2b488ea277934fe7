"""Repeating adds a bounded share of load, whatever fails for how long (RT-3)."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bff.upstream.pipeline.budget import RetryBudget


class BudgetMachine(RuleBasedStateMachine):
    """RT-3: the budget agrees with a list of everything that happened."""

    @initialize(
        ratio=st.sampled_from([0.0, 0.05, 0.2, 1.0]), ttl=st.sampled_from([1, 10]), reserve=st.integers(0, 3)
    )
    def begin(self, ratio, ttl, reserve):
        self.budget = RetryBudget(ratio=ratio, ttl=ttl, reserve=reserve)
        self.ratio, self.ttl, self.reserve = ratio, ttl, reserve
        self.now = 1000.0
        self.firsts, self.repeats = [], []

    def recent(self, moments):
        """Those of the current bucket and the nine before it."""
        width = self.ttl / 10
        return sum(int(moment / width) > int(self.now / width) - 10 for moment in moments)

    def allowed(self):
        return self.ratio * self.recent(self.firsts) + self.reserve * self.ttl

    @rule(seconds=st.sampled_from([0.0, 0.01, 0.1, 0.95, 3.0, 9.5, 100.0]))
    def wait(self, seconds):
        self.now += seconds

    @rule(count=st.integers(1, 30))
    def first_attempts(self, count):
        for _ in range(count):
            self.budget.deposit(self.now)
            self.firsts.append(self.now)

    @rule()
    def repeat(self):
        expected = self.recent(self.repeats) + 1 <= self.allowed() + 1e-6
        assert self.budget.withdraw(self.now) == expected
        if expected:
            self.repeats.append(self.now)

    @invariant()
    def balance_is_what_is_left(self):
        if hasattr(self, "budget"):
            left = self.allowed() - self.recent(self.repeats)
            assert self.budget.balance(self.now) == pytest.approx(left, abs=1e-5)
            assert 0 <= self.budget.level(self.now) <= 1


TestBudget = BudgetMachine.TestCase


@pytest.mark.parametrize("rate", [1, 20, 200])
def test_a_long_failing_run_gets_its_ratio_and_its_reserve(rate):
    """RT-3: retries over first attempts stay below ratio + reserve / rate."""
    budget = RetryBudget(ratio=0.2, ttl=10, reserve=2)
    retries = 0
    for tick in range(600 * rate):
        now = tick / rate
        budget.deposit(now)
        retries += budget.withdraw(now)

    assert retries / (600 * rate) <= 0.2 + 2 / rate


def test_a_quiet_worker_may_repeat_at_all():
    budget = RetryBudget(ratio=0.2, ttl=10, reserve=2)

    assert [budget.withdraw(5.0) for _ in range(21)] == [True] * 20 + [False]
    assert budget.level(5.0) == 0
    assert budget.withdraw(15.0)


def test_without_ratio_and_reserve_nothing_is_repeated():
    budget = RetryBudget(ratio=0.0, ttl=10, reserve=0)
    budget.deposit(1.0)

    assert not budget.withdraw(1.0)
    assert budget.level(1.0) == 0
