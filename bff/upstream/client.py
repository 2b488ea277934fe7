"""How one upstream is called in this process: its policy turned into a pipeline around a transport."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from itertools import count
from random import Random
from typing import TYPE_CHECKING

from bff.clock import Clock
from bff.events import CallFinished, CallStarted, Notify, ignore
from bff.policy.caching import StorePolicy
from bff.policy.credentials import Credentials
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.store.memory import MemoryStore
from bff.upstream.assemble import Caching, World, assemble
from bff.upstream.cache.tiers import EntryCache
from bff.upstream.credentials.assemble import source_of
from bff.upstream.credentials.source import Source
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline import Call, Handler, Stage
from bff.upstream.pipeline.circuit import CircuitBreaker
from bff.upstream.pipeline.fanout import Inherited
from bff.upstream.pipeline.hashing import key_of
from bff.upstream.pipelines import Pipelines
from bff.upstream.transport import Limits, Transport

if TYPE_CHECKING:
    from bff.context import Operation
    from bff.experiments.plan import Plan

OpenTransport = Callable[[Limits], Transport]
"""Makes the transport of one upstream."""

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Methods that may be sent twice by RFC 9110, section 9.2.2."""


class Client:
    """Calls one upstream by its policy.

    Attributes:
        alias: The name that clients see.
        pipelines: The ways of its calls, with the breakers and the budget on them.
    """

    def __init__(
        self,
        name: str,
        policy: UpstreamPolicy,
        pipelines: Pipelines,
        transport: Transport,
        credentials: Source | None = None,
        *,
        clock: Clock,
        notify: Notify,
        aside: Notify = ignore,
    ) -> None:
        self.name = name
        self._now = clock.now
        self._notify = notify
        self._aside = aside
        self._numbers = count(1)
        self.alias = policy.alias or name
        self.pipelines = pipelines
        self._default, self._special = pipelines.default, pipelines.special
        self._reading, self._special_reading = pipelines.reading, pipelines.special_reading
        self._transport = transport
        self._forward = tuple(sorted(policy.forward.headers))
        self._hash_on = policy.balance.hash_on
        self._credentials = credentials
        self._speaks_for = policy.credentials.speaks_for

    async def send(self, call: Call, operation: "Operation") -> Response:
        """Return a usable response to *call*.

        Raises:
            UpstreamError: There is none; it names upstream and endpoint.
        """
        request_id, endpoint = operation.request_id, call.endpoint
        self._complete(call, operation)
        number = call.number = next(self._numbers)
        if call.cacheable and call.alternate is None:
            way = self._special_reading.get(endpoint, self._reading)
        else:
            way = self._special.get(endpoint, self._default)
        notify = self._notify
        if operation.plan is not None:
            way, notify = self._planned(operation.plan, call, way)
        notify(CallStarted(self.name, endpoint, request_id, number))
        started, outcome = self._now(), Outcome.CANCELLED
        try:
            response = await way(call)
            outcome = Outcome.OK
        except UpstreamError as error:
            outcome = error.outcome
            error.upstream, error.endpoint = self.name, endpoint
            raise
        else:
            return response
        finally:
            notify(CallFinished(self.name, endpoint, request_id, number, outcome, self._now() - started))

    def _complete(self, call: Call, operation: "Operation") -> None:
        """Add to *call* what it takes over from its operation."""
        headers, fanout = call.headers, operation.fanout
        inherited = fanout.inherited.get(self._forward)
        if inherited is None:
            inherited = fanout.inherited[self._forward] = _inherited(self._forward, operation.headers)
        if inherited.headers:
            for name, value in inherited.headers.items():
                headers.setdefault(name, value)
        headers["x-request-id"] = operation.request_id
        call.principal = operation.principal
        speaks_for = call.speaks_for = "user" if "authorization" in headers else self._speaks_for
        if speaks_for == "user":
            operation.personal = True
        call.fanout = fanout
        if self._hash_on is not None:
            call.hash_key = key_of(self._hash_on, operation.principal.subject, operation.headers)
        call.repeatable = inherited.repeatable
        if not call.safe and operation.kind == "mutation":
            operation.dispatched = True

    def _planned(self, plan: "Plan", call: Call, way: Handler) -> tuple[Handler, Notify]:
        """Note what *plan* does to *call*; return the call's way, and who hears of it."""
        injection = call.injection = plan.of(self.name, call.endpoint)
        if injection is None or injection.alone is None:
            return way, self._notify
        return self.pipelines.apart(call.endpoint), self._aside

    async def start(self) -> None:
        """Begin to ask hosts how they are, where policy says so."""
        await self.pipelines.start()

    async def close(self) -> None:
        """End what runs in the background, refuse whoever waits, and close all connections."""
        await self.pipelines.close()
        if self._credentials is not None:
            await self._credentials.close()
        await self._transport.close()


