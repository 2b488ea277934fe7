"""Numbers that events change: plain Python, for a lock and a loop over buckets with each event would be felt.

The event loop writes, a scrape in another thread reads; each number is read whole, and they need not agree to the
last event.
"""

from bisect import bisect_left
from collections.abc import Callable, Iterator
from operator import add, itemgetter
from typing import Any, Final

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Exemplar as Told

from bff.telemetry.metric import Metric, Reading, Sample

Labels = tuple[Any, ...]
Exemplar = Callable[[], dict[str, str] | None]
"""Names the trace that is current; None where there is none that anybody keeps."""

Shorten = Callable[[Sample], Labels]
"""Returns the values of the labels in a sample."""

_NAME_SUFFIX: Final = "_total"


def all_labels(sample: Sample) -> Labels:
    """Return the values of the labels of *sample* as they are."""
    return sample[1:]


class Count:
    """How many events of one sort there were (`tally.py`)."""

    __slots__ = ("number",)

    def __init__(self) -> None:
        self.number = 0


class Times:
    """How many times fell into each bucket, their sum, and the last trace of each bucket."""

    __slots__ = ("counts", "exemplars", "total")

    def __init__(self, buckets: int) -> None:
        self.counts = [0] * buckets
        self.exemplars: list[Told | None] = [None] * buckets
        self.total = 0.0

    @property
    def number(self) -> int:
        """How many there were."""
        return sum(self.counts)

    def add(self, more: "Times") -> None:
        """Add what is in *more*."""
        self.counts = list(map(add, self.counts, more.counts))
        self.exemplars = [new or old for new, old in zip(more.exemplars, self.exemplars, strict=True)]
        self.total += more.total


class Numbers:
    """A counter or gauge: one number for each set of label values.

    Attributes:
        adds: Whether events raise and lower the numbers, instead of setting them.
    """

    def __init__(self, metric: Metric, labels: Shorten = all_labels) -> None:
        self.adds = metric.kind in {"counter", "level"}
        self._metric = metric
        self._labels = labels
        self._cells: dict[Labels, list[float]] = {}
        self._shares: list[tuple[float, Labels, Count | Times]] = []
        if not metric.labels:
            self._cells[()] = [0.0]

    def set(self, value: float, *labels: str) -> None:
        """Set what stands before the first event."""
        self._cells[labels] = [value]

    def begin(self, value: float, *labels: str) -> None:
        """Set what stands before the first event, unless there has been one."""
        self._cells.setdefault(labels, [value])

    def forget(self, *first: str) -> None:
        """Show nothing more of what has *first* as its first labels."""
        for labels in [labels for labels in self._cells if labels[: len(first)] == first]:
            del self._cells[labels]

    def handler(self, reading: Reading) -> Callable[[Any], None]:
        """Return what takes one event."""
        cells, labels, adds = self._cells, self._labels, self.adds

        def handle(event: Any) -> None:
            sample = reading(event)
            if sample is None:
                return
            key = labels(sample)
            cell = cells.get(key)
            if cell is None:
                cell = cells[key] = [0.0]
            if adds:
                cell[0] += sample[0]
            else:
                cell[0] = sample[0]

        return handle

    def share(self, sample: Sample, sort: Count | Times) -> None:
        """Let *sort* count events that all read as *sample*, from now on."""
        self._shares.append((sample[0], self._labels(sample), sort))

    def value(self, number: float) -> float:
        """Return what is shown for *number*."""
        return number

    def values(self) -> dict[Labels, float]:
        """Return the numbers, by labels."""
        return {labels: self.value(number) for labels, number in self._sums().items()}

    def _sums(self) -> dict[Labels, float]:
        """Return all there is; what lowers a level is looked at first, so that none is ever below zero."""
        sums = {labels: cell[0] for labels, cell in list(self._cells.items())}
        for amount, labels, sort in sorted(self._shares, key=itemgetter(0)):
            sums[labels] = sums.get(labels, 0.0) + amount * sort.number
        return sums

    def family(self) -> Family:
        """Return the numbers as they are now."""
        metric = self._metric
        if metric.kind == "counter":
            name = metric.name.removesuffix(_NAME_SUFFIX)
            family: Any = CounterMetricFamily(name, metric.help, labels=metric.labels)
        else:
            family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels)
        for labels, number in self.values().items():
            family.add_metric([str(label) for label in labels], number)
        made: Family = family
        return made


