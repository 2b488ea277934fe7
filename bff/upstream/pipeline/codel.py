"""When a queue stands: the controlled delay of BH-4; pure.

Source: Nichols and Jacobson, "Controlling Queue Delay", ACM Queue 2012; as used for requests in Maurer, "Fail at
Scale", ACM Queue 2015.
"""

import math


class Codel:
    """Tells a burst, which passes, from a queue that only makes everybody late.

    Args:
        target: Seconds; the wait that is always allowed.
        interval: Seconds over which the shortest wait is looked for.
        patience: Seconds; the longest wait while nothing is wrong.

    Attributes:
        overloaded: Whether the shortest wait of a whole interval was above the target and the queue was never
            empty since.
    """

    __slots__ = ("_interval", "_patience", "_shortest", "_target", "_until", "overloaded")

    def __init__(self, target: float, interval: float, patience: float) -> None:
        self._target = target
        self._interval = interval
        self._patience = patience
        self._until = math.inf
        self._shortest = math.inf
        self.overloaded = False

    @property
    def longest_wait(self) -> float:
        """How long a call may wait now, in seconds."""
        return min(self._target, self._patience) if self.overloaded else self._patience

    def waited(self, seconds: float, now: float) -> None:
        """Note that a call left the queue after *seconds*, whether or not it got its turn."""
        if self._until == math.inf:
            self._until = now + self._interval
        self._shortest = min(self._shortest, seconds)
        if now >= self._until:
            self.overloaded = self.overloaded or self._shortest > self._target
            self._until, self._shortest = now + self._interval, math.inf

    def drained(self) -> None:
        """Note that nobody waits any more: whatever was, is over."""
        self.overloaded = False
        self._until = self._shortest = math.inf
