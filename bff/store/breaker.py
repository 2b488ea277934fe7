"""Leaves a store alone that failed too often in a row (CA-19)."""

from bff.clock import Clock


class StoreBreaker:
    """Counts errors in a row; pure but for the clock.

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
        self._errors = 0
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
        self._errors = 0
        self._until = None
        self._open = self._first

    def failed(self) -> None:
        """Count an error."""
        self._errors += 1
        if self._until is not None:
            self._open = min(self._open * 2, self._longest)
            self._until = self._clock.now() + self._open
        elif self._errors >= self._limit:
            self._until = self._clock.now() + self._open