class UnknownUpstream(LookupError):
    """An endpoint belongs to an upstream that no policy file describes."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(
            f"no policy for upstream {name!r}: write policies/upstreams/{name}.yaml with at least `hosts:` "
            f"(there are: {', '.join(sorted(known)) or 'none'})"
        )


class Upstreams:
    """All upstreams of one generation of policies; owns their connections."""

    def __init__(self, clients: Mapping[str, Client]) -> None:
        self._clients = dict(clients)

    def __getitem__(self, name: str) -> Client:
        """Return the client of upstream *name*.

        Raises:
            UnknownUpstream: No policy describes it.
        """
        try:
            return self._clients[name]
        except KeyError:
            raise UnknownUpstream(name, self._clients) from None

    def items(self) -> Iterable[tuple[str, Client]]:
        """Return each upstream's name and client, in the order of names."""
        return sorted(self._clients.items())

    def __iter__(self) -> Iterator[Client]:
        """Return the clients of all upstreams."""
        return iter(self._clients.values())

    def alias(self, name: str) -> str:
        """Return the name of upstream *name* that clients see."""
        client = self._clients.get(name)
        return client.alias if client else name

    def shared_circuits(self, policies: Mapping[str, UpstreamPolicy]) -> dict[tuple[str, str], CircuitBreaker]:
        """Return the breakers of which processes tell each other by *policies*, by upstream and group (CB-12)."""
        return {
            (name, group): circuit
            for name, client in self._clients.items()
            for group, circuit in client.pipelines.circuits.items()
            if policies[name].breaker_of(group).shared_hints
        }

    async def start(self) -> None:
        """Begin to ask hosts how they are, where policies say so; calls need not wait for it."""
        for client in self._clients.values():
            await client.start()

    async def close(self) -> None:
        """Close all connections to all upstreams."""
        for client in self._clients.values():
            await client.close()


def open_upstreams(
    policies: Mapping[str, UpstreamPolicy],
    operations: OperationsPolicy,
    *,
    open_transport: OpenTransport,
    clock: Clock,
    rng: Random,
    notify: Notify,
    caching: Caching | None = None,
    trace: Stage | None = None,
    aside: Notify = ignore,
) -> Upstreams:
    """Return clients for all upstreams that *policies* describe; no connection is made before the first call.

    Answers are kept by *caching*; in the process alone where none is given. *trace* goes around each attempt.
    *aside* is told, in place of *notify*, of calls that a fault is done to for one operation alone.
    """
    caching = caching or Caching(EntryCache(MemoryStore(clock), StorePolicy(), clock=clock))
    world = World(clock, rng, notify, caching, trace, aside)
    return Upstreams(
        {
            name: open_client(name, policy, operations, open_transport=open_transport, world=world)
            for name, policy in policies.items()
        }
    )


def open_client(
    name: str,
    policy: UpstreamPolicy,
    operations: OperationsPolicy,
    *,
    open_transport: OpenTransport,
    world: World,
    circuits: Mapping[str, CircuitBreaker] | None = None,
) -> Client:
    """Return the client of one upstream; *circuits* are the breakers of the client before, as for `assemble`."""
    clock, rng, notify = world.clock, world.rng, world.notify
    open_one = partial(open_transport, limits_of(policy))
    transport = open_one()
    credentials = source_of(
        name, policy.credentials, open_transport=open_transport, clock=clock, rng=rng, notify=notify
    )
    pipelines = assemble(
        name,
        policy,
        operations,
        transport,
        world,
        credentials=credentials,
        open_other=open_one,
        circuits=circuits,
    )
    return Client(name, policy, pipelines, transport, credentials, clock=clock, notify=notify, aside=world.aside)


def _inherited(names: tuple[str, ...], inbound: Mapping[str, str]) -> Inherited:
    """Return what calls take over of *inbound*, of whose header fields *names* travel on."""
    attempts = inbound.get("x-attempt-count")
    return Inherited(
        {name: inbound[name] for name in names if name in inbound},
        repeatable=attempts is None or not _is_repetition(attempts),
    )


def _is_repetition(attempts: str) -> bool:
    """Whether our caller sends for the second time at least, so that another repetition would multiply (RT-7)."""
    return attempts.isascii() and attempts.isdigit() and attempts.lstrip("0") not in {"", "1"}


def _certificate(policy: Credentials) -> tuple[str, str] | None:
    if policy.certificate is None or policy.key is None:
        return None
    return policy.certificate.removeprefix("file:"), policy.key.removeprefix("file:")


def limits_of(policy: UpstreamPolicy) -> Limits:
    """Return the transport's bounds that *policy* states."""
    times, pool, limits = policy.timeouts, policy.pool, policy.limits
    return Limits(
        dns_timeout=times.dns.total_seconds(),
        dns_refresh=pool.dns_refresh.total_seconds(),
        dns_stale=pool.dns_stale.total_seconds(),
        connect_timeout=times.connect.total_seconds(),
        write_idle=times.write_idle.total_seconds(),
        read_idle=times.read_idle.total_seconds(),
        pool_timeout=times.queue.total_seconds(),
        max_connections=pool.max_connections,
        keepalive_expiry=pool.keepalive_expiry.total_seconds(),
        max_connection_age=pool.max_age.total_seconds(),
        max_response_bytes=limits.max_response_bytes,
        max_header_bytes=limits.max_header_bytes,
        max_header_count=limits.max_header_count,
        ca_file=policy.ca.removeprefix("file:") if policy.ca else None,
        certificate=_certificate(policy.credentials),
    )
