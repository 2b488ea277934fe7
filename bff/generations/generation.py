"""One set of policies in force, with everything that was made of it."""

import asyncio
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

from bff.admission.assemble import Gate, open_admission
from bff.errors import ErrorDesk
from bff.execution.compiled import compiled_run_of
from bff.execution.cost.weights import weights_in
from bff.execution.documents import Documents
from bff.execution.engine import Engine, Observe, documents_of, no_span
from bff.execution.interpreter import Run
from bff.execution.kept import KeptAnswers
from bff.execution.strawberry_schema import run_of
from bff.execution.trusted.assemble import Trust
from bff.execution.trusted.prepare import Preparation
from bff.execution.trusted.source import near_of
from bff.explain import Explainer
from bff.generations.callers import Callers, callers_of
from bff.generations.files import Configuration, contents_of, operations_of
from bff.generations.parts import Parts
from bff.generations.process import GRAPHQL, Process
from bff.generations.stores import counter_store
from bff.policy.load import PolicySet
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.server.explain import Explaining
from bff.server.graphiql import GraphiQL
from bff.server.health import Check
from bff.server.http import GraphQLEndpoint
from bff.server.ports import ASGIApp, Direct
from bff.server.shedding import Door, Shedding
from bff.upstream.client import Client, Upstreams, open_client

if TYPE_CHECKING:
    from bff.store.redis_store import RedisStore

_UNATTENDED_LIMIT = 5.0


@dataclass(frozen=True, slots=True, eq=False)
class _Insides:
    """What one generation consists of."""

    upstreams: Upstreams
    clients: Mapping[str, Client]
    callers: Callers
    engine: Engine
    preparation: Preparation
    kept: KeptAnswers
    names: Collection[str]


class Generation:
    """One set of policies in force; requests that began under it end under it.

    Attributes:
        number: Counts from 1 in each process.
        configuration: What the files said.
        operations: The policy of operations in force.
        endpoint: Answers what does not begin with `/auth/`.
        direct: The same for requests that came before; None where something lies around it that has to see them.
        auth: Answers what does.
        checks: What has to be well.
        since: When it came into force, in seconds since the epoch.
        running: Requests under way.
    """

    def __init__(
        self,
        process: Process,
        number: int,
        configuration: Configuration,
        parts: Parts,
        insides: _Insides,
        *,
        operations: OperationsPolicy,
        endpoint: ASGIApp,
        auth: ASGIApp,
        checks: Mapping[str, Check],
    ) -> None:
        self._process = process
        self._parts = parts
        self._insides = insides
        self.number = number
        self.since = process.clock.wall()
        self.configuration = configuration
        self.operations = operations
        self.endpoint = endpoint
        self.direct = endpoint if isinstance(endpoint, Direct) else None
        self.auth = auth
        self.checks = checks
        self.running = 0
        self._idle: asyncio.Event | None = None
        self._unfollow: Callable[[], None] | None = None

    @property
    def policies(self) -> PolicySet:
        """All policies in force."""
        return self.configuration.policies

    @property
    def parts(self) -> Parts:
        """What it is made of, for the next generation."""
        return self._parts

    @property
    def upstreams(self) -> Upstreams:
        """How services are called."""
        return self._insides.upstreams

    @property
    def callers(self) -> Callers:
        """Who is known."""
        return self._insides.callers

    @property
    def documents(self) -> Documents:
        """Documents that are ready."""
        return self._insides.engine.documents

    @property
    def preparation(self) -> Preparation:
        """How far registered documents are."""
        return self._insides.preparation

    async def start(self) -> None:
        """Begin what runs in the background, as far as no generation before has begun it."""
        taken_over, insides = self._parts.taken_over, self._insides
        auth, known = insides.callers.auth, self._parts.before("callers")
        self._parts.hold()
        self._unfollow = self._process.entries.follow(insides.kept.forget)
        if auth is not None and "callers" not in taken_over:
            if known is not None and known.auth is not None:
                auth.inherit(known.auth)
            await auth.start()
        for name, client in insides.clients.items():
            if f"upstream {name}" not in taken_over:
                await client.start()
        if "preparation" not in taken_over:
            insides.preparation.start()

    def take_over(self) -> None:
        """Be the one in force from now on: breakers, metrics and hints go by these policies."""
        self.since = self._process.clock.wall()
        process, insides, now = self._process, self._insides, self._process.clock.now()
        for name, client in insides.clients.items():
            if f"upstream {name}" not in self._parts.taken_over:
                client.pipelines.take_over(now)
        process.laboratory.obey(self.operations.fault_injection, self.policies.upstreams)
        process.hints.watch(insides.upstreams.shared_circuits(self.policies.upstreams))
        process.telemetry.metrics.follow(self.policies.upstreams, self.operations)
        process.telemetry.metrics.know(insides.names)

    def left(self) -> None:
        """Note that a request has ended."""
        self.running -= 1
        if self._idle is not None and not self.running:
            self._idle.set()

    async def idle(self) -> None:
        """Return when no request is under way; none may begin any more."""
        self._idle = asyncio.Event()
        if self.running:
            await self._idle.wait()

    async def close(self) -> None:
        """End it, and what no other generation uses."""
        if self._unfollow is not None:
            self._unfollow()
        await self._insides.engine.close(_UNATTENDED_LIMIT)
        await self._parts.release()


