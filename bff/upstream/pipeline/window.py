"""Counts of the last seconds in a ring of buckets (CB-2)."""

import math

BUCKETS = 10


class Window:
    """Counts calls and two kinds of them over the last *seconds*, in ten buckets.

    Counts, not rates: an average of rates would hide a burst. Time comes in with each call and must not run
    backwards; after a gap longer than the window nothing is left of it.
    """

    __slots__ = (
        "_bucket",
        "_calls",
        "_earlier",
        "_failures",
        "_slow",
        "_until",
        "_width",
        "calls",
        "failures",
        "slow",
    )

    def __init__(self, seconds: float) -> None:
        self._width = seconds / BUCKETS
        self.clear()

    def clear(self) -> None:
        """Forget everything."""
        self._calls = [0] * BUCKETS
        self._failures = [0] * BUCKETS
        self._slow = [0] * BUCKETS
        self._bucket = -1
        self._until = -math.inf
        self._earlier = 0  # calls of the buckets before this one; its own are the rest
        self.calls = self.failures = self.slow = 0

    def count(self, now: float) -> None:
        """Count one call at *now* that neither failed nor was slow."""
        if now >= self._until:
            self._turn(now)
        self.calls += 1

    def add(self, now: float, *, failed: bool = False, slow: bool = False) -> None:
        """Count one call at *now*."""
        self.count(now)
        place = self._bucket % BUCKETS
        if failed:
            self._failures[place] += 1
            self.failures += 1
        if slow:
            self._slow[place] += 1
            self.slow += 1

    def roll(self, now: float) -> None:
        """Drop what has become too old by *now*."""
        if now >= self._until:
            self._turn(now)

    def _turn(self, now: float) -> None:
        bucket = int(now / self._width)
        if bucket - self._bucket >= BUCKETS or self._bucket < 0:
            self.clear()
        else:
            self._calls[self._bucket % BUCKETS] += self.calls - self._earlier
            for past in range(self._bucket + 1, bucket + 1):
                self._drop(past % BUCKETS)
            self._earlier = self.calls
        self._bucket = bucket
        self._until = (bucket + 1) * self._width

    def _drop(self, place: int) -> None:
        self.calls -= self._calls[place]
        self.failures -= self._failures[place]
        self.slow -= self._slow[place]
        self._calls[place] = self._failures[place] = self._slow[place] = 0
