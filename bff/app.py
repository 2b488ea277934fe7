"""The one place that constructs and connects things."""

import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from functools import partial
from hashlib import sha256
from pathlib import Path
from random import Random

import strawberry
from fastapi import FastAPI
from graphql import GraphQLSchema, print_schema

import bff.web
from bff.admission.admin import router as client_routes
from bff.admission.assemble import open_admission
from bff.admission.usage import Usage
from bff.auth.assemble import Authentication, open_auth
from bff.auth.session.assemble import LoginParts, open_login
from bff.auth.session.identify import Verify
from bff.clock import Clock, SystemClock
from bff.console.assemble import ConsoleParts
from bff.console.audit import Audit
from bff.console.live import InForce, Process
from bff.context import Principal
from bff.errors import ErrorDesk
from bff.events import Notify
from bff.execution.compiled import compiled_run_of
from bff.execution.cost.weights import weights_in
from bff.execution.engine import Engine, no_span
from bff.execution.kept import KeptAnswers
from bff.execution.strawberry_schema import graphql_schema_of, run_of
from bff.execution.trusted.assemble import Trust
from bff.explain import Explainer
from bff.policy.auth import AuthPolicy
from bff.policy.caching import StorePolicy
from bff.policy.load import PolicySet, load
from bff.policy.model import OperationsPolicy
from bff.secrets import Secret, SecretMissing
from bff.server.admin_cache import router as cache_routes
from bff.server.colleagues import Colleagues
from bff.server.explain import Explaining
from bff.server.framework import admin_app, instrumented
from bff.server.graphiql import GraphiQL, read_tabs
from bff.server.health import Check, Health
from bff.server.http import GraphQLEndpoint
from bff.server.lifecycle import Lifecycle
from bff.server.ports import Arrival, ASGIApp, Receive, Scope, Send
from bff.server.run import Service
from bff.server.shedding import Door, Shedding
from bff.settings import Settings, SettingsError, load_schema
from bff.store import Store
from bff.store.address import Address
from bff.store.memory import MemoryStore
from bff.store.redis_store import RedisStore
from bff.telemetry.compose import Telemetry
from bff.telemetry.fanout import fan_out
from bff.telemetry.labels import names_in
from bff.telemetry.spans import current_trace, spans_of
from bff.telemetry.tracing import open_tracing
from bff.upstream.assemble import Caching
from bff.upstream.cache.keys import FORMAT
from bff.upstream.cache.seal import Seal
from bff.upstream.cache.tiers import EntryCache
from bff.upstream.client import open_upstreams
from bff.upstream.hints import Hints
from bff.upstream.transport import Limits, Transport
from bff.upstream.transport.engines import open_transport

GRAPHQL = "/graphql"
ASSETS = Path(bff.web.__file__).parent / "dist"
_UNATTENDED_LIMIT = 5.0
_SESSIONS = 400_000
"""Entries in the store of sessions: four for each session, where it lies in the process."""