def open_generation(
    process: Process, configuration: Configuration, *, number: int = 1, parts: Parts | None = None
) -> Generation:
    """Return a generation that is ready to start, with *parts* that know those of the one before.

    Nothing is connected, and nothing that is in force changes. This takes some 50 ms of processor time the first
    time, a few where little has changed; it may run in a thread.

    Raises:
        PolicyError: A secret, a file or a key that a policy names cannot be used.
    """
    parts = parts or Parts()
    policies = configuration.policies
    settings, clock, notify = process.settings, process.clock, process.notify
    operations = operations_of(policies, development=settings.development)
    clients = {name: _client(process, name, one, operations, parts) for name, one in policies.upstreams.items()}
    upstreams = Upstreams(clients)
    callers = callers_of(process, policies, parts)
    gate, observe = _gate(process, policies, parts)
    trust, documents, run = _documents(process, configuration, operations, parts)
    preparation = parts.get(
        "preparation",
        (configuration.registry, trust.prepared, documents, run),
        lambda: trust.preparation(documents, run),
        Preparation.close,
    )
    registry = configuration.registry
    names = parts.get("names of documents", registry, registry.names)
    witness = process.telemetry.witness(policies, operations, development=settings.development)
    kept = KeptAnswers(operations.sharing.answers, clock=clock, unchecked_for=process.entries.unchecked_for)
    engine = Engine(
        process.schema,
        upstreams,
        operations,
        desk=ErrorDesk(
            notify, new_id=process.new_id, alias=upstreams.alias, max_errors=operations.limits.max_errors
        ),
        clock=clock,
        notify=notify,
        span=process.spans.operation if process.spans else no_span,
        observe=observe,
        run=run,
        source=trust.source,
        documents=documents,
        witness=witness,
        experiments=process.laboratory.experiments,
        kept=kept,
        own_context=process.own_context,
    )
    auth = callers.auth
    door = Door(Shedding(operations, process.rng), process.lifecycle.lag, notify, client_class=gate.client_class)
    endpoint = GraphQLEndpoint(
        engine,
        operations,
        clock=clock,
        lifecycle=process.lifecycle,
        new_request_id=process.new_id,
        graphiql=_page(process, policies, operations, documents, trace=witness is not None, callers=callers),
        path=GRAPHQL,
        authenticator=auth.authenticator if auth is not None else None,
        hosts=gate.hosts,
        door=door,
        admission=gate.admission,
        notify=notify,
        faults=process.laboratory.header(operations.fault_injection),
    )
    checks: dict[str, Check] = {"documents": preparation.check}
    if auth is not None:
        checks["issuers"] = auth.health
    front = process.spans.around(endpoint, GRAPHQL) if process.spans else endpoint
    login = callers.login
    return Generation(
        process,
        number,
        configuration,
        parts,
        _Insides(upstreams, clients, callers, engine, preparation, kept, names),
        operations=operations,
        endpoint=gate.around(front, path=GRAPHQL),
        auth=gate.around(login.app if login is not None else process.nobody, path=GRAPHQL),
        checks=checks,
    )


