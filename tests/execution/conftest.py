"""An engine on a virtual clock, whose every answer is held to the error contract."""

import asyncio
from itertools import count

import pytest
from jsonschema import Draft202012Validator

from bff.context import Deadline
from bff.contract import error_schema
from bff.errors import ErrorDesk
from bff.events import ErrorTold
from bff.execution.engine import Engine
from bff.execution.messages import GraphQLRequest, Ingress
from bff.policy.model import OperationsPolicy
from bff.testing import VirtualClock

CONTRACT = Draft202012Validator(error_schema())


class World:
    """One engine, what it told, and the time it lives in."""

    def __init__(self, schema, *, max_errors=100, clock=None, run=None, **policy):
        ids = count(1)
        self.clock = clock or VirtualClock()
        self.events = []
        self.policy = OperationsPolicy(**policy)
        self.desk = ErrorDesk(
            self.events.append, new_id=lambda: f"e{next(ids)}", alias=str.title, max_errors=max_errors
        )
        self.engine = Engine(
            schema, None, self.policy, desk=self.desk, clock=self.clock, notify=self.events.append, run=run
        )

    def ingress(self, seconds=10.0, **known):
        return Ingress("r1", Deadline.after(seconds, self.clock), **known)

    async def ask(self, query, variables=None, *, name=None, seconds=10.0, extensions=None, **known):
        """Return the answer, after holding it to the contract and looking for work that was left behind."""
        before = asyncio.all_tasks()
        answer = await self.engine.execute(
            GraphQLRequest(query, name, variables, extensions), self.ingress(seconds, **known)
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


@pytest.fixture
async def world():
    """Return a function that makes a `World`; all engines are closed after the test."""
    worlds = []

    def make(schema, **options):
        worlds.append(World(schema, **options))
        return worlds[-1]

    yield make
    for each in worlds:
        closing = asyncio.ensure_future(each.engine.close(0.0))
        await closing


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
