"""Counts events that come with every request: those that are alike share a number, and metrics are sums of these.

The first event of its sort is read by each metric. All others cost one look-up and a number that is raised.
"""

from bisect import bisect_left
from collections.abc import Callable, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import Any, Final

from bff.telemetry.cells import Count, Histogram, Numbers, Times
from bff.telemetry.metric import Alike, Reading

MOST_SORTS: Final = 1000
"""Sorts of one kind of events that have a number of their own; the others are read one by one."""

Part = tuple[Numbers | Histogram, Reading]
"""The numbers of one metric, and what it reads in an event."""


class Tally:
    """Counts one kind of events for several metrics.

    Args:
        alike: Which events are of one sort.
        parts: What they are counted for; one histogram where events have a time, none where they have not.
        lasts: Tells whether events of the same sort will always have the labels that an event has now.

    Attributes:
        handle: Takes one event.
    """

    def __init__(self, alike: Alike, parts: Sequence[Part], lasts: Callable[[Any], bool] = lambda _: True) -> None:
        assert all(isinstance(made, Histogram) or made.adds for made, _ in parts), "what is set cannot be summed"
        self._sort_of: Callable[[Any], Any] = attrgetter(*alike.fields) if alike.fields else type
        self._parts = parts
        self._readers = [made.handler(reading) for made, reading in parts]
        self._lasts = lasts
        self._sorts: dict[Any, Any] = {}
        self._bounds = [made.bounds for made, _ in parts if isinstance(made, Histogram)]
        assert len(self._bounds) == alike.timed, "a time and one histogram belong together"
        self.handle = self._timing(*self._bounds) if alike.timed else self._counting()

    def _counting(self) -> Callable[[Any], None]:
        sorts, sort_of, read = self._sorts, self._sort_of, self._read

        def handle(event: Any) -> None:
            try:
                sort = sorts[sort_of(event)]
            except KeyError:
                read(event)
            else:
                sort.number += 1

        return handle

    def _timing(self, bounds: tuple[float, ...]) -> Callable[[Any], None]:
        sorts, sort_of, read = self._sorts, self._sort_of, self._read

        def handle(event: Any) -> None:
            try:
                sort = sorts[sort_of(event)]
            except KeyError:
                read(event)
            else:
                seconds = event.seconds
                sort.counts[bisect_left(bounds, seconds)] += 1
                sort.total += seconds

        return handle

    def _read(self, event: Any) -> None:
        """Let each metric read *event*, whatever becomes of the others, and count its sort from now on."""
        for read in self._readers:
            with suppress(Exception):
                read(event)
        if len(self._sorts) >= MOST_SORTS or not self._lasts(event):
            return
        sort = Times(len(self._bounds[0]) + 1) if self._bounds else Count()
        for made, reading in self._parts:
            with suppress(Exception):
                sample = reading(event)
                if sample is not None:
                    made.share(sample, sort)
        self._sorts[self._sort_of(event)] = sort
