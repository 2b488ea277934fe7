"""The law by which requests are counted: GCRA, a token bucket that is one moment in time (RL-1).

A bucket's state is its theoretical arrival time: the moment at which it will be full again. All times are whole
microseconds, so that the same law in Lua comes to the same numbers (RL-3).
"""

from dataclasses import dataclass
from math import ceil
from typing import Self

from bff.policy.rates import rate_of

SECOND = 1_000_000
"""Microseconds."""


@dataclass(frozen=True, slots=True)
class Gcra:
    """How fast a bucket fills and how much it holds.

    Attributes:
        interval: Microseconds in which one unit comes back; the T of the law.
        tolerance: Microseconds in which an empty bucket fills; its tau, `burst` times `interval`.
    """

    interval: int
    tolerance: int

    @classmethod
    def of(cls, rate: str, burst: int, *, share: int = 1) -> Self:
        """Return the law for *rate* with *burst* at once, of which this is one of *share* equal parts.

        An interval that is no whole number of microseconds is rounded up, so that never more than *rate* is let
        through, and at most one percent less.
        """
        item = rate_of(rate)
        interval = ceil(item.get_expiry() * SECOND * share / item.amount)
        return cls(interval, max(1, burst // share) * interval)

    @property
    def burst(self) -> int:
        """How many units it holds."""
        return self.tolerance // self.interval

    def price(self, cost: float) -> int:
        """Return the microseconds that *cost* units take.

        Raises:
            ValueError: *cost* is negative: that would be credit.
        """
        if cost == 1:
            return self.interval
        if not cost >= 0:
            raise ValueError(f"cost counts from 0, got {cost}")
        return ceil(cost * self.interval)

    def debt(self, tat: int, now: int) -> int:
        """Return the microseconds until a bucket in state *tat* is full.

        It is never more than `tolerance`: a clock that was set back, or a limit that was made smaller, must not
        lock anybody out.
        """
        return min(max(tat - now, 0), self.tolerance)

    def take(self, tat: int, now: int, price: int) -> int | None:
        """Return the state after *price* was taken at *now*, None where it is not there. 0 only looks (RL-1)."""
        after = self.debt(tat, now) + price
        return now + after if after <= self.tolerance else None

    def give_back(self, tat: int, now: int, price: int) -> int:
        """Return the state after *price* was given back at *now*: at most full (RL-4)."""
        return now + max(self.debt(tat, now) - price, 0)

    def remaining(self, debt: int) -> int:
        """Return how many whole units are there."""
        return (self.tolerance - debt) // self.interval

    def wait(self, debt: int, price: int) -> int | None:
        """Return the microseconds until *price* is there; None when it never is (RL-1)."""
        return max(debt + price - self.tolerance, 0) if price <= self.tolerance else None
