"""Events -> Prometheus: RED of operations and services, and all that resilience asks to be counted."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from bff.clock import Clock
from bff.events import Event
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.telemetry.buckets import buckets
from bff.telemetry.catalog import ALIKE, METRICS, OVERFLOW
from bff.telemetry.cells import Ages, Exemplar, Histogram, Labels, Numbers, all_labels
from bff.telemetry.labels import Capped
from bff.telemetry.metric import Alike, Sample
from bff.telemetry.tally import Part, Tally

MOST_OPERATIONS: Final = 100
"""Names of operations that are told apart, beyond those that policies and the application's own files name."""

_OPERATION: Final = "operation"


class Metrics(Collector):
    """A listener that counts, and what Prometheus reads.

    Args:
        upstreams: Policies of the services, for buckets and for what is known before the first event.
        operations: Policy of operations, for buckets and names.
        clock: Tells how old things are when somebody looks.
        names: Further operations that have a label of their own.
        exemplar: Names the current trace, for histograms; None where nothing is traced.
        alike: Events that are counted by sorts instead of one by one.
    """

    def __init__(
        self,
        upstreams: Mapping[str, UpstreamPolicy],
        operations: OperationsPolicy,
        *,
        clock: Clock,
        names: Iterable[str] = (),
        exemplar: Exemplar | None = None,
        alike: Mapping[type[Event], Alike] = ALIKE,
    ) -> None:
        overflow = Numbers(OVERFLOW)
        overflow.set(0.0, _OPERATION)
        count_overflow = overflow.handler(lambda _: (1, _OPERATION))
        known = {*names, *operations.deadlines, *operations.priorities, *operations.sharing.operations}
        self._operations = Capped(known, MOST_OPERATIONS, lambda: count_overflow(None))
        self._made: dict[str, Numbers | Histogram] = {OVERFLOW.name: overflow}
        parts: dict[type[Event], list[Part]] = {}
        for metric in METRICS:
            labels = self._capped if _OPERATION in metric.labels else all_labels
            made: Numbers | Histogram = Numbers(metric, labels)
            if metric.kind == "histogram":
                bounds = buckets(metric.times, upstreams, operations)
                made = Histogram(metric, bounds, exemplar=exemplar, labels=labels)
            elif metric.kind == "age":
                made = Ages(metric, clock.now)
            self._made[metric.name] = made
            for event, reading in metric.of.items():
                parts.setdefault(event, []).append((made, reading))
        self._handlers = {kind: self._counting(alike.get(kind), of, exemplar) for kind, of in parts.items()}
        self._upstreams = upstreams
        for name, policy in upstreams.items():
            self._set_what_is_known(name, policy)
        self.registry = CollectorRegistry()
        self.registry.register(self)

    def __call__(self, event: Event) -> None:
        """Count *event*."""
        for handle in self.handlers(type(event)):
            handle(event)

    def handlers(self, kind: type[Event]) -> Sequence[Callable[[Any], None]]:
        """Return what counts events of *kind*."""
        return self._handlers.get(kind, ())

    def follow(self, upstreams: Mapping[str, UpstreamPolicy], operations: OperationsPolicy) -> None:
        """Go by other policies: show upstreams that are new, and no longer the state of those that are gone.

        Buckets of histograms stay as they were at the start, for their counts could not be compared otherwise.
        """
        self.know({*operations.deadlines, *operations.priorities, *operations.sharing.operations})
        for name, before in self._upstreams.items():
            if name not in upstreams:
                self._forget(name)
                continue
            for group in before.groups.keys() - upstreams[name].groups.keys():
                self._forget(name, group)
        for name, policy in upstreams.items():
            if self._upstreams.get(name) != policy:
                self._set_what_is_known(name, policy)
        self._upstreams = upstreams

    def know(self, names: Iterable[str]) -> None:
        """Give operations with these *names* labels of their own, too."""
        self._operations.know(names)

    def collect(self) -> Iterator[Family]:
        """Return all metrics as they are now."""
        for made in self._made.values():
            yield made.family()

    def numbers(self, name: str) -> dict[Labels, float]:
        """Return the counter or gauge *name* as it is now, by labels."""
        made = self._made[name]
        assert isinstance(made, Numbers), f"{name} is a histogram"
        return made.values()

    def times(self, name: str) -> tuple[tuple[float, ...], dict[Labels, tuple[int, ...]]]:
        """Return the bounds of the histogram *name*, and how many fell into each bucket by labels."""
        made = self._made[name]
        assert isinstance(made, Histogram), f"{name} is no histogram"
        return made.bounds, made.counts()

    def describe(self) -> Iterator[Family]:
        """Return nothing: names are unique, for a test holds them so."""
        yield from ()

    def _counting(
        self, alike: Alike | None, parts: Sequence[Part], exemplar: Exemplar | None
    ) -> Sequence[Callable[[Any], None]]:
        """Return what counts events of one kind for *parts*."""
        if alike is None or (alike.timed and exemplar is not None):  # each time has a trace of its own
            return [made.handler(reading) for made, reading in parts]
        if "name" in alike.fields:
            return [Tally(alike, parts, self._has_own_label).handle]
        return [Tally(alike, parts).handle]

    def _has_own_label(self, event: Any) -> bool:
        return self._operations.knows(event.name)

    def _capped(self, sample: Sample) -> Labels:
        return (self._operations.of(sample[1]), *sample[2:])

    def _set_what_is_known(self, name: str, policy: UpstreamPolicy) -> None:
        """Show from the start what events tell only when it changes."""
        for group in {policy.chain(None).group, *policy.groups}:
            self._numbers("bff_breaker_state").begin(0, name, group)
            if policy.adaptive.enabled:
                initial = min(policy.adaptive.initial, policy.concurrency)
                self._set("bff_concurrency_limit", initial, name, group)
        self._set("bff_hosts", len(policy.places), name)
        self._set("bff_available_hosts", len(policy.places), name)
        self._set("bff_ejected_hosts", 0, name)
        self._set("bff_concurrency_limit", policy.concurrency, name, "")

    def _forget(self, *labels: str) -> None:
        """Show the state of an upstream, or of a group of it, no more."""
        wanted = ("upstream", "group")[: len(labels)]
        for metric in METRICS:
            if metric.kind == "gauge" and metric.labels[: len(labels)] == wanted:
                self._numbers(metric.name).forget(*labels)

    def _set(self, metric: str, value: float, *labels: str) -> None:
        self._numbers(metric).set(value, *labels)

    def _numbers(self, metric: str) -> Numbers:
        made = self._made[metric]
        assert isinstance(made, Numbers)
        return made
