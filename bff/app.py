"""The one place that constructs and connects things."""

import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from hashlib import sha256
from pathlib import Path
from random import Random

import strawberry
from fastapi import FastAPI
from graphql import GraphQLSchema, print_schema

import bff.web
from bff.clock import Clock, SystemClock
from bff.errors import ErrorDesk
from bff.events import Notify
from bff.execution.compiled import compiled_run_of
from bff.execution.engine import Engine, no_span
from bff.execution.strawberry_schema import run_of
from bff.policy.caching import StorePolicy
from bff.policy.load import PolicySet, load
from bff.policy.model import OperationsPolicy
from bff.server.admin_cache import router as cache_routes
from bff.server.colleagues import Colleagues
from bff.server.framework import admin_app, instrumented
from bff.server.graphiql import GraphiQL, read_tabs
from bff.server.health import Health
from bff.server.http import GraphQLEndpoint
from bff.server.lifecycle import Lifecycle
from bff.server.ports import ASGIApp, Receive, Scope, Send
from bff.server.run import Service
from bff.server.shedding import Door, Shedding
from bff.settings import Settings, load_schema
from bff.store.address import Address
from bff.store.memory import MemoryStore
from bff.store.redis_store import RedisStore
from bff.telemetry.compose import Telemetry
from bff.telemetry.labels import names_in
from bff.telemetry.spans import current_trace, spans_of
from bff.telemetry.tracing import open_tracing
from bff.upstream.assemble import Caching
from bff.upstream.cache.keys import FORMAT
from bff.upstream.cache.tiers import EntryCache
from bff.upstream.client import open_upstreams
from bff.upstream.transport import Limits, Transport
from bff.upstream.transport.engines import open_transport

GRAPHQL = "/graphql"
_UNATTENDED_LIMIT = 5.0


def build(settings: Settings) -> Service:
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
    tracing = open_tracing(os.environ)
    spans = spans_of(tracing)
    telemetry = Telemetry(
        policies,
        operations,
        clock=clock,
        stream=sys.stderr,
        verbose=settings.verbose,
        names=names_in(settings.operations) if settings.operations else (),
        listeners=spans.listeners if spans else (),
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
    entries = EntryCache(store, policies.store, clock=clock)
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
    desk = ErrorDesk(notify, new_id=new_id, alias=upstreams.alias, max_errors=operations.limits.max_errors)
    runs = {"compiled": compiled_run_of, "interpreted": run_of}[settings.executor]
    engine = Engine(
        schema,
        upstreams,
        operations,
        desk=desk,
        clock=clock,
        notify=notify,
        span=spans.operation if spans else no_span,
        run=runs(schema, hide_suggestions=operations.introspection == "deny"),
        witness=witness,
    )
    lifecycle = Lifecycle(clock)
    endpoint = GraphQLEndpoint(
        engine,
        operations,
        clock=clock,
        lifecycle=lifecycle,
        new_request_id=new_id,
        graphiql=graphiql_of(settings, operations, trace_header=operations.trace.header if witness else None),
        path=GRAPHQL,
        door=Door(Shedding(operations, rng), lifecycle.lag, notify),
        notify=notify,
    )

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        store.start()
        await upstreams.start()
        yield
        await engine.close(_UNATTENDED_LIMIT)
        await upstreams.close()
        await entries.close()
        await store.close()
        if tracing is not None:
            tracing.shutdown()

    return Service(
        app=Front(
            spans.around(endpoint, GRAPHQL) if spans else endpoint, instrumented(tracing, lifespan=lifespan)
        ),
        admin=admin_app(
            Health(lifecycle, clock=clock), tracing, cache_routes(entries, store), *telemetry.routes(colleagues)
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
    directory = settings.policies or Path("policies")
    return load(directory) if settings.policies or directory.is_dir() else PolicySet()


def operations_of(policies: PolicySet, *, development: bool) -> OperationsPolicy:
    """Return the operations policy in force; development opens schema and GraphiQL, and ends without delay."""
    operations = policies.operations
    if not development:
        return operations
    drain = operations.drain.model_copy(update={"delay": timedelta(0)})
    return operations.model_copy(update={"introspection": "allow", "graphiql": "allow", "drain": drain})


def graphiql_of(settings: Settings, operations: OperationsPolicy, *, trace_header: str | None) -> GraphiQL | None:
    """Return the page for browsers, None when policy closes it."""
    if operations.graphiql == "deny":
        return None
    tabs = read_tabs(settings.operations) if settings.operations else []
    assets = Path(bff.web.__file__).parent / "dist"
    return GraphiQL(operations=tabs, headers=settings.graphiql_headers, assets=assets, trace_header=trace_header)


def shared_store(settings: Settings, policy: StorePolicy, *, clock: Clock, notify: Notify) -> RedisStore:
    """Return the store in the Redis that *settings* name, for the cache; nothing is connected yet."""
    assert settings.redis_url is not None
    return RedisStore(
        Address.parse(settings.redis_url.get_secret_value()),
        policy,
        prefix=f"bff:{policy.namespace}:{FORMAT}:cache:",
        use="cache",
        clock=clock,
        notify=notify,
    )


def version_of(schema: strawberry.Schema | GraphQLSchema) -> str:
    """Return what names the types that an application reads answers into (CA-3)."""
    text = schema.as_str() if isinstance(schema, strawberry.Schema) else print_schema(schema)
    return sha256(text.encode()).hexdigest()[:16]


def new_ids(rng: Random) -> Callable[[], str]:
    """Return a function that makes ids which no other request or error has: 128 random bits in hexadecimal."""
    return lambda: f"{rng.getrandbits(128):032x}"