def build(settings: Settings) -> Service:  # noqa: PLR0915 - a list of what there is, in the order of its needs
    """Return what one process serves.

    Raises:
        SettingsError: The schema cannot be found.
        PolicyError: The policies are not valid; nothing was opened.
    """
    schema = load_schema(settings.schema_name)
    policies = policies_of(settings)
    operations = operations_of(policies, development=settings.development)
    clock, rng = SystemClock(), Random()  # noqa: S311 - spreads load and names requests, guards nothing
    new_id = new_ids(rng)
    usage, audit = Usage(), Audit(wall=clock.wall)
    tracing = open_tracing(os.environ)
    spans = spans_of(tracing)
    telemetry = Telemetry(
        policies,
        operations,
        clock=clock,
        stream=sys.stderr,
        verbose=settings.verbose,
        names=names_in(settings.operations) if settings.operations else (),
        listeners=(usage, audit, *(spans.listeners if spans else ())),
        exemplar=current_trace if spans else None,
    )
    notify, colleagues = telemetry.notify, Colleagues()
    witness = telemetry.witness(development=settings.development)

    def transport(limits: Limits) -> Transport:
        return open_transport(limits, clock=clock, rng=rng)

    store = (
        shared_store(settings, policies.store, clock=clock, notify=notify)
        if settings.redis_url
        else MemoryStore(clock)
    )
    hints = Hints(store, clock=clock)
    notify = fan_out(notify, hints.notify) if store.shared else notify
    entries = EntryCache(store, policies.store, clock=clock, seal=seal_of(policies.store, clock=clock))
    upstreams = open_upstreams(
        policies.upstreams,
        operations,
        open_transport=transport,
        clock=clock,
        rng=rng,
        notify=notify,
        caching=Caching(entries, version_of(schema), policies.store.lease_max.total_seconds()),
        trace=spans.attempts if spans else None,
    )
    share = partial(shared_store, settings, policies.store, clock=clock, notify=notify)
    login = login_of(
        policies.auth,
        settings,
        share,
        judge=lambda token, arrival: judged(auth, token, arrival),
        clock=clock,
        notify=notify,
    )
    auth = open_auth(
        policies.auth,
        open_transport=transport,
        clock=clock,
        rng=rng,
        notify=notify,
        open_store=partial(share, use="auth") if settings.redis_url else None,
        session=login.sessions if login is not None else None,
        document=policies.documents.get("auth"),
    )
    upstreams.hint_with(hints, policies.upstreams)
    desk = ErrorDesk(notify, new_id=new_id, alias=upstreams.alias, max_errors=operations.limits.max_errors)
    counters = counter_store(settings, policies, clock=clock, notify=notify)
    gate = open_admission(
        policies, store=counters, workers=settings.workers, clock=clock, rng=rng, notify=notify, usage=usage
    )
    trust = Trust(operations.documents, policies_directory(settings), store=store, clock=clock, notify=notify)
    telemetry.metrics.know(trust.registry.names())
    hide, registered = operations.introspection == "deny", trust.prepared
    run = (
        compiled_run_of(schema, hide_suggestions=hide, registered=registered)
        if settings.executor == "compiled"
        else run_of(schema, hide_suggestions=hide)
    )
    kept = KeptAnswers(operations.sharing.answers, clock=clock, unchecked_for=entries.unchecked_for)
    entries.follow(kept.forget)
    engine = Engine(
        schema,
        upstreams,
        operations,
        desk=desk,
        clock=clock,
        notify=notify,
        span=spans.operation if spans else no_span,
        observe=gate.observe(graphql_schema_of(schema)),
        run=run,
        source=trust.source,
        weight_of=weights_in(policies.upstreams),
        registered=registered,
        witness=witness,
        kept=kept,
    )
    preparation = trust.preparation(engine.documents, run)
    lifecycle = Lifecycle(clock)
    console = ConsoleParts(
        Process(
            telemetry.metrics, telemetry.errors, usage, lifecycle, entries, store, clock, settings.development
        ),
        lambda: InForce(policies, upstreams, auth.authenticator if auth else None, engine.documents, preparation),
        audit,
        assets=ASSETS,
        colleagues=colleagues,
        notify=notify,
    )
    checks: dict[str, Check] = {"documents": preparation.check}
    if auth is not None:
        checks["issuers"] = auth.health
    header = operations.trace.header if witness else None
    page = graphiql_of(settings, operations, trace_header=header, login=login is not None)
    endpoint = GraphQLEndpoint(
        engine,
        operations,
        clock=clock,
        lifecycle=lifecycle,
        new_request_id=new_id,
        graphiql=explaining(page, schema, policies, engine),
        path=GRAPHQL,
        authenticator=auth.authenticator if auth is not None else None,
        hosts=gate.hosts,
        door=Door(Shedding(operations, rng), lifecycle.lag, notify, client_class=gate.client_class),
        admission=gate.admission,
        notify=notify,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        store.start()
        if auth is not None:
            await auth.start()
        await upstreams.start()
        preparation.start()
        console.start()
        yield
        await console.close()
        await preparation.close()
        await engine.close(_UNATTENDED_LIMIT)
        await upstreams.close()
        if auth is not None:
            await auth.close()
        if login is not None:
            await login.close()
        await hints.close()
        await entries.close()
        await store.close()
        await gate.close()
        if counters is not None:
            await counters.close()
        if tracing is not None:
            tracing.shutdown()

    front = spans.around(endpoint, GRAPHQL) if spans else endpoint
    routes = [login.routes] if login is not None else []
    return Service(
        app=gate.around(Front(front, instrumented(tracing, *routes, lifespan=lifespan)), path=GRAPHQL),
        admin=console.around(
            admin_app(
                Health(lifecycle, clock=clock, checks=checks),
                tracing,
                cache_routes(entries, store, colleagues),
                client_routes(usage),
                *telemetry.routes(colleagues),
                *console.routes,
            )
        ),
        lifecycle=lifecycle,
        notify=notify,
        colleagues=colleagues,
    )


class Front:
    """The public app: the GraphQL route goes straight to its endpoint, everything else through FastAPI."""

    def __init__(self, endpoint: ASGIApp, rest: ASGIApp) -> None:
        self._endpoint = endpoint
        self._rest = rest

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or pass on the lifespan."""
        if scope["type"] == "lifespan" or scope["path"].startswith("/auth/"):
            await self._rest(scope, receive, send)
        else:
            await self._endpoint(scope, receive, send)


def policies_of(settings: Settings) -> PolicySet:
    """Return the policies that *settings* name; all defaults where they name none and there is no `policies`.

    Raises:
        PolicyError: They are not valid.
    """
    directory = policies_directory(settings)
    return load(directory) if directory else PolicySet()


def policies_directory(settings: Settings) -> Path | None:
    """Return the folder of policies, None where *settings* name none and there is no `policies`."""
    directory = settings.policies or Path("policies")
    return directory if settings.policies or directory.is_dir() else None


def operations_of(policies: PolicySet, *, development: bool) -> OperationsPolicy:
    """Return the operations policy in force; development opens schema and GraphiQL, and ends without delay."""
    operations = policies.operations
    if not development:
        return operations
    drain = operations.drain.model_copy(update={"delay": timedelta(0)})
    return operations.model_copy(update={"introspection": "allow", "graphiql": "allow", "drain": drain})


def login_of(
    policy: AuthPolicy | None,
    settings: Settings,
    share: Callable[..., Store],
    *,
    judge: Verify,
    clock: Clock,
    notify: Notify,
) -> LoginParts | None:
    """Return the login of people that *policy* describes, None where it describes none.

    *share* opens a store that replicas share, *judge* says whom an access token stands for.
    """
    if policy is None or policy.login.issuer is None:
        return None
    return open_login(
        policy.login,
        store=share(use="sessions") if settings.redis_url else MemoryStore(clock, max_entries=_SESSIONS),
        verify=judge,
        development=settings.development,
        workers=settings.workers,
        ca=policy.ca,
        clock=clock,
        notify=notify,
    )


def judged(auth: Authentication | None, token: str, arrival: Arrival) -> Principal | Awaitable[Principal]:
    """Return whom the access token of a session stands for, as if it had come in a header."""
    assert auth is not None, "a policy with a login has an authenticator"
    return auth.authenticator.identify_token("Bearer", token, arrival)


def graphiql_of(
    settings: Settings, operations: OperationsPolicy, *, trace_header: str | None = None, login: bool = False
) -> GraphiQL | None:
    """Return the page for browsers, None when policy closes it."""
    if operations.graphiql == "deny":
        return None
    tabs = read_tabs(settings.operations) if settings.operations else []
    return GraphiQL(
        operations=tabs, headers=settings.graphiql_headers, assets=ASSETS, trace_header=trace_header, login=login
    )


def explaining(
    page: GraphiQL | None, schema: strawberry.Schema | GraphQLSchema, policies: PolicySet, engine: Engine
) -> ASGIApp | None:
    """Return *page* with the endpoint beside it that explains operations, None where policy closes both."""
    if page is None:
        return None
    explainer = Explainer(graphql_schema_of(schema), policies)
    return Explaining(page, engine.documents, explainer, limit=policies.operations.limits.body)


def shared_store(
    settings: Settings, policy: StorePolicy, *, use: str = "cache", clock: Clock, notify: Notify
) -> RedisStore:
    """Return the store in the Redis that *settings* name, for one *use*; nothing is connected yet."""
    assert settings.redis_url is not None
    return RedisStore(
        Address.parse(settings.redis_url.get_secret_value()),
        policy,
        prefix=f"bff:{policy.namespace}:{FORMAT}:{use}:",
        use=use,
        clock=clock,
        notify=notify,
    )


def counter_store(settings: Settings, policies: PolicySet, *, clock: Clock, notify: Notify) -> RedisStore | None:
    """Return the store for counting alone, with bounds of its own (RL-19); None where each process counts."""
    if settings.redis_url is None or policies.client_defaults is None:
        return None
    return RedisStore(
        Address.parse(settings.redis_url.get_secret_value()),
        policies.store.for_limits(),
        prefix=f"bff:{policies.store.namespace}:",
        use="ratelimit",
        clock=clock,
        notify=notify,
    )


def seal_of(policy: StorePolicy, *, clock: Clock) -> Seal | None:
    """Return what encrypts entries by *policy*, None where it names no key.

    Raises:
        SettingsError: The key cannot be read.
    """
    if policy.encryption_key is None:
        return None
    try:
        return Seal(Secret(policy.encryption_key, now=clock.now))
    except SecretMissing as error:
        raise SettingsError(f"policies/store.yaml: encryption_key: {error}") from error


def version_of(schema: strawberry.Schema | GraphQLSchema) -> str:
    """Return what names the types that an application reads answers into (CA-3)."""
    text = schema.as_str() if isinstance(schema, strawberry.Schema) else print_schema(schema)
    return sha256(text.encode()).hexdigest()[:16]


def new_ids(rng: Random) -> Callable[[], str]:
    """Return a function that makes ids which no other request or error has: 128 random bits in hexadecimal."""
    return lambda: f"{rng.getrandbits(128):032x}"
