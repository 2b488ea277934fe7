"""How the services are, as this process knows them: for whoever looks into `/healthz?verbose` (HE-3)."""

from collections.abc import Callable
from typing import Any

from bff.clock import Clock
from bff.upstream.client import Client, Upstreams
from bff.upstream.pipeline.cluster import Cluster
from bff.upstream.pipeline.pick import Member

LastError = Callable[[str], tuple[str, float] | None]
"""Code of the last error that clients were told about an upstream, and its age in seconds; None without any."""


def states_of(upstreams: Upstreams, last_error: LastError, clock: Clock) -> dict[str, Any]:
    """Return the state of each upstream by its name, as JSON: breakers, hosts, attempts, last error."""
    now = clock.now()
    return {name: _state(client, last_error(name), now) for name, client in upstreams.items()}


def _state(client: Client, error: tuple[str, float] | None, now: float) -> dict[str, Any]:
    pipelines = client.pipelines
    return {
        "breakers": {
            group: {
                "state": circuit.state,
                "forSeconds": None if circuit.since is None else round(now - circuit.since, 1),
            }
            for group, circuit in sorted(pipelines.circuits.items())
        },
        "hosts": {member.name: _host(pipelines.cluster, member) for member in pipelines.cluster.members},
        "inFlight": pipelines.permits.in_flight,
        "waiting": pipelines.permits.waiting,
        "lastError": None if error is None else {"code": error[0], "ageSeconds": round(error[1], 1)},
    }


def _host(cluster: Cluster, member: Member) -> str:
    if not cluster.is_healthy(member):
        return "unhealthy"
    return "ejected" if cluster.is_ejected(member) else "available"
