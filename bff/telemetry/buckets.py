"""Bounds of histograms: the usual ones and a pair around each timeout, which tells timeouts from slowness."""

from collections.abc import Iterable, Mapping
from typing import Final

from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.telemetry.metric import Times

_USUAL: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
_BELOW, _ABOVE = 0.95, 1.05
_DIGITS: Final = 6


def buckets(
    times: Times, upstreams: Mapping[str, UpstreamPolicy], operations: OperationsPolicy
) -> tuple[float, ...]:
    """Return upper bounds in seconds that bracket every timeout of the kind *times*."""
    bounds = set(_USUAL)
    for timeout in _timeouts(times, upstreams, operations):
        bounds |= {round(timeout * _BELOW, _DIGITS), round(timeout * _ABOVE, _DIGITS)}
    return tuple(sorted(bounds))


def _timeouts(
    times: Times, upstreams: Mapping[str, UpstreamPolicy], operations: OperationsPolicy
) -> Iterable[float]:
    if times == "operation":
        return [deadline.total_seconds() for deadline in (operations.deadline, *operations.deadlines.values())]
    found = set()
    for policy in upstreams.values():
        named = {endpoint for group in policy.groups.values() for endpoint in group.endpoints}
        for endpoint in (None, *named, *policy.endpoints):
            timeouts = policy.chain(endpoint).timeouts
            found.add({"call": timeouts.total, "attempt": timeouts.attempt, "queue": timeouts.queue}[times])
    return [timeout.total_seconds() for timeout in found]
