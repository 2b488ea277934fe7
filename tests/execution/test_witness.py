"""Whoever asks and may gets `extensions.trace`; nobody else sees a trace of it, and it is never kept."""

import asyncio

import pytest
from graphql import build_schema

from bff.events import OperationAbandoned, OperationFinished, OperationStarted
from bff.execution.messages import GraphQLRequest
from bff.testing import VirtualClock

ASKS = {"x-bff-trace": "1"}


class Witness:
    """Tells each story as the name of the request that it is of."""

    def asked(self, ingress):
        return "x-bff-trace" in ingress.headers

    def story(self, request_id):
        return f"story of {request_id}"

    def tell(self, story, request_id):
        return {"told": story, "to": request_id}


@pytest.fixture
def it(world):
    clock = VirtualClock()
    schema = build_schema("type Query { slow: String broken: String } type Mutation { go: String }")

    async def slow(*_):
        await clock.sleep(0.1)
        return "slept"

    def broken(*_):
        raise RuntimeError("secret")

    schema.query_type.fields["slow"].resolve = slow
    schema.query_type.fields["broken"].resolve = broken
    made = world(schema, clock=clock)
    made.engine._witness = Witness()
    return made


async def test_only_who_asks_gets_the_trace(it):
    asked = await it.timed("{ slow }", headers=ASKS)
    other = await it.timed("{ slow }")

    assert asked.body == {"data": {"slow": "slept"}, "extensions": {"trace": {"told": "story of r1", "to": "r1"}}}
    assert other.body == {"data": {"slow": "slept"}}
    assert (asked.max_age, asked.private, asked.pieces) == (0, True, None)


async def test_a_shared_execution_is_told_to_the_one_who_asks_and_the_other_answer_stays_as_it_was(it):
    await it.timed("{ slow }")
    request = GraphQLRequest("{ slow }")

    async def both():
        return await asyncio.gather(
            it.engine.execute(request, it.ingress()), it.engine.execute(request, it.ingress(headers=ASKS))
        )

    plain, asked = await it.clock.run(both())

    assert "extensions" not in plain.body
    assert asked.body["extensions"]["trace"]["told"] == "story of r1"
    assert sum(isinstance(event, OperationFinished) for event in it.events) == 2, "one of them for both"


async def test_a_partial_answer_is_told_too_and_a_refused_one_is_not(it):
    partial = await it.ask("{ broken }", headers=ASKS)
    refused = await it.ask("{ nothing }", headers=ASKS)

    assert partial.body["extensions"]["trace"]["to"] == "r1"
    assert "extensions" not in refused.body


async def test_each_operation_that_begins_ends_in_the_events(it):
    """What is open for ever is counted as under way for ever."""
    await it.timed("{ slow }")
    running = asyncio.ensure_future(it.engine.execute(GraphQLRequest("{ slow }"), it.ingress()))
    for _ in range(20):
        await asyncio.sleep(0)
    running.cancel()
    await asyncio.wait({running})

    began = sum(isinstance(event, OperationStarted) for event in it.events)
    ended = [event for event in it.events if isinstance(event, OperationFinished | OperationAbandoned)]
    assert began == len(ended) == 2
    assert ended[-1].reason == "cancelled"
