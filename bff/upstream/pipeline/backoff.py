"""How long to wait before a call is sent again (RT-2)."""

from random import Random

from bff.policy.resilience import RetryRules


class Backoff:
    """Draws the pause before each repetition.

    Args:
        policy: `first_delay` and `max_delay` bound the pauses, `jitter` says how they are drawn.
        rng: Where chance comes from; seed it to repeat a run.

    Source: "full" and "decorrelated jitter" in M. Brooker, "Exponential Backoff And Jitter", AWS, 2015.
    """

    def __init__(self, policy: RetryRules, rng: Random) -> None:
        self._base = policy.first_delay.total_seconds()
        self._cap = policy.max_delay.total_seconds()
        self._decorrelated = policy.jitter == "decorrelated"
        self._rng = rng

    def delay(self, repetition: int, previous: float = 0.0) -> float:
        """Return the seconds to wait before *repetition*.

        Args:
            repetition: 1 for the first.
            previous: The pause before the last repetition, in seconds; 0 where there was none.

        Raises:
            ValueError: *repetition* is below 1.
        """
        if repetition < 1:
            raise ValueError(f"repetition counts from 1, got {repetition}")
        if self._decorrelated:
            return min(self._cap, self._rng.uniform(self._base, max(self._base, 3 * previous)))
        ceiling = min(self._cap, self._base * 2 ** min(repetition - 1, 32))  # 2**32 times anything is past any cap
        return self._rng.uniform(0, ceiling)
