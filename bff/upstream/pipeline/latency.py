"""The 95th percentile of the last 30 seconds, in a structure of fixed size (HG-2)."""

from math import ceil, log

_SLOTS = 6
_SLOT_SECONDS = 5.0
_SHORTEST = 0.0001
_GROWTH = log(1.05)
_BINS = 256  # 0.1 ms * 1.05**255 is 25 s, longer than any attempt that is worth a second one
_ENOUGH = 100


class RecentLatency:
    """Keeps durations as counts in bins that grow by 5 %, for each of the last six stretches of five seconds."""

    def __init__(self) -> None:
        self._slots = [[0] * _BINS for _ in range(_SLOTS)]
        self._slot = 0
        self._known: float | None = None
        self._known_until = 0.0

    def add(self, now: float, seconds: float) -> None:
        """Count one duration."""
        self._turn(int(now / _SLOT_SECONDS))
        place = 0 if seconds <= _SHORTEST else min(_BINS - 1, ceil(log(seconds / _SHORTEST) / _GROWTH))
        self._slots[self._slot % _SLOTS][place] += 1

    def p95(self, now: float) -> float | None:
        """Return the 95th percentile in seconds, at most 5 % too high; None with fewer than 100 durations.

        It is computed at most once a second.
        """
        if now >= self._known_until:
            self._turn(int(now / _SLOT_SECONDS))
            self._known = self._compute()
            self._known_until = now + 1.0
        return self._known

    def _compute(self) -> float | None:
        counts = [sum(column) for column in zip(*self._slots, strict=True)]
        wanted = sum(counts) * 0.95
        if sum(counts) < _ENOUGH:
            return None
        seen = 0
        for place, count in enumerate(counts):
            seen += count
            if seen >= wanted:
                return float(_SHORTEST * 1.05**place)
        raise AssertionError("the bins hold fewer durations than were counted")

    def _turn(self, slot: int) -> None:
        for past in range(max(self._slot + 1, slot - _SLOTS + 1), slot + 1):
            self._slots[past % _SLOTS] = [0] * _BINS
        self._slot = slot
