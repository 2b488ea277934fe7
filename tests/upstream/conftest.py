"""A scripted transport and a running operation, for tests of what lies between resolvers and sockets."""

from random import Random

import msgspec
import pytest

from bff.clock import SystemClock
from bff.context import Context, Deadline, Operation
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.upstream.client import open_upstreams
from bff.upstream.message import Response

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


@pytest.fixture
def make_world():
    return World


@pytest.fixture
def make_reply():
    return reply
