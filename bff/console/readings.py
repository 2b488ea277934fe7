"""What the counters of this process say, second by second: read from the metrics, never counted twice."""

from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import Final, NamedTuple

from bff.telemetry.cells import Labels
from bff.telemetry.metrics import Metrics
from bff.upstream.outcome import FACTS, Outcome

WINDOW: Final = 60
"""Seconds that shares, rates and latencies of services are about."""

Numbers = Mapping[str, float]

_ENDED: Final = ("whole", "degraded", "partial", "shared", "kept")
_FAILURES: Final = frozenset(outcome for outcome in Outcome if FACTS[outcome].breaker == "failure")
"""Outcomes that say something against a service (CB-9)."""

_EACH: Final = {
    "bff_upstream_calls_total": "calls",
    "bff_retries_total": "retries",
    "bff_hedges_total": "hedges",
    "bff_coalesced_total": "coalesced",
    "bff_fallbacks_total": "fallbacks",
    "bff_breaker_not_permitted_total": "notPermitted",
    "bff_queue_refused_total": "queueRefused",
}
"""Counters of services that are shown as one number each."""


class Reading(NamedTuple):
    """All counters at one moment.

    Attributes:
        second: Of the wall clock.
        totals: Of the process.
        upstreams: Of each service.
        times: How many requests to each service fell into each bucket of `bff_upstream_attempt_seconds`.
    """

    second: int
    totals: Numbers
    upstreams: Mapping[str, Numbers]
    times: Mapping[str, tuple[int, ...]]


def read(metrics: Metrics, second: int) -> Reading:
    """Return what *metrics* have counted until now."""
    upstreams: dict[str, Counter[str]] = {}

    def of(name: str) -> Counter[str]:
        return upstreams.setdefault(name, Counter())

    for metric, key in _EACH.items():
        for labels, number in metrics.numbers(metric).items():
            of(labels[0])[key] += int(number)
    for (name, _group, outcome), number in metrics.numbers("bff_upstream_attempts_total").items():
        if outcome != Outcome.CANCELLED:
            of(name)["attempts"] += int(number)
        if outcome in _FAILURES:
            of(name)["failures"] += int(number)
    for (name, result, _tier), number in metrics.numbers("bff_cache_requests_total").items():
        of(name)[f"cache.{result}"] += int(number)
    times: dict[str, tuple[int, ...]] = {}
    for (name, _group), counts in metrics.times("bff_upstream_attempt_seconds")[1].items():
        times[name] = added(times.get(name, ()), counts)
    return Reading(second, _totals(metrics), upstreams, times)


def _totals(metrics: Metrics) -> Numbers:
    totals: Counter[str] = Counter()
    for (_name, _kind, result), number in metrics.numbers("bff_operations_total").items():
        totals[result] += int(number)
        if result in _ENDED:
            totals["operations"] += int(number)
    totals["shed"] = _sum(metrics.numbers("bff_shed_total"))
    limited = metrics.numbers("bff_ratelimit_decisions_total").items()
    totals["limited"] = int(sum(number for labels, number in limited if labels[1] == "refused"))
    totals["errors"] = _sum(metrics.numbers("bff_errors_total"))
    return totals


def _sum(numbers: Mapping[Labels, float]) -> int:
    return int(sum(numbers.values()))


class Readings:
    """The readings of the last minute, one a second."""

    def __init__(self) -> None:
        self._kept: deque[Reading] = deque(maxlen=WINDOW + 1)

    def add(self, reading: Reading) -> None:
        """Keep *reading*; a second one in the same second takes the place of the first."""
        if self._kept and self._kept[-1].second >= reading.second:
            self._kept.pop()
        self._kept.append(reading)

    @property
    def seconds(self) -> int:
        """How many seconds the readings span."""
        return self._kept[-1].second - self._kept[0].second if self._kept else 0

    def totals(self) -> dict[str, float]:
        """Return what the process counted in that time."""
        return less(self._kept[-1].totals, self._kept[0].totals) if self._kept else {}

    def of(self, upstream: str) -> dict[str, float]:
        """Return what *upstream* was counted in that time."""
        if not self._kept:
            return {}
        return less(self._kept[-1].upstreams.get(upstream, {}), self._kept[0].upstreams.get(upstream, {}))

    def times(self, upstream: str) -> tuple[int, ...]:
        """Return how many requests to *upstream* fell into each bucket in that time."""
        if not self._kept:
            return ()
        before, after = (one.times.get(upstream, ()) for one in (self._kept[0], self._kept[-1]))
        return added(after, tuple(-count for count in before))

    def series(self, upstream: str | None, *keys: str) -> list[list[float]]:
        """Return, for each second that is over, itself and the growth of each of *keys*.

        Of the process where *upstream* is None.
        """
        numbers = [
            (one.second, one.totals if upstream is None else one.upstreams.get(upstream, {})) for one in self._kept
        ]
        return [
            [second, *(after.get(key, 0) - before.get(key, 0) for key in keys)]
            for (_, before), (second, after) in pairwise(numbers[:-1])
        ]


def less(after: Numbers, before: Numbers) -> dict[str, float]:
    """Return by how much each number has grown, without those that have not."""
    return {key: grown for key, value in after.items() if (grown := value - before.get(key, 0))}


def added(one: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    """Return the sums of two rows of buckets; an empty one is none."""
    if not one or not other:
        return tuple(one or other)
    return tuple(first + second for first, second in zip(one, other, strict=True))


def quantile(bounds: Sequence[float], counts: Sequence[int], share: float) -> float | None:
    """Return the seconds that *share* of what *counts* counts stayed below, None where nothing was counted.

    Within a bucket it is as Prometheus has it: a straight line. Beyond the last bound nobody knows; that is told.
    """
    wanted = share * sum(counts)
    if wanted <= 0:
        return None
    so_far, lower = 0.0, 0.0
    for bound, count in zip(bounds, counts, strict=False):
        if so_far + count >= wanted and count:
            return lower + (bound - lower) * (wanted - so_far) / count
        so_far, lower = so_far + count, bound
    return bounds[-1]


def coarse(bounds: Sequence[float], counts: Sequence[int], edges: Iterable[float]) -> list[int]:
    """Return *counts* in fewer buckets, whose upper bounds are *edges* and none; each edge is one of *bounds*."""
    edges = list(edges)
    found = [0] * (len(edges) + 1)
    place = 0
    for bound, count in zip([*bounds, float("inf")], counts, strict=False):
        while place < len(edges) and bound > edges[place]:
            place += 1
        found[place] += count
    return found
