"""A scripted transport and a running operation, for tests of what lies between resolvers and sockets."""

import asyncio
from random import Random

import msgspec
import pytest

from bff.clock import SystemClock
from bff.context import Context, Deadline, Operation
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.upstream.client import open_upstreams
from bff.upstream.errors import UpstreamError
from bff.upstream.loader import Loader
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome

JSON = {"content-type": "application/json"}


class ScriptedTransport:
    """Answers each request with what a function makes of it, and keeps the requests."""

    def __init__(self):
        self.requests = []
        self.answer = lambda request: Response(200, JSON, b"null")
        self.closed = False

    async def send(self, request):
        self.requests.append(request)
        answer = self.answer(request)
        if hasattr(answer, "__await__"):
            answer = await answer
        if isinstance(answer, BaseException):
            raise answer
        return answer

    async def close(self):
        self.closed = True


def reply(value, status=200, **headers):
    """Return a JSON response."""
    return Response(status, {**JSON, **headers}, msgspec.json.encode(value))


class World:
    """One upstream called `catalog`, and operations that may call it."""

    def __init__(self, policy=None, operations=None):
        self.transport = ScriptedTransport()
        self.clock = SystemClock()
        self.events = []
        self.upstreams = open_upstreams(
            {"catalog": UpstreamPolicy(**{"hosts": ["http://127.0.0.1:9102"], **(policy or {})})},
            operations or OperationsPolicy(),
            open_transport=lambda limits: self.transport,
            clock=self.clock,
            rng=Random(1),
            notify=self.events.append,
        )

    def operation(self, seconds=5.0, **state):
        return Operation("req-1", Deadline.after(seconds, self.clock), self.upstreams, **state)

    def context(self, *calls, seconds=5.0, **state):
        return Context(self.operation(seconds, **state), frozenset(calls), "resolvers.test")


@pytest.fixture
def world():
    return World()


@pytest.fixture(scope="session")
def make_world():
    return World


@pytest.fixture(scope="session")
def make_reply():
    return reply


class Story:
    """Plays steps to one way of loading keys, and notes what everybody saw.

    Steps are `("ask", lists of keys asked for at once)`, `("leave", number of an asker)`, and
    `("land", (number of a request, keys that fail in it, None for all))`. Numbers wrap around.
    """

    def __init__(self, make):
        self.requests = []
        self.askers = []
        self._gates = []
        self._load = make(self._fetch)

    async def _fetch(self, keys):
        gate = asyncio.get_running_loop().create_future()
        place = len(self.requests)
        self.requests.append([keys, "under way"])
        self._gates.append(gate)
        try:
            failing = await gate
        except asyncio.CancelledError:
            self.requests[place][1] = "cancelled"
            raise
        self.requests[place][1] = "landed"
        if failing is None:
            raise UpstreamError(Outcome.RESET, f"request {place}")
        wrong = UpstreamError(Outcome.BAD_PAYLOAD, f"key of request {place}")
        return [wrong if str(key) in failing else (place, str(key)) for key in keys]

    async def play(self, steps):
        for kind, what in steps:
            if kind == "ask":
                self.askers += [asyncio.ensure_future(self._load(keys)) for keys in what]
            elif kind == "leave" and self.askers:
                self.askers[what % len(self.askers)].cancel()
            elif kind == "land" and self._gates:
                place, failing = what
                gate = self._gates[place % len(self._gates)]
                if not gate.done():
                    gate.set_result(failing)
            await self._settle()
        for gate in self._gates:
            if not gate.done():
                gate.set_result(())
        await self._settle()
        return self.requests, [self._seen(asker) for asker in self.askers]

    @staticmethod
    async def _settle():
        for _ in range(10):
            await asyncio.sleep(0)

    @staticmethod
    def _seen(asker):
        assert asker.done()
        if asker.cancelled():
            return "left"
        return [str(one) if isinstance(one, Exception) else one for one in asker.result()]


@pytest.fixture(scope="session")
def seen_by_askers():
    """What a way of loading makes of steps: requests, and what askers got. A number stands for a `Loader`."""

    def seen(way, steps):
        def by_loader(fetch):
            return Loader(fetch, name="x", max_keys=way, identify=str).load_many

        async def play():
            return await Story(by_loader if isinstance(way, int) else way).play(steps)

        return asyncio.run(play())

    return seen
