"""A service whose answers a test writes, behind the whole pipeline, on a clock that a test moves."""

from random import Random

import msgspec
import pytest

from bff.clock import SystemClock
from bff.context import Context, Deadline, Operation
from bff.policy.caching import StorePolicy
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.store.address import Address
from bff.store.memory import MemoryStore
from bff.store.redis_store import RedisStore
from bff.testing.redis_server import RedisServer
from bff.testing.virtual_clock import VirtualClock
from bff.upstream.assemble import Caching
from bff.upstream.cache.tiers import EntryCache
from bff.upstream.client import open_upstreams
from bff.upstream.message import Response

DRAWN_LAST = {"ttl_jitter": "0%", "early_refresh": 0}


class Service:
    """Answers with what a function makes of each request, and keeps the requests."""

    def __init__(self):
        self.requests = []
        self.answer = None

    async def send(self, request):
        self.requests.append(request)
        answer = self.answer(request)
        if hasattr(answer, "__await__"):
            answer = await answer
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def close(self):
        pass


class Bff:
    """One process's upstream `catalog` by *policy*, its cache, and operations that may call it."""

    def __init__(
        self, policy=None, *, store=None, clock=None, cache=None, fallback=None, store_policy=None, seed=1
    ):
        self.clock = clock or VirtualClock()
        self.service = Service()
        self.events = []
        self.store = store or MemoryStore(self.clock)
        self.entries = EntryCache(self.store, store_policy or StorePolicy(), clock=self.clock)
        stated = {
            "hosts": ["http://127.0.0.1:9102"],
            "retry": {"attempts": 1},
            "breaker": {"mode": "disabled"},
            "cache": {**DRAWN_LAST, **(cache or {})},
            **({"fallback": fallback} if fallback else {}),
            **(policy or {}),
        }
        self.upstreams = open_upstreams(
            {"catalog": UpstreamPolicy(**stated)},
            OperationsPolicy(),
            open_transport=lambda limits: self.service,
            clock=self.clock,
            rng=Random(seed),
            notify=self.events.append,
            caching=Caching(self.entries, "1"),
        )

    def operation(self, seconds=5.0, **state):
        return Operation("req-1", Deadline.after(seconds, self.clock), self.upstreams, **state)

    def context(self, *calls, **state):
        return Context(self.operation(**state), frozenset(calls), "resolvers.test")

    async def close(self):
        await self.upstreams.close()
        await self.entries.close()
        await self.store.close()


def reply(value, status=200, **headers):
    """Return a JSON response; underscores in the names of *headers* are hyphens."""
    fields = {name.replace("_", "-"): text for name, text in headers.items()}
    return Response(status, {"content-type": "application/json", **fields}, msgspec.json.encode(value))


@pytest.fixture
async def make_bff():
    made = []

    def make(*args, **options):
        made.append(Bff(*args, **options))
        return made[-1]

    yield make
    for one in made:
        await one.close()


@pytest.fixture
def redis_server(tmp_path):
    server = RedisServer(tmp_path)
    yield server
    server.stop()


@pytest.fixture
def replica(make_bff, redis_server):
    """Return a function that makes a further replica: its own process-local tier, the same Redis."""

    def make(*, store_policy=None, **options):
        clock, policy = SystemClock(), store_policy or StorePolicy()
        address = Address.parse(redis_server.url)
        store = RedisStore(
            address, policy, prefix="bff:test:", use="cache", clock=clock, notify=lambda event: None
        )
        return make_bff(store=store, clock=clock, store_policy=policy, **options)

    return make


@pytest.fixture(name="reply")
def reply_fixture():
    return reply


@pytest.fixture(scope="session")
def bff_class():
    """For tests that need one in each of many event loops."""
    return Bff
