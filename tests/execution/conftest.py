"""An engine on a virtual clock, whose every answer is held to the error contract."""

import asyncio
from itertools import count

import pytest
from graphql import build_schema
from jsonschema import Draft202012Validator

from bff.context import Deadline
from bff.contract import error_schema
from bff.errors import ErrorDesk
from bff.events import ErrorTold
from bff.execution.compiled import compiled_run_of
from bff.execution.engine import Engine
from bff.execution.kept import KeptAnswers
from bff.execution.messages import GraphQLRequest, Ingress
from bff.execution.strawberry_schema import run_of
from bff.policy.model import OperationsPolicy
from bff.testing import VirtualClock

CONTRACT = Draft202012Validator(error_schema())
EXECUTORS = {"compiled": compiled_run_of, "interpreted": run_of}


class World:
    """One engine, what it told, and the time it lives in."""

    def __init__(
        self, schema, *, executor, max_errors=100, clock=None, run=None, source=None, own_context=None, **policy
    ):
        ids = count(1)
        self.clock = clock or VirtualClock()
        self.events = []
        self.policy = OperationsPolicy(**policy)
        self.desk = ErrorDesk(
            self.events.append, new_id=lambda: f"e{next(ids)}", alias=str.title, max_errors=max_errors
        )
        self.kept = KeptAnswers(self.policy.sharing.answers, clock=self.clock)
        if run is None:
            run = EXECUTORS[executor](schema, hide_suggestions=self.policy.introspection != "allow")
        self.engine = Engine(
            schema,
            None,
            self.policy,
            desk=self.desk,
            clock=self.clock,
            notify=self.events.append,
            run=run,
            source=source and source(self),
            kept=self.kept,
            own_context=own_context,
        )

    def ingress(self, seconds=10.0, **known):
        return Ingress("r1", Deadline.after(seconds, self.clock), **known)

    async def ask(
        self, query, variables=None, *, name=None, seconds=10.0, extensions=None, document_id=None, **known
    ):
        """Return the answer, after holding it to the contract and looking for work that was left behind."""
        before = asyncio.all_tasks()
        answer = await self.engine.execute(
            GraphQLRequest(query, name, variables, extensions, document_id), self.ingress(seconds, **known)
        )
        await asyncio.sleep(0)  # what has been cancelled needs a turn to end
        assert asyncio.all_tasks() - before - self.engine._unattended == set()
        return self.held(answer)

    async def timed(self, query, variables=None, **options):
        """Return the answer, moving time whenever nothing else happens."""
        before = asyncio.all_tasks()
        answer = await self.clock.run(
            self.engine.execute(
                GraphQLRequest(query, options.pop("name", None), variables),
                self.ingress(options.pop("seconds", 10.0), **options),
            )
        )
        left = {task for task in asyncio.all_tasks() - before - self.engine._unattended if not task.done()}
        assert left == set()
        return self.held(answer)

    def held(self, answer):
        CONTRACT.validate(answer.body)
        told = {event.error_id: event for event in self.events if isinstance(event, ErrorTold)}
        for error in answer.body.get("errors", ()):
            assert told[error["extensions"]["errorId"]].code == error["extensions"]["code"]
        return answer

    @property
    def told(self):
        return [event for event in self.events if isinstance(event, ErrorTold)]


@pytest.fixture(params=EXECUTORS)
async def world(request):
    """Return a function that makes a `World`, with either executor; all engines are closed after the test."""
    worlds = []

    def make(schema, **options):
        worlds.append(World(schema, executor=request.param, **options))
        return worlds[-1]

    yield make
    for each in worlds:
        closing = asyncio.ensure_future(each.engine.close(0.0))
        await closing


@pytest.fixture(scope="session")
def make_world():
    """Return the class `World`, for laws whose examples each need their own; they close its engine themselves."""
    return World


@pytest.fixture
def contract():
    """Return the validator of the error contract."""
    return CONTRACT


@pytest.fixture
def codes():
    """Return the code of each error of an answer, by the path of its field."""

    def read(answer):
        return {
            ".".join(map(str, error.get("path", ()))): error["extensions"]["code"]
            for error in answer.body.get("errors", ())
        }

    return read


class Book:
    """What happened in resolvers."""

    def __init__(self, clock):
        self.clock = clock
        self.begun = []
        self.cancelled = []
        self.ended = []

    async def work(self, name, seconds, value="done"):
        self.begun.append(name)
        try:
            await self.clock.sleep(seconds)
        except asyncio.CancelledError:
            self.cancelled.append(name)
            raise
        self.ended.append(name)
        return value


SDL = """
type Query { fast: String  slow: String  slower: String  must: String!  box: Box  boxes: [Box]  strict: [Box!]
             numbers: [Int!]  cancels: String  cancelsNow: String  sync: String  stream: [Int]  me: String }
type Box { name: String  slow: String  must: String!  box: Box }
type Mutation { first: String  second: String  third: String!  place: Box  refuse: String }
type Subscription { tick: Int }
"""


@pytest.fixture
def made(world):
    """Return a function that makes a world and the book of its resolvers."""

    def make(clock=None, **options):
        schema = build_schema(SDL)
        it = world(schema, clock=clock or VirtualClock(), **options)
        book = Book(it.clock)

        def resolves(path, function):
            kind, name = path.split(".")
            schema.type_map[kind].fields[name].resolve = function

        resolves("Query.fast", lambda *_: book.work("fast", 1))
        resolves("Query.slow", lambda *_: book.work("slow", 60))
        resolves("Query.slower", lambda *_: book.work("slower", 90))
        resolves("Query.must", lambda *_: book.work("must", 60))
        resolves("Query.sync", lambda *_: "at once")
        resolves("Query.box", lambda *_: {"name": "b"})
        resolves("Query.boxes", lambda *_: [{"name": "1"}, {"name": "2"}])
        resolves("Query.strict", lambda *_: [{"name": "1"}, {"name": "2"}])
        resolves("Query.numbers", lambda *_: [book.work("number", 1, 1), book.work("late number", 60, 2)])
        resolves("Query.me", lambda _, info: info.context.principal.subject)
        resolves("Box.slow", lambda *_: book.work("box slow", 60))
        resolves("Box.must", lambda *_: book.work("box must", 60))
        resolves("Mutation.first", lambda *_: book.work("first", 4))
        resolves("Mutation.second", lambda *_: book.work("second", 4))
        resolves("Mutation.third", lambda *_: book.work("third", 4))

        async def cancels(*_):
            raise asyncio.CancelledError

        def cancels_now(*_):
            raise asyncio.CancelledError

        async def stream(*_):
            yield 1
            await book.work("stream", 60)
            yield 2

        resolves("Query.cancels", cancels)
        resolves("Query.cancelsNow", cancels_now)
        resolves("Query.stream", stream)
        return it, book, resolves

    return make
