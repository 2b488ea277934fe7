"""Leaves a store alone that failed too often lately (CA-19)."""

from collections import deque

from bff.clock import Clock

_WINDOW = 10.0
"""Seconds after which an error no longer counts."""


class StoreBreaker:
    """Counts errors; pure but for the clock.

    Successes in between do not excuse them: when one node of a cluster is lost, two calls of three go well, and
    every third would cost its whole time for ever.

    Args:
        errors: How many open it.
        first: How long it stays open the first time, in seconds; doubled each time the probe fails.
        longest: How long at most.
        clock: Tells the time.
    """

    def __init__(self, errors: int, first: float, longest: float, *, clock: Clock) -> None:
        self._limit = errors
        self._first = first
        self._longest = longest
        self._clock = clock
        self._errors: deque[float] = deque(maxlen=errors)
        self._open = first
        self._until: float | None = None

    @property
    def is_open(self) -> bool:
        """Whether calls are refused now."""
        return self._until is not None and self._clock.now() < self._until

    def permit(self) -> bool:
        """Return whether a call may be made; after the open time one may, and the next ones wait for its end."""
        if self._until is None:
            return True
        now = self._clock.now()
        if now < self._until:
            return False
        self._until = now + self._open
        return True

    def succeeded(self) -> None:
        """Count a good answer."""
        if self._until is not None:
            self._errors.clear()
            self._until = None
            self._open = self._first

    def failed(self) -> None:
        """Count an error."""
        now = self._clock.now()
        self._errors.append(now)
        if self._until is not None:
            self._open = min(self._open * 2, self._longest)
            self._until = now + self._open
        elif len(self._errors) == self._limit and self._errors[0] > now - _WINDOW:
            self._until = now + self._open