class Ages(Numbers):
    """A gauge of ages: each event says how old something is, which grows older until the next one.

    Args:
        metric: What it is.
        now: Tells the time in seconds.
    """

    def __init__(self, metric: Metric, now: Callable[[], float]) -> None:
        super().__init__(metric)
        self._now = now

    def handler(self, reading: Reading) -> Callable[[Any], None]:
        """Return what takes one event."""

        def handle(event: Any) -> None:
            sample = reading(event)
            if sample is not None:
                self.set(self._now() - sample[0], *sample[1:])

        return handle

    def value(self, number: float) -> float:
        """Return the age of what began at *number*."""
        return self._now() - number


class Histogram:
    """A histogram: one row of buckets for each set of label values.

    Args:
        metric: What it is.
        bounds: Upper bounds of its buckets, which include them; a last one without bound is added.
        exemplar: Names the current trace; None where nothing is traced.
        labels: Returns the values of the labels of a sample.
    """

    def __init__(
        self,
        metric: Metric,
        bounds: tuple[float, ...],
        *,
        exemplar: Exemplar | None = None,
        labels: Shorten = all_labels,
    ) -> None:
        self._metric = metric
        self._bounds = bounds
        self._exemplar = exemplar
        self._labels = labels
        self._cells: dict[Labels, Times] = {}
        self._shares: list[tuple[Labels, Times]] = []

    def handler(self, reading: Reading) -> Callable[[Any], None]:
        """Return what takes one event."""
        cells, bounds, exemplar, labels = self._cells, self._bounds, self._exemplar, self._labels

        def handle(event: Any) -> None:
            sample = reading(event)
            if sample is None:
                return
            key, value = labels(sample), sample[0]
            cell = cells.get(key)
            if cell is None:
                cell = cells[key] = Times(len(bounds) + 1)
            place = bisect_left(bounds, value)
            cell.counts[place] += 1
            cell.total += value
            if exemplar is not None and (trace := exemplar()) is not None:
                cell.exemplars[place] = Told(trace, value)

        return handle

    def share(self, sample: Sample, sort: Count | Times) -> None:
        """Let *sort* take the times of events whose labels are those of *sample*, from now on."""
        assert isinstance(sort, Times), "a mere number has no times"
        self._shares.append((self._labels(sample), sort))

    @property
    def bounds(self) -> tuple[float, ...]:
        """Upper bounds of the buckets; a last one has none."""
        return self._bounds

    def counts(self) -> dict[Labels, tuple[int, ...]]:
        """Return how many fell into each bucket, by labels."""
        return {labels: tuple(times.counts) for labels, times in self._sums().items()}

    def family(self) -> Family:
        """Return the buckets as they are now."""
        family = HistogramMetricFamily(self._metric.name, self._metric.help, labels=self._metric.labels)
        for labels, times in self._sums().items():
            buckets: Any = list(self._cumulated(times))
            family.add_metric([str(label) for label in labels], buckets, times.total)
        return family

    def _sums(self) -> dict[Labels, Times]:
        sums: dict[Labels, Times] = {}
        for labels, times in (*list(self._cells.items()), *list(self._shares)):
            sums.setdefault(labels, Times(len(self._bounds) + 1)).add(times)
        return sums

    def _cumulated(self, times: Times) -> Iterator[tuple[str, float, Told | None]]:
        so_far = 0
        bounds = [*(repr(bound) for bound in self._bounds), "+Inf"]
        for bound, number, exemplar in zip(bounds, times.counts, times.exemplars, strict=True):
            so_far += number
            yield bound, float(so_far), exemplar