def _client(
    process: Process, name: str, policy: UpstreamPolicy, operations: OperationsPolicy, parts: Parts
) -> Client:
    """Return the client of one upstream: as it is where nothing has changed for it, else with its breakers."""
    part = f"upstream {name}"
    before: Client | None = parts.before(part)
    inputs = (
        policy,
        contents_of([policy.ca, policy.credentials.ca]),
        operations.min_attempt_time,
        operations.deadline_reserve,
        operations.max_concurrent_attempts,
        operations.max_attempts_total,
    )
    make = partial(
        open_client,
        name,
        policy,
        operations,
        open_transport=process.transport,
        world=process.world,
        circuits=before.pipelines.circuits if before is not None else None,
    )
    return parts.get(part, inputs, make, Client.close)


def _gate(process: Process, policies: PolicySet, parts: Parts) -> tuple[Gate, Observe | None]:
    """Return what stands before the engine, and what looks at operations for it."""
    settings, clock, notify = process.settings, process.clock, process.notify
    store: RedisStore | None = None
    if settings.redis_url is not None and policies.client_defaults is not None:
        make = partial(counter_store, settings, policies.store, clock=clock, notify=notify)
        store = parts.get("counters", (), make, lambda opened: opened.close())

    def opened() -> tuple[Gate, Observe | None]:
        gate = open_admission(
            policies,
            store=store,
            workers=settings.workers,
            clock=clock,
            rng=process.rng,
            notify=notify,
            usage=process.usage,
            counts=process.counts,
        )
        return gate, gate.observe(process.executable)

    inputs = (policies.client_defaults, dict(policies.clients), policies.network, policies.operations.deadline_max)
    return parts.get("gate", inputs, opened, _close_gate)


async def _close_gate(gate: tuple[Gate, Any]) -> None:
    await gate[0].close()


def _documents(
    process: Process, configuration: Configuration, operations: OperationsPolicy, parts: Parts
) -> tuple[Trust, Documents, Run]:
    """Return what knows documents; they stay ready and compiled as long as they would come out the same."""
    policy, clock, notify = operations.documents, process.clock, process.notify
    upstreams = configuration.policies.upstreams
    near = parts.get("told documents", policy.apq.max_documents, lambda: near_of(policy, clock))
    trust = Trust(policy, configuration.registry, store=process.store, clock=clock, notify=notify, near=near)
    make = partial(
        documents_of,
        process.schema,
        operations,
        clock=clock,
        notify=notify,
        weight_of=weights_in(upstreams),
        registered=trust.prepared,
    )
    inputs = (
        operations.limits,
        operations.introspection,
        operations.document_cache,
        operations.cost,
        trust.prepared,
        {name: _call_costs(one) for name, one in upstreams.items()},
    )
    documents = parts.get("documents", inputs, make, _close_documents)
    hide = operations.introspection == "deny"
    compiled = process.settings.executor == "compiled"

    def runs() -> Run:
        if compiled:
            return compiled_run_of(process.schema, hide_suggestions=hide, registered=trust.prepared)
        return run_of(process.schema, hide_suggestions=hide)

    return trust, documents, parts.get("run", (hide, trust.prepared), runs)


def _call_costs(policy: UpstreamPolicy) -> dict[str | None, object]:
    named = {name for group in policy.groups.values() for name in group.endpoints} | set(policy.endpoints)
    return {name: policy.chain(name).cost for name in (None, *named)}


async def _close_documents(documents: Documents) -> None:
    await asyncio.to_thread(documents.close)


def _page(
    process: Process,
    policies: PolicySet,
    operations: OperationsPolicy,
    documents: Documents,
    *,
    trace: bool,
    callers: Callers,
) -> ASGIApp | None:
    """Return GraphiQL with the endpoint beside it that explains operations, None where policy closes both."""
    if operations.graphiql == "deny":
        return None
    page = GraphiQL(
        operations=process.tabs(),
        headers=process.settings.graphiql_headers,
        assets=process.assets,
        trace_header=operations.trace.header if trace else None,
        login=callers.login is not None,
        faults=process.laboratory.page(operations.fault_injection, policies.upstreams),
    )
    return Explaining(page, documents, Explainer(process.executable, policies), limit=operations.limits.body)
