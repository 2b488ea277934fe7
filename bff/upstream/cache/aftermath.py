"""What follows when the shared store has failed: for a moment nobody waits for what only helps."""

from bff.clock import Clock
from bff.store import StoreUnavailable

_LASTS = 0.1
"""Seconds after a failed command in which leases, generations and markers are done without."""


class Aftermath:
    """Counts failures of the store, and knows whether the last one is recent."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since = float("-inf")
        self.errors = 0

    def begin(self, failure: StoreUnavailable) -> None:
        """Note that the store did not answer; one that refused at once kept nobody waiting."""
        self.errors += 1
        if failure.waited:
            self._since = self._clock.now()

    @property
    def lasts(self) -> bool:
        """Whether the store has just failed."""
        return self._clock.now() - self._since < _LASTS
