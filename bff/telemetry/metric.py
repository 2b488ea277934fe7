"""What a metric is: a name, labels, and what each event adds to it. `catalog.py` lists them all."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from bff.events import Event

Sample = tuple[Any, ...]
"""A value, then the values of the labels."""

Reading = Callable[[Any], Sample | None]
"""What one event adds; None for nothing."""

Times = Literal["operation", "call", "attempt", "queue"]
"""Whose timeouts a histogram's buckets have to bracket."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric.

    Attributes:
        name: As Prometheus shows it; a counter's ends in `_total`.
        kind: `level` is a gauge that events raise and lower, `gauge` one that they set, `age` one that they set
            and that grows by a second each second from then on.
        help: What it says, in one sentence.
        of: The events it is made of.
        labels: Names of its labels; all of them have few values.
        times: Whose timeouts the buckets bracket; for histograms.
    """

    name: str
    kind: Literal["counter", "gauge", "level", "age", "histogram"]
    help: str
    of: Mapping[type[Event], Reading]
    labels: tuple[str, ...] = ()
    times: Times = "call"


@dataclass(frozen=True, slots=True)
class Alike:
    """Which events of one kind are alike to all metrics, so that they need not be read one by one.

    Attributes:
        fields: Where these are equal, each metric reads the same labels and the same value; few combinations come
            often. Names as for `operator.attrgetter`.
        timed: Whether events have `seconds`, which the histogram of this kind takes in place of that value.
    """

    fields: tuple[str, ...] = ()
    timed: bool = False
