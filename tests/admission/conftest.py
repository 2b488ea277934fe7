"""A real Redis, and admission made from policies as files have them."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest

from bff.admission.assemble import open_admission
from bff.clock import SystemClock
from bff.context import Principal
from bff.execution.messages import Answer, Denied, GraphQLRequest
from bff.policy.caching import StorePolicy
from bff.policy.clients import ClientDefaults, ClientPolicy
from bff.policy.load import PolicySet
from bff.policy.network import NetworkPolicy
from bff.server.headers import Headers
from bff.server.ports import Arrival
from bff.store.address import Address
from bff.store.redis_store import RedisStore
from bff.testing import VirtualClock
from bff.testing.redis_server import RedisServer

PATIENT = {"command_timeout": "5s", "connect_timeout": "5s", "pool_wait": "5s"}
"""For tests that are not about time, on a machine that may be busy."""


class Engine:
    """Charges what the variables say, as the real one does."""

    max_age = 0
    private = True

    async def execute(self, request, ingress):
        try:
            await ingress.allowance.charge((request.variables or {}).get("cost", 1))
        except Denied as denied:
            return self.refuse(denied.code, denied.message, ingress, **denied.extensions)
        return Answer({"data": {"a": 1}}, kind="query", max_age=self.max_age, private=self.private)

    def refuse(self, code, message, ingress, *, detail="", **more):
        return Answer({"errors": [{"message": message, "extensions": {"code": code.value, **more}}]}, refused=code)


@pytest.fixture
def engine():
    return Engine()


@pytest.fixture(scope="module")
def shared_redis(tmp_path_factory):
    """A Redis that the tests of one module share; each uses keys of its own, or empties it."""
    server = RedisServer(tmp_path_factory.mktemp("redis"))
    yield server
    server.stop()


@pytest.fixture
def redis_server(tmp_path):
    """A Redis that a test may harm."""
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
async def open_store():
    """A function that opens stores for counting, closed at the end."""
    opened: list[RedisStore] = []

    def open_(url: str, *, events: list[Any] | None = None, **policy: Any) -> RedisStore:
        opened.append(
            RedisStore(
                Address.parse(url),
                StorePolicy.model_validate(PATIENT | policy),
                prefix="bff:test:",
                use="ratelimit",
                clock=SystemClock(),
                notify=[].append if events is None else events.append,
            )
        )
        return opened[-1]

    yield open_
    for store in opened:
        await store.close()


@pytest.fixture
def clock():
    return VirtualClock()


@pytest.fixture
def events():
    return []


@pytest.fixture
def gate(clock, events):
    """A function that makes everything before the engine: `gate(limits={...}, network={...})`."""

    def make(
        *,
        clients: dict[str, Any] | None = None,
        network: dict[str, Any] | None = None,
        limited: bool = True,
        store: Any = None,
        workers: int = 1,
        **defaults: Any,
    ) -> Any:
        base = {"limits": defaults.pop("limits", {}), **defaults}
        policies = PolicySet(
            client_defaults=ClientDefaults.model_validate(base) if limited else None,
            clients={name: ClientPolicy.model_validate(keys) for name, keys in (clients or {}).items()},
            network=None if network is None else NetworkPolicy.model_validate(network),
        )
        return open_admission(
            policies, store=store, workers=workers, clock=clock, rng=Random(1), notify=events.append
        )

    return make


@pytest.fixture
def arrival() -> Callable[..., Arrival]:
    """A function that makes an arrival: `arrival("192.0.2.1", x_client_name="ios")`."""

    def make(peer: str | None = "192.0.2.1", method: str = "POST", **headers: str) -> Arrival:
        fields = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
        return Arrival(method, "/graphql", Headers(fields), peer, "r1")

    return make


@pytest.fixture
def ask() -> Callable[..., GraphQLRequest]:
    return lambda name=None, query="{ __typename }": GraphQLRequest(query, name)


@pytest.fixture
def user() -> Callable[..., Principal]:
    return lambda subject="u1", issuer="https://id.example.com/", **more: Principal(issuer, subject, **more)


@pytest.fixture
def hammer():
    """A function that starts `hammer.py` in a process of its own; what is left of them is killed."""
    started: list[subprocess.Popen[str]] = []

    def start(*words: Any) -> "subprocess.Popen[str]":
        script = Path(__file__).with_name("hammer.py")
        process = subprocess.Popen(
            [sys.executable, str(script), *map(str, words)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={"PYTHONPATH": str(script.parents[2]), "PATH": "/usr/bin:/bin"},
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
