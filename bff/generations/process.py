"""What lives as long as the process, whatever becomes of policies."""

import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from functools import partial
from hashlib import sha256
from inspect import signature
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import strawberry
from fastapi import FastAPI
from graphql import GraphQLSchema, print_schema
from opentelemetry.sdk.trace import TracerProvider

import bff.web
from bff.admission.assemble import LocalCounts
from bff.admission.usage import Usage
from bff.auth.replays import LocalReplays
from bff.clock import SystemClock
from bff.console.audit import Audit
from bff.events import BreakerChanged
from bff.execution.own_context import own_context_of
from bff.execution.strawberry_schema import graphql_schema_of
from bff.experiments.assemble import Laboratory
from bff.generations.files import operations_of
from bff.generations.stores import seal_of, shared_store
from bff.policy.load import PolicySet
from bff.server.colleagues import Colleagues
from bff.server.framework import instrumented
from bff.server.graphiql import Tab, read_tabs
from bff.server.lifecycle import Lifecycle
from bff.settings import Settings, load_function, load_schema
from bff.store import Store
from bff.store.memory import MemoryStore
from bff.telemetry.compose import Telemetry
from bff.telemetry.fanout import Only
from bff.telemetry.labels import names_in
from bff.telemetry.spans import current_trace, spans_of
from bff.upstream.assemble import Caching, World
from bff.upstream.cache.tiers import EntryCache
from bff.upstream.hints import Hints
from bff.upstream.transport import Limits, Transport
from bff.upstream.transport.engines import open_transport

if TYPE_CHECKING:
    from bff.store.redis_store import RedisStore

GRAPHQL = "/graphql"


class Process:
    """Clock, stores, telemetry and counters of one process, and the schema that it serves.

    Args:
        settings: Those of the process.
        policies: In force at the start; the stores and the buckets of histograms go by them for good.
        tracing: Where spans go, None for nowhere.

    Raises:
        SettingsError: The schema cannot be found, or a secret cannot be read.
    """

    def __init__(self, settings: Settings, policies: PolicySet, tracing: TracerProvider | None) -> None:
        self.settings = settings
        self.schema = load_schema(settings.schema_name)
        self.executable = graphql_schema_of(self.schema)
        context = load_function("context", settings.context)
        self.own_context = own_context_of(context) if context is not None else None
        self._lifespan = load_function("lifespan", settings.lifespan)
        self.clock, self.rng = SystemClock(), Random()  # noqa: S311 - spreads load and names requests, guards nothing
        self.new_id = new_ids(self.rng)
        self.usage, self.audit = Usage(), Audit(wall=self.clock.wall)
        self.tracing = tracing
        self.spans = spans_of(tracing)
        self.telemetry = Telemetry(
            policies,
            operations_of(policies, development=settings.development),
            clock=self.clock,
            stream=sys.stderr,
            verbose=settings.verbose,
            readable=settings.log_format == "text",
            names=names_in(settings.operations) if settings.operations else (),
            listeners=(self.usage, self.audit, *(self.spans.listeners if self.spans else ())),
            exemplar=current_trace if self.spans else None,
        )
        self.notify = self.telemetry.notify
        self.colleagues = Colleagues()
        self.lifecycle = Lifecycle(self.clock)
        self.store = self._store(policies)
        self.hints = Hints(self.store, clock=self.clock)
        if self.store.shared:
            self.telemetry.add(Only({BreakerChanged}, self.hints.notify))
        seal = seal_of(policies.store, clock=self.clock)
        self.entries = EntryCache(self.store, policies.store, clock=self.clock, seal=seal)
        caching = Caching(self.entries, version_of(self.schema), policies.store.lease_max.total_seconds())
        trace = self.spans.attempts if self.spans else None
        self.world = World(self.clock, self.rng, self.notify, caching, trace, aside=self.telemetry.journals)
        self.laboratory = Laboratory(
            policies.operations.fault_injection,
            policies.upstreams,
            self.colleagues,
            development=settings.development,
            clock=self.clock,
            rng=self.rng,
            new_id=self.new_id,
            notify=self.notify,
        )
        self.counts = LocalCounts(self.clock)
        self.replays = LocalReplays(self.clock)
        self.nobody = instrumented(tracing)
        """Answers `/auth/*` where nobody can log in."""
        self.open_shared: Callable[..., RedisStore] = partial(
            shared_store, settings, policies.store, clock=self.clock, notify=self.notify
        )

    def _store(self, policies: PolicySet) -> Store:
        if self.settings.redis_url is None:
            return MemoryStore(self.clock)
        return shared_store(self.settings, policies.store, clock=self.clock, notify=self.notify)

    def transport(self, limits: Limits) -> Transport:
        """Return a transport within *limits*."""
        return open_transport(limits, clock=self.clock, rng=self.rng)

    def tabs(self) -> list[Tab]:
        """Return the operations that GraphiQL opens with."""
        return read_tabs(self.settings.operations) if self.settings.operations else []

    @property
    def assets(self) -> Path:
        """Where GraphiQL was built."""
        return Path(bff.web.__file__).parent / "dist"

    def lifespan(self, app: FastAPI) -> AbstractAsyncContextManager[Any]:
        """Return what keeps open what the application's own code needs."""
        if self._lifespan is None:
            return nullcontext()
        needed = any(one.default is one.empty for one in signature(self._lifespan).parameters.values())
        made: AbstractAsyncContextManager[Any] = self._lifespan(app) if needed else self._lifespan()
        return made

    async def close(self) -> None:
        """End experiments, close the stores and send the last spans."""
        await self.laboratory.close()
        await self.hints.close()
        await self.entries.close()
        await self.store.close()
        if self.tracing is not None:
            self.tracing.shutdown()


def version_of(schema: strawberry.Schema | GraphQLSchema) -> str:
    """Return what names the types that an application reads answers into (CA-3)."""
    text = schema.as_str() if isinstance(schema, strawberry.Schema) else print_schema(schema)
    return sha256(text.encode()).hexdigest()[:16]


def new_ids(rng: Random) -> Callable[[], str]:
    """Return a function that makes ids which no other request or error has: 128 random bits in hexadecimal."""
    return lambda: f"{rng.getrandbits(128):032x}"
