"""What one process is doing now, as JSON-ready data that those of its colleagues can be added to."""

import resource
import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Protocol

from bff.admission.usage import Usage
from bff.clock import Clock
from bff.console.readings import Readings, read
from bff.policy.load import PolicySet
from bff.server.lifecycle import Lifecycle
from bff.server.ports import Authenticator
from bff.store import Store
from bff.telemetry.error_ring import ErrorRing
from bff.telemetry.metrics import Metrics
from bff.upstream.cache.tiers import EntryCache
from bff.upstream.client import Client, Upstreams
from bff.upstream.pipeline.circuit import CircuitBreaker
from bff.upstream.pipeline.cluster import Cluster
from bff.upstream.pipeline.pick import Member

ERRORS: Final = 30
"""Of the last errors so many are listed."""


class Progress(Protocol):
    """How far registered documents are."""

    total: int
    done: int
    failed: int


class Sized(Protocol):
    """What is kept."""

    def __len__(self) -> int: ...


@dataclass(frozen=True, slots=True)
class InForce:
    """What may be exchanged while the process runs.

    Attributes:
        policies: Everything that files say.
        upstreams: The pipelines to services, with their breakers and hosts.
        authenticator: Says who is calling; None where nobody looks at credentials.
        documents: Those that are kept parsed and compiled.
        preparation: How far registered documents are.
    """

    policies: PolicySet
    upstreams: Upstreams
    authenticator: Authenticator | None
    documents: Sized
    preparation: Progress


@dataclass(frozen=True, slots=True)
class Process:
    """What lives as long as the process."""

    metrics: Metrics
    errors: ErrorRing
    usage: Usage
    lifecycle: Lifecycle
    entries: EntryCache
    store: Store
    clock: Clock
    development: bool = False


class Live:
    """Reads what the process is doing; changes nothing.

    Args:
        process: What lives as long as the process.
        readings: Where what counters say is kept.
    """

    def __init__(self, process: Process, readings: Readings) -> None:
        self._process = process
        self._readings = readings
        self._began = process.clock.wall()

    def note(self) -> None:
        """Keep what the counters say now; once a second makes a history."""
        self._readings.add(read(self._process.metrics, int(self._process.clock.wall())))

    def snapshot(self, in_force: InForce) -> dict[str, Any]:
        """Return what the process is doing, under what is *in_force*."""
        self.note()
        process, readings = self._process, self._readings
        usage = process.usage.told()
        return {
            "since": self._began,
            "phase": process.lifecycle.phase.value,
            "lagMs": round(process.lifecycle.lag.seconds * 1000, 1),
            "inFlight": len(process.lifecycle.in_flight),
            "memory": memory(),
            "window": readings.seconds,
            "totals": readings.totals(),
            "series": readings.series(None, "operations", "partial", "shed", "limited"),
            "operations": self._operations(),
            "bounds": {
                "operation": process.metrics.times("bff_operation_seconds")[0],
                "attempt": process.metrics.times("bff_upstream_attempt_seconds")[0],
            },
            "upstreams": {client.name: self._upstream(client) for client in in_force.upstreams},
            "limits": {key: usage[key] for key in ("clients", "limits", "turnedAway", "storeErrors", "degraded")},
            "limited": in_force.policies.client_defaults is not None,
            "cache": process.entries.stats(),
            "shared": process.store.shared,
            "shed": self._counted("bff_shed_total"),
            "documents": {
                "kept": len(in_force.documents),
                "registered": in_force.preparation.total,
                "prepared": in_force.preparation.done,
                "unusable": in_force.preparation.failed,
            },
            "codes": self._counted("bff_errors_total"),
            "errors": [kept.head() for kept in process.errors.latest(ERRORS)],
        }

    def _counted(self, metric: str) -> list[list[Any]]:
        numbers = self._process.metrics.numbers(metric)
        return [[*map(str, labels), int(number)] for labels, number in numbers.items() if number]

    def _operations(self) -> dict[str, Any]:
        metrics = self._process.metrics
        found: dict[str, Any] = {}
        for (name, kind, result), number in metrics.numbers("bff_operations_total").items():
            found.setdefault(name, {"kind": kind, "results": {}, "cost": {}, "times": []})["results"][result] = (
                int(number)
            )
        for (name, _kind), counts in metrics.times("bff_operation_seconds")[1].items():
            if name in found:
                found[name]["times"] = list(counts)
        for metric, key in (("bff_cost_estimated_total", "estimated"), ("bff_cost_actual_total", "actual")):
            for (name,), number in metrics.numbers(metric).items():
                if name in found:
                    found[name]["cost"][key] = number
        return found

    def _upstream(self, client: Client) -> dict[str, Any]:
        name, pipelines, now = client.name, client.pipelines, self._process.clock.now()
        permits = pipelines.permits
        return {
            "alias": client.alias,
            "counts": self._readings.of(name),
            "times": list(self._readings.times(name)),
            "series": self._readings.series(name, "attempts", "failures"),
            "inFlight": int(self._process.metrics.numbers("bff_upstream_calls_in_flight").get((name,), 0)),
            "permits": {"used": permits.in_flight, "limit": permits.limit, "waiting": permits.waiting},
            "breakers": {
                group: {**breaker(circuit, now), "failedBefore": self._failed_before(name, group)}
                for group, circuit in pipelines.circuits.items()
            },
            "hosts": hosts(pipelines.cluster),
        }

    def _failed_before(self, name: str, group: str) -> float | None:
        share = self._process.metrics.numbers("bff_breaker_failure_ratio").get((name, group), -1.0)
        return share if share >= 0 else None


def breaker(circuit: CircuitBreaker, now: float) -> dict[str, Any]:
    """Return what *circuit* is in; shares are None below its minimum of calls."""
    failed, slow, calls = circuit.rates(now)
    waits = circuit.retry_after(now) if circuit.state == "open" else None
    return {
        "state": circuit.state,
        "failed": failed if failed >= 0 else None,
        "slow": slow if slow >= 0 else None,
        "calls": calls,
        "openMs": None if waits is None else round(waits * 1000),
    }


def hosts(cluster: Cluster) -> dict[str, dict[str, Any]]:
    """Return the hosts of *cluster* by their origins."""
    return {member.name: _host(cluster, member) for member in cluster.members}


def _host(cluster: Cluster, member: Member) -> dict[str, Any]:
    return {
        "state": host_state(cluster, member),
        "zone": member.zone,
        "weight": member.share,
        "share": round(member.weight / member.share, 2) if member.share else 0,
        "inFlight": member.active,
    }


def host_state(cluster: Cluster, member: Member) -> str:
    """Return what keeps calls from *member*, the strongest reason first; `healthy` where nothing does."""
    if cluster.is_drained(member):
        return "drained"
    if not cluster.is_healthy(member):
        return cluster.health_of(member)
    return "ejected" if cluster.is_ejected(member) else "healthy"


def memory() -> int:
    """Return the bytes that this process has in memory; at most so far where the system tells no more."""
    try:
        with open("/proc/self/statm", encoding="ascii") as file:  # noqa: PTH123 - once a second
            return int(file.read().split()[1]) * resource.getpagesize()
    except OSError:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        return peak if sys.platform == "darwin" else peak * 1024


Snapshots = Mapping[str, dict[str, Any]]
"""By the number of the worker."""


def numbered(own: int | None, mine: dict[str, Any], others: Iterable[tuple[int, dict[str, Any]]]) -> Snapshots:
    """Return the snapshots of all workers of a host."""
    return {str(own or 0): mine, **{str(number): other for number, other in others}}
