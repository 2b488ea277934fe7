"""What a bound in milliseconds means on a machine that others use, too.

- `Starved` knows how long processes waited for a processor, so that this time is not held against them.
- `hardly_slower` compares two kinds of requests of the same moments: what the machine does, it does to both.
"""

import statistics
import threading
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.faults.trial import Answer

_STEP = 0.015
_MOMENT = 0.2
"""Seconds; a service that slowed others down would do so in most such moments."""


class Starved:
    """Samples for how many seconds some processes have waited for a processor."""

    def __init__(self, total: Callable[[], float]) -> None:
        self._total = total
        self._moments: list[float] = []
        self._waits: list[float] = []
        self._over = threading.Event()

    def watch(self) -> None:
        while True:
            moment = time.perf_counter()
            self._waits.append(self._total())
            self._moments.append(moment)  # last, for `between` may look at any time
            if self._over.wait(_STEP):
                return

    def stop(self) -> None:
        self._over.set()

    def between(self, start: float, end: float) -> float:
        """Return the seconds waited from *start* to *end*, both of `time.perf_counter`."""
        first = max(0, bisect_right(self._moments, start) - 1)
        while self._moments[-1] < end:
            time.sleep(_STEP / 5)
        return self._waits[bisect_left(self._moments, end)] - self._waits[first]


@contextmanager
def starved(total: Callable[[], float]):
    """Give a `Starved` that watches until the end of the block."""
    watching = Starved(total)
    watcher = threading.Thread(target=watching.watch, daemon=True)
    watcher.start()
    while not watching._moments:
        time.sleep(_STEP / 5)
    try:
        yield watching
    finally:
        watching.stop()
        watcher.join()


def hardly_slower(
    starving: Starved, measured: Sequence["Answer"], control: Sequence["Answer"], *, median: float, p99: float
) -> None:
    """See that *measured* answers took as long as those of *control*, taken in the same moments, but for so much.

    Args:
        starving: For how long there was no processor: what a late answer is excused by.
        measured: What might suffer.
        control: What cannot suffer.
        median: By how many seconds the median may be higher.
        p99: By how many seconds more than the control's median one in a hundred may take, and as many as of the
            control do.
    """
    usual = statistics.median(answer.seconds for answer in control)
    assert statistics.median(answer.seconds for answer in measured) < usual + median

    def late(answers: Sequence["Answer"]) -> set[int]:
        """Return the moments at which answers were late: one standstill makes several late."""
        over = [answer for answer in answers if answer.seconds > usual + p99]
        kept = [one for one in over if not excused(one)]
        return {int(one.started / _MOMENT) for one in kept}

    def excused(answer: "Answer") -> bool:
        starved = starving.between(answer.started, answer.started + answer.seconds)
        return answer.seconds - starved <= usual + p99

    most = max(2.0, 0.01 * len(measured)) + len(late(control)) * len(measured) / len(control)
    assert len(late(measured)) <= most, [answer.seconds for answer in measured if answer.seconds > usual + p99]
