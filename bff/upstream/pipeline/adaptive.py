"""How many attempts a service can take at once, found out by how long its answers take (AC-1, AC-4); pure.

Gradient2 as in Netflix concurrency-limits, with two refinements, without which the limit creeps upwards for ever:
- the limit grows only while answers are not slower than usual by more than `CALM`, and gives back as much when
  they are, for its own queue is not progress;
- "as usual" follows slower answers only when our own concurrency cannot have caused them: while less than half
  the limit is in use, or at the lowest limit. Clearly quicker answers it follows always.

"Clearly" allows for the standard error of the mean: answers that vary much prove little.
"""

import math

from bff.upstream.outcome import Outcome

WINDOW = 30
"""Answers between two looks at the limit: one answer alone is mostly noise."""

CALM = 1.1
"""Answers this much slower than usual are still as usual."""

_SHRINK = 0.5
_DECAY = 0.95
_DROPS = frozenset({Outcome.READ_TIMEOUT, Outcome.GATEWAY_ERROR})


class Gradient2:
    """The limit of one upstream.

    Args:
        least: Lowest limit.
        initial: Where it begins.
        most: Highest limit.
        smoothing: How far one look moves the limit, 0 to 1.
        tolerance: How many times the usual an answer may take before the limit falls.
        queue: How much the limit tries to grow.
        long_window: Answers over which the usual is averaged.
    """

    def __init__(
        self,
        *,
        least: int = 5,
        initial: int = 20,
        most: int = 100,
        smoothing: float = 0.2,
        tolerance: float = 1.5,
        queue: int = 4,
        long_window: int = 600,
    ) -> None:
        self._least = least
        self._most = most
        self._smoothing = smoothing
        self._tolerance = tolerance
        self._queue = queue
        self._weight = 2 / (long_window + 1)
        self._limit = float(initial)
        self._usual: float | None = None
        self._sum = 0.0
        self._squares = 0.0
        self._count = 0
        self._running = 0
        self._no_drop_before = float("-inf")

    @property
    def limit(self) -> int:
        """How many attempts may run at once."""
        return int(self._limit)

    def sample(self, seconds: float, running: int, outcome: Outcome, now: float) -> bool:
        """Note one attempt, and return whether the limit changed.

        Args:
            seconds: How long it took.
            running: Attempts that ran when it began, itself included.
            outcome: How it ended; neither a refusal nor our own doing says anything about the service's speed.
            now: Monotonic time in seconds.
        """
        before = self.limit
        if outcome in _DROPS:
            self._drop(now)
        elif outcome is Outcome.OK:
            self._count += 1
            self._sum += seconds
            self._squares += seconds * seconds
            self._running = max(self._running, running)
            if self._count >= WINDOW:
                self._look()
        return self.limit != before

    def _drop(self, now: float) -> None:
        """Shrink, once for all the attempts that fail together."""
        if now < self._no_drop_before:
            return
        self._no_drop_before = now + (self._usual or 0.0)
        self._move_to(self._limit * _SHRINK)

    def _look(self) -> None:
        short, running = self._sum / self._count, self._running
        doubt = math.sqrt(max(0.0, self._squares / self._count - short * short) / self._count)
        self._sum, self._squares, self._count, self._running = 0.0, 0.0, 0, 0
        usual = self._learn(short, doubt, running)
        gradient = max(_SHRINK, min(1.0, self._tolerance * usual / short)) if short > 0 else 1.0
        if gradient < 1:
            self._move_to(self._limit * gradient)
        elif short - doubt > usual * CALM:
            self._move_to(self._limit - self._queue)
        elif running >= self._limit / 2:
            self._move_to(self._limit + self._queue)

    def _learn(self, short: float, doubt: float, running: int) -> float:
        """Return how long an answer usually takes, in seconds, after taking *short* into account."""
        usual = self._usual
        if usual is None:
            usual = short
        elif usual > 2 * short:
            usual *= _DECAY**WINDOW
        elif (short + 2 * doubt) * CALM < usual or running < self._limit / 2 or self.limit <= self._least:
            usual += (short - usual) * min(1.0, self._weight * WINDOW)
        self._usual = usual
        return usual

    def _move_to(self, wanted: float) -> None:
        moved = self._limit + (wanted - self._limit) * self._smoothing
        self._limit = max(float(self._least), min(float(self._most), moved))
