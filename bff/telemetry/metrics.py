"""Events -> Prometheus: RED of operations and services, and all that resilience asks to be counted."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from bff.events import Event
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.telemetry.buckets import buckets
from bff.telemetry.catalog import METRICS
from bff.telemetry.labels import Capped
from bff.telemetry.metric import Metric, Reading

MOST_OPERATIONS: Final = 100
"""Names of operations that are told apart, beyond those that policies and the application's own files name."""

_OPERATION: Final = "operation"

Exemplar = Callable[[], dict[str, str] | None]
"""Names the trace that is current; None where there is none that anybody keeps."""


class Metrics:
    """A listener that counts.

    Args:
        upstreams: Policies of the services, for buckets and for what is known before the first event.
        operations: Policy of operations, for buckets and names.
        names: Further operations that have a label of their own.
        exemplar: Names the current trace, for histograms; None where nothing is traced.
    """

    def __init__(
        self,
        upstreams: Mapping[str, UpstreamPolicy],
        operations: OperationsPolicy,
        *,
        names: Iterable[str] = (),
        exemplar: Exemplar | None = None,
    ) -> None:
        disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series for each counter, of no use
        self.registry = CollectorRegistry()
        self._exemplar = exemplar
        overflow = Counter(
            "bff_label_overflow", "Events counted under `other`.", ["label"], registry=self.registry
        )
        known = {*names, *operations.deadlines, *operations.priorities, *operations.sharing.operations}
        self._operations = Capped(known, MOST_OPERATIONS, overflow.labels(_OPERATION).inc)
        self._handlers: dict[type[Event], list[Callable[[Any], None]]] = {}
        gauges: dict[str, Gauge] = {}
        for metric in METRICS:
            made = self._make(metric, buckets(metric.times, upstreams, operations))
            if isinstance(made, Gauge):
                gauges[metric.name] = made
            for event, reading in metric.of.items():
                self._handlers.setdefault(event, []).append(self._handler(metric, made, reading))
        _set_what_is_known(gauges, upstreams)

    def __call__(self, event: Event) -> None:
        """Count *event*."""
        for handle in self._handlers.get(type(event), ()):
            handle(event)

    def _make(self, metric: Metric, bounds: tuple[float, ...]) -> Counter | Gauge | Histogram:
        if metric.kind == "counter":
            return Counter(metric.name, metric.help, metric.labels, registry=self.registry)
        if metric.kind == "histogram":
            return Histogram(metric.name, metric.help, metric.labels, registry=self.registry, buckets=bounds)
        return Gauge(metric.name, metric.help, metric.labels, registry=self.registry)

    def _handler(self, metric: Metric, made: Any, reading: Reading) -> Callable[[Any], None]:
        """Return what adds an event to *made*; the child of each set of label values is looked up only once."""
        children: dict[tuple[Any, ...], Callable[[float], None]] = {}
        capped = self._operations.of if _OPERATION in metric.labels else None
        apply = _APPLIES[metric.kind]
        exemplar = self._exemplar if metric.kind == "histogram" else None

        def handle(event: Any) -> None:
            sample = reading(event)
            if sample is None:
                return
            values = sample[1:] if capped is None else (capped(sample[1]), *sample[2:])
            child = children.get(values)
            if child is None:
                child = children[values] = getattr(made.labels(*values) if values else made, apply)
            if exemplar is None:
                child(sample[0])
            else:
                child(sample[0], exemplar())  # type: ignore[call-arg]  # `observe` takes it

        return handle


_APPLIES: Final = {"counter": "inc", "level": "inc", "gauge": "set", "histogram": "observe"}


def _set_what_is_known(gauges: Mapping[str, Gauge], upstreams: Mapping[str, UpstreamPolicy]) -> None:
    """Show from the start what events tell only when it changes."""
    for name, policy in upstreams.items():
        groups = {policy.chain(None).group, *policy.groups}
        for group in groups:
            gauges["bff_breaker_state"].labels(name, group).set(0)
        for gauge in ("bff_hosts", "bff_available_hosts"):
            gauges[gauge].labels(name).set(len(policy.places))
        gauges["bff_ejected_hosts"].labels(name).set(0)
        limit = policy.adaptive.initial if policy.adaptive.enabled else policy.concurrency
        gauges["bff_concurrency_limit"].labels(name).set(min(limit, policy.concurrency))
