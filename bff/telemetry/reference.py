"""The page of all metrics, printed from the catalog."""

from collections.abc import Iterator

from bff.telemetry.catalog import SECTIONS
from bff.telemetry.metric import Metric
from bff.telemetry.metrics import MOST_OPERATIONS

_INTRODUCTION = f"""# Metrics

Printed from `bff/telemetry/catalog.py` by `make reference`; do not edit.

`GET /metrics` on the admin port, as Prometheus text, or as OpenMetrics with exemplars for whoever asks for that.
With several workers each sample has a label `worker`, whichever of them answers, and `bff_worker_up` says who did.

Labels have few values. `operation` is a name that policies or the application's own operations give, or one of the
first {MOST_OPERATIONS} others that were seen; further ones are `other`, counted in `bff_label_overflow_total`. An
operation without a name has an empty one. `class` is the outcome of an attempt. Histograms have a bucket that ends
just below and one that ends just above each configured timeout.
"""
_KINDS = {"counter": "counter", "gauge": "gauge", "level": "gauge", "age": "gauge", "histogram": "histogram"}


def page() -> str:
    """Return the page as Markdown."""
    return "\n".join([_INTRODUCTION, *_sections()]).rstrip() + "\n"


def _sections() -> Iterator[str]:
    for title, metrics in SECTIONS.items():
        yield f"<details><summary><b>{title}</b></summary>\n"
        yield "| metric | kind | labels | what it says | event |"
        yield "|---|---|---|---|---|"
        yield from (_row(metric) for metric in metrics)
        yield "\n</details>\n"


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    events = ", ".join(f"`{event.__name__}`" for event in metric.of)
    return f"| `{metric.name}` | {_KINDS[metric.kind]} | {labels} | {metric.help} | {events} |"
