"""How much load repeating may add: deposits by first attempts, withdrawals by repetitions (RT-3)."""

import math

BUCKETS = 10


class RetryBudget:
    """Allows a share of repetitions over a sliding time, and a few more for quiet workers.

    In any stretch of *ttl* seconds, repetitions are at most `ratio` of the first attempts plus `reserve` a second.
    Both are counted in ten buckets, so that a first attempt counts for nine to ten tenths of *ttl*.

    Args:
        ratio: Repetitions for each first attempt.
        ttl: How long either counts, in seconds.
        reserve: Repetitions a second that need no first attempt.

    Source: Finagle's RetryBudget, with a lower reserve, because there are several workers on a host.
    """

    __slots__ = (
        "_bucket",
        "_deposits",
        "_earlier",
        "_firsts",
        "_ratio",
        "_repeats",
        "_reserve",
        "_until",
        "_width",
        "_withdrawals",
    )

    def __init__(self, *, ratio: float, ttl: float, reserve: float) -> None:
        self._ratio = ratio
        self._reserve = reserve * ttl
        self._width = ttl / BUCKETS
        self._deposits = [0] * BUCKETS
        self._withdrawals = [0] * BUCKETS
        self._firsts = self._repeats = 0
        self._earlier = 0  # first attempts of the buckets before this one; its own are the rest
        self._bucket = -1
        self._until = -math.inf

    def deposit(self, now: float) -> None:
        """Count a first attempt."""
        if now >= self._until:
            self._turn(now)
        self._firsts += 1

    def withdraw(self, now: float) -> bool:
        """Count a repetition if there is still one to have, and return whether there was."""
        if self.balance(now) < 1:
            return False
        self._withdrawals[self._bucket % BUCKETS] += 1
        self._repeats += 1
        return True

    def balance(self, now: float) -> float:
        """Return how many repetitions may be made now."""
        return self._allowed(now) - self._repeats

    def level(self, now: float) -> float:
        """Return which share of the repetitions allowed by now is left, from 0 to 1."""
        allowed = self._allowed(now)
        return max(0.0, 1 - self._repeats / allowed) if allowed else 0.0

    def _allowed(self, now: float) -> float:
        if now >= self._until:
            self._turn(now)
        return round(self._ratio * self._firsts + self._reserve, 6)

    def _turn(self, now: float) -> None:
        bucket = int(now / self._width)
        self._deposits[self._bucket % BUCKETS] += self._firsts - self._earlier
        first = self._bucket + 1 if bucket - self._bucket < BUCKETS else bucket - BUCKETS + 1
        for past in range(first, bucket + 1):
            place = past % BUCKETS
            self._firsts -= self._deposits[place]
            self._repeats -= self._withdrawals[place]
            self._deposits[place] = self._withdrawals[place] = 0
        self._earlier = self._firsts
        self._bucket = bucket
        self._until = (bucket + 1) * self._width
