"""Puts admission together from policies; the only place here that knows every part."""

from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from uuid import uuid4

from graphql import GraphQLSchema

from bff.admission.addresses import Addresses
from bff.admission.admission import Admission
from bff.admission.buckets import Bucket, Limiter
from bff.admission.clients import Clients
from bff.admission.concurrency import LocalPlaces, SharedPlaces
from bff.admission.deprecated import Deprecated
from bff.admission.edge import Edge
from bff.admission.local import LocalLimiter
from bff.admission.refusals import Refusals
from bff.admission.shared import Scripts, SharedLimiter
from bff.admission.usage import Usage
from bff.admission.window_storage import ProcessStorage, ScriptStorage
from bff.admission.windows import WindowLimiter
from bff.clock import Clock
from bff.events import Notify
from bff.execution.engine import Observe
from bff.policy.clients import ClientDefaults, ClientPolicy, Limit
from bff.policy.load import PolicySet
from bff.policy.network import NetworkPolicy
from bff.server.ports import ASGIApp
from bff.server.shedding import ClientClass


class LocalCounts:
    """What this process has counted; it outlives the limits it was counted for, as counts in Redis do.

    Args:
        clock: Tells when windows end.
    """

    def __init__(self, clock: Clock) -> None:
        self.tats: dict[str, int] = {}
        self.windows = ProcessStorage(clock)
        self.places = LocalPlaces()


@dataclass(frozen=True, slots=True)
class Gate:
    """Everything that stands before the engine.

    Attributes:
        admission: Judges requests; None where no policy asks for it.
        clients: Knows clients; None where nothing is limited.
        usage: Counts, for the admin port.
        network: What browsers may do, and which hosts are answered.
        notify: Told of deprecated fields in use.
        leases: Places that all processes share; None without a store.
    """

    admission: Admission | None
    clients: Clients | None
    usage: Usage
    network: NetworkPolicy | None
    notify: Notify
    leases: SharedPlaces | None

    @property
    def client_class(self) -> ClientClass | None:
        """Says how much a client's operations matter; None where no policy ranks any."""
        return self.clients.priority if self.clients is not None and self.clients.ranked else None

    def observe(self, schema: GraphQLSchema) -> Observe | None:
        """Return what tells of deprecated fields in use, by the clients' own names; None where there are none."""
        names = Clients(ClientDefaults(), {}, share=1) if self.clients is None else self.clients
        deprecated = Deprecated(schema, names.named, self.notify)
        return deprecated if deprecated.any else None

    @property
    def hosts(self) -> frozenset[str] | None:
        """Values of `Host` that are answered; None for all."""
        return frozenset(self.network.hosts) or None if self.network else None

    async def close(self) -> None:
        """Wait for places that are being given back."""
        if self.leases is not None:
            await self.leases.close()

    def around(self, endpoint: ASGIApp, *, path: str) -> ASGIApp:
        """Return *endpoint*, which lives at *path*, with what browsers want to know."""
        if self.network is None:
            return endpoint
        return Edge(endpoint, self.network, Addresses(self.network), path=path)


def open_admission(
    policies: PolicySet,
    *,
    store: Scripts | None,
    workers: int,
    clock: Clock,
    rng: Random,
    notify: Notify,
    usage: Usage | None = None,
    counts: LocalCounts | None = None,
) -> Gate:
    """Return what *policies* want before the engine.

    Args:
        policies: All of them.
        store: A Redis for this use alone; None counts in this process.
        workers: Processes of this machine; limits are divided by them and `expected_replicas` without a store.
        clock: Tells the time.
        rng: For the jitter of waits.
        notify: Told of what was refused.
        usage: Counts; it has to hear of events as well.
        counts: What has been counted so far; nothing where None.
    """
    counts = counts or LocalCounts(clock)
    usage = usage or Usage()
    network, defaults = policies.network, policies.client_defaults
    if defaults is None and network is None:
        return Gate(None, None, usage, None, notify, None)
    rules = defaults or ClientDefaults()
    share = workers * rules.expected_replicas
    clients = None if defaults is None else Clients(rules, policies.clients, share=share)
    places = counts.places
    lease = policies.operations.deadline_max.total_seconds() + 1
    leases = None if store is None else SharedPlaces(store, places, lease=lease, share=share, new_id=uuid4)
    admission = Admission(
        Addresses(network or NetworkPolicy()),
        clients,
        rules,
        address=None
        if clients is None
        else Bucket.of(rules.address, policy="default", layer="address", share=share),
        limiter=_limiter(
            store, clock, notify, share, counts, windows=_has_windows(rules, policies.clients.values())
        ),
        places=places,
        shared_places=leases or places,
        refusals=Refusals(rng, notify),
        usage=usage,
        notify=notify,
    )
    return Gate(admission, clients, usage, network, notify, leases)


def _limiter(
    store: Scripts | None, clock: Clock, notify: Notify, share: int, counts: LocalCounts, *, windows: bool
) -> Limiter:
    if store is None:
        local = LocalLimiter(clock, counted="process" if share == 1 else "share", tats=counts.tats)
        return WindowLimiter(local, counts.windows) if windows else local
    shared = SharedLimiter(store, LocalLimiter(clock, counted="share", tats=counts.tats), notify)
    return WindowLimiter(shared, ScriptStorage(store), shared.alone) if windows else shared


def _has_windows(defaults: ClientDefaults, clients: Iterable[ClientPolicy]) -> bool:
    """Return whether any limit counts in windows, which costs each request a look at its limits."""
    limits: list[Limit] = [defaults.address]
    for rules in (defaults.limits, *(client.limits for client in clients)):
        limits += [rules.client, rules.user, rules.anonymous, *rules.operations.values()]
    return any(limit.algorithm != "gcra" for limit in limits)
