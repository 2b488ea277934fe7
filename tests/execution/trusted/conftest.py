"""Documents that are registered, and an engine that knows them."""

import pytest
from graphql import build_schema

from bff.execution.trusted.manifest import Manifest, Registered
from bff.execution.trusted.registry import Registry, hash_of
from bff.execution.trusted.source import TrustedSource
from bff.store import StoreUnavailable
from bff.store.memory import MemoryStore
from bff.testing import VirtualClock

SDL = "type Query { name: String  other: String } type Mutation { change: String }"
HOME = "query Home { name }"
OTHER = "{ other }"


@pytest.fixture
def home():
    """Return the text of a registered document."""
    return HOME


@pytest.fixture
def other():
    """Return the text of a document that nobody has registered."""
    return OTHER


@pytest.fixture
def registry():
    """Return a registry with one document, under the id `home-1`."""
    return Registry([Manifest("web.json", (Registered("home-1", HOME, "Home", "query"),), "web")])


class Broken(MemoryStore):
    """A shared store that is away."""

    shared = True
    away = True

    async def get(self, keys):
        self._away()
        return await super().get(keys)

    async def set(self, values, ttl):
        self._away()
        await super().set(values, ttl)

    def _away(self):
        if self.away:
            raise StoreUnavailable("away")


@pytest.fixture
def shared():
    """Return a store that other processes share, on a clock of its own; `away` says whether it answers."""
    store = Broken(VirtualClock())
    store.away = False
    return store


@pytest.fixture
def trusting(world, registry):
    """Return a function that makes an engine under `documents:` of a policy."""

    def make(store=None, **documents):
        def source(it):
            return TrustedSource(
                it.policy.documents, registry, shared=store, clock=it.clock, notify=it.events.append
            )

        return world(build_schema(SDL), source=source, documents=documents)

    return make


@pytest.fixture
def automatic():
    """Return a function that makes `extensions` with the hash of a text."""

    def make(text, **more):
        return {"persistedQuery": {"version": 1, "sha256Hash": hash_of(text), **more}}

    return make
