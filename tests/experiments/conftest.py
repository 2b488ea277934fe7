"""Two services behind the whole engine, on a loop where waiting takes no time, and experiments upon them."""

import asyncio
from itertools import count
from random import Random

import msgspec
import pytest
from graphql import build_schema
from jsonschema import Draft202012Validator

from bff.context import ANONYMOUS, Context, Deadline, Principal
from bff.contract import error_schema
from bff.errors import ErrorDesk
from bff.execution.engine import Engine
from bff.execution.messages import GraphQLRequest, Ingress
from bff.experiments.faults import parse_fault
from bff.experiments.model import Experiment, parse_scope
from bff.experiments.registry import Experiments
from bff.policy.caching import StorePolicy
from bff.policy.experiments import FaultInjection
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.store.memory import MemoryStore
from bff.testing.simulation.virtual_loop import LoopClock, run
from bff.upstream.assemble import Caching
from bff.upstream.cache.tiers import EntryCache
from bff.upstream.client import open_upstreams
from bff.upstream.declare import Upstream
from bff.upstream.message import Response


class Star(msgspec.Struct, frozen=True):
    id: str
    stars: int


reviews = Upstream("reviews")
catalog = Upstream("catalog")
ratings = reviews.get("/ratings", returns=list[str], name="ratings")
stars = reviews.batch("/stars", ids="ids", returns=list[Star], key="id", name="stars")
praise = reviews.post("/praise", returns=str, name="praise")
menu = catalog.get("/menu", returns=list[str], name="menu")
SCHEMA = (
    "type Query { ratings: [String] menu: [String] stars(ids: [ID!]!): [Int] } type Mutation { praise: String }"
)
ENDPOINTS = {"ratings": ratings, "menu": menu, "praise": praise}

CONTRACT = Draft202012Validator(error_schema())
SCREEN = "query Screen { ratings menu }"


class Service:
    """Answers as told, after 10 ms, and keeps the requests."""

    def __init__(self, clock):
        self.clock = clock
        self.requests = []
        self.bodies = {"/ratings": ["good"], "/menu": ["pasta"], "/praise": "thanks"}
        self.stars = {"a": 5, "b": 4}
        self.status = 200
        self.headers = {}

    async def send(self, request):
        self.requests.append(request)
        await self.clock.sleep(0.01)
        path, _, query = request.target.partition("?")
        if path == "/stars":
            ids = query.removeprefix("ids=").replace("%2C", ",").split(",")
            body = [{"id": one, "stars": self.stars[one]} for one in ids]
        else:
            body = self.bodies[path]
        headers = {"content-type": "application/json", **self.headers}
        return Response(self.status, headers, msgspec.json.encode(body))

    async def close(self):
        pass


class World:
    """A process with experiments; every request but *faults* and *who* is the same."""

    def __init__(self, loop, *, allow="scope", development=False, upstream=None, **injection):
        ids = count(1)
        self.clock = LoopClock(loop)
        self.events, self.aside = [], []
        self.services = {}
        base = {"retry": {"attempts": 2}, "cache": {"ttl_jitter": "0%", "early_refresh": 0}, **(upstream or {})}
        policies = {
            "reviews": UpstreamPolicy(hosts=["http://127.0.0.1:1"], alias="opinions", **base),
            "catalog": UpstreamPolicy(hosts=["http://127.0.0.1:2"], **base),
        }
        entries = EntryCache(MemoryStore(self.clock), StorePolicy(), clock=self.clock)
        opened = iter(policies)
        self.upstreams = open_upstreams(
            policies,
            OperationsPolicy(),
            open_transport=lambda _: self.services.setdefault(next(opened), Service(self.clock)),
            clock=self.clock,
            rng=Random(1),
            notify=self.events.append,
            caching=Caching(entries, "1"),
            aside=self.aside.append,
        )
        self.experiments = Experiments(
            FaultInjection(allow=allow, **{"max_share": "100%", **injection}),
            {"opinions": "reviews", "catalog": "catalog"},
            development=development,
            clock=self.clock,
            rng=Random(2),
            notify=self.events.append,
        )
        schema = build_schema(SCHEMA)
        fields = {**schema.query_type.fields, **schema.mutation_type.fields}
        for name, endpoint in ENDPOINTS.items():
            fields[name].resolve = self._resolver(endpoint)
        fields["stars"].resolve = self._stars
        self.engine = Engine(
            schema,
            self.upstreams,
            OperationsPolicy(),
            desk=ErrorDesk(self.events.append, new_id=lambda: f"e{next(ids)}", alias=self.upstreams.alias),
            clock=self.clock,
            notify=self.events.append,
            experiments=self.experiments,
        )
        self.requests = count(1)

    @staticmethod
    def _resolver(endpoint):
        async def resolve(_, info):
            context = Context(info.context.operation, frozenset({endpoint}), "test")
            value = await endpoint(context)
            for noted in context.noted:
                context.operation.degrade(tuple(info.path.as_list()), noted.note)
            return value

        return resolve

    @staticmethod
    async def _stars(_, info, ids):
        context = Context(info.context.operation, frozenset({stars}), "test")
        found = await stars.many(context, ids)
        return [one.stars if isinstance(one, Star) else one for one in found]

    @property
    def reviews(self):
        return self.services["reviews"]

    async def answer(self, query=SCREEN, *, faults=None, who=ANONYMOUS):
        """Return the answer."""
        asked = None
        if faults is not None:
            granted = Principal("https://id.example", "dev", scopes=frozenset({"bff:faults"}))
            asked = self.experiments.asked(f"{faults};until={self.clock.wall() + 60:.0f}", granted)
        deadline = Deadline.after(5.0, self.clock)
        ingress = Ingress(f"r{next(self.requests)}", deadline, principal=who, faults=asked)
        return await self.engine.execute(GraphQLRequest(query), ingress)

    async def ask(self, query=SCREEN, **known):
        """Return the answer's body, which is held to the contract."""
        body = (await self.answer(query, **known)).body
        CONTRACT.validate(body)
        return body

    async def together(self, *asked):
        """Return the bodies of requests that are under way at the same time, each as keywords of `ask`."""
        return await asyncio.gather(*(self.ask(**one) for one in asked))

    def told(self, kind):
        return [event for event in self.events if isinstance(event, kind)]

    def experiment(self, fault, *, share=1.0, scope="everyone", seconds=60.0, name="x1", **more):
        """Start an experiment on reviews."""
        one = Experiment(
            name,
            "reviews",
            more.pop("endpoint", None),
            parse_fault(fault),
            share,
            parse_scope(scope),
            self.clock.wall() + seconds,
            **more,
        )
        self.experiments.start(one)
        return one


@pytest.fixture
def virtually():
    """Return a function that runs a scenario, a coroutine function that takes a world, and returns its result."""

    def play(scenario, **options):
        async def main(loop):
            world = World(loop, **options)
            try:
                return await scenario(world)
            finally:
                await world.experiments.close()
                await world.upstreams.close()

        return run(main)

    return play
