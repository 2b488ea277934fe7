"""What operators can do to the pipelines of one process: force breakers, drain hosts."""

from collections.abc import Iterable
from difflib import get_close_matches
from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints

from bff.clock import Clock
from bff.console.live import InForce
from bff.upstream.client import Client

Name = Annotated[str, StringConstraints(min_length=1, max_length=300)]

_MODES: Final[dict[str, Literal["forced_open", "metrics_only"]]] = {
    "open": "forced_open",
    "closed": "metrics_only",
}
_DONE: Final = {
    "open": "is forced open: no call goes through until it is set back to automatic",
    "closed": "is forced closed: it counts on, and refuses nothing until it is set back to automatic",
    "automatic": "goes by its policy again",
}


class ForceBreaker(BaseModel):
    """The body of `POST /admin/api/breakers`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    upstream: Name
    group: Name = "default"
    state: Literal["open", "closed", "automatic"]


class DrainHost(BaseModel):
    """The body of `POST /admin/api/hosts`; `host` as the console shows it, such as `http://10.0.0.7:8080`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    upstream: Name
    host: Name
    state: Literal["drained", "used"]


class NotThere(Exception):
    """What an action names does not exist; the message says what does."""


class NotPossible(Exception):
    """An action would do harm that nobody can mean."""


def force_breaker(asked: ForceBreaker, in_force: InForce, clock: Clock) -> str:
    """Put a circuit breaker into the state *asked* for, and return a sentence that says so.

    Raises:
        NotThere: There is no such upstream, or no such group.
    """
    client = _client(asked.upstream, in_force)
    circuits = client.pipelines.circuits
    circuit = circuits.get(asked.group)
    if circuit is None:
        raise NotThere(_unknown(f"group of {asked.upstream}", asked.group, circuits))
    policy = in_force.policies.upstreams[asked.upstream]
    mode = _MODES.get(asked.state) or policy.breaker_of(asked.group).mode
    circuit.force(mode, clock.now())
    return f"The breaker {asked.group} of {asked.upstream} {_DONE[asked.state]}."


def drain_host(asked: DrainHost, in_force: InForce, clock: Clock) -> str:
    """Drain a host or take it back, and return a sentence that says so.

    Raises:
        NotThere: There is no such upstream, or no such host.
        NotPossible: It is the last one that is left.
    """
    cluster = _client(asked.upstream, in_force).pipelines.cluster
    members = {member.name: member for member in cluster.members}
    member = members.get(asked.host)
    if member is None:
        raise NotThere(_unknown(f"host of {asked.upstream}", asked.host, members))
    if asked.state == "used":
        cluster.restore(member, clock.now())
        return f"{asked.host} of {asked.upstream} gets calls again, few at first."
    if not cluster.drain(member, clock.now()):
        raise NotPossible(
            f"{asked.host} is the last host of {asked.upstream} that is left. To stop all calls, force its "
            "breaker open: fields then fail at once instead of in vain."
        )
    return f"{asked.host} of {asked.upstream} gets no new calls; those under way end as usual."


def _client(name: str, in_force: InForce) -> Client:
    clients = {client.name: client for client in in_force.upstreams}
    if name not in clients:
        raise NotThere(_unknown("upstream", name, clients))
    return clients[name]


def _unknown(kind: str, name: str, known: Iterable[str]) -> str:
    known = sorted(known)
    near = get_close_matches(name, known, 1)
    hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(known) or 'none'}."
    return f"There is no {kind} {name!r}: {hint}"
