"""A mutation runs in order, outlives its client once it has reached a service, and owns up to doubt."""

import asyncio

import pytest

from bff.codes import Code
from bff.errors import PublicError
from bff.events import OperationFinished
from bff.execution.messages import GraphQLRequest
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome


async def test_mutations_run_one_after_the_other(made):
    it, book, _ = made()

    answer = await it.timed("mutation { first second }")

    assert answer.body["data"] == {"first": "done", "second": "done"}
    assert book.begun == ["first", "second"]
    assert it.clock.now() == 1008.0


async def test_no_mutation_begins_after_the_deadline(made, codes):
    it, book, _ = made()

    answer = await it.timed("mutation { first second again: first }", seconds=6)

    assert answer.body["data"] == {"first": "done", "second": None, "again": None}
    assert codes(answer) == {"second": "DEADLINE_EXCEEDED", "again": "DEADLINE_EXCEEDED"}
    assert book.begun == ["first", "second"]


async def test_a_mutation_that_has_reached_nobody_ends_with_its_client(made):
    it, book, _ = made()
    asking = asyncio.create_task(it.engine.execute(GraphQLRequest("mutation { first second }"), it.ingress()))
    await it.clock.advance(1)

    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert (book.cancelled, book.begun) == (["first"], ["first"])


def dispatching(book, seconds):
    async def place(_, info):
        info.context.operation.dispatched = True
        return await book.work("place", seconds)

    return place


async def test_a_dispatched_mutation_outlives_its_client(made):
    """DL-9: the order is on its way; whether it arrived must be known."""
    it, book, resolves = made()
    resolves("Mutation.first", dispatching(book, 4))
    asking = asyncio.create_task(it.engine.execute(GraphQLRequest("mutation { first second }"), it.ingress()))
    await it.clock.advance(1)

    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await it.clock.advance(8)

    assert book.ended == ["place", "second"]
    assert [event.errors for event in it.events if isinstance(event, OperationFinished)] == [0]


async def test_a_mutation_without_a_client_keeps_its_own_deadline(made):
    it, book, resolves = made()
    resolves("Mutation.first", dispatching(book, 60))
    asking = asyncio.create_task(it.engine.execute(GraphQLRequest("mutation { first }"), it.ingress(5)))
    await it.clock.advance(1)
    asking.cancel()

    await it.clock.advance(5)

    assert book.cancelled == ["place"]
    assert it.engine._unattended == set()


@pytest.mark.parametrize(
    ("patience", "ended", "cancelled"), [pytest.param(10, ["place"], [], id="time"), (2, [], ["place"])]
)
async def test_close_waits_for_mutations_but_not_for_ever(made, patience, ended, cancelled):
    it, book, resolves = made()
    resolves("Mutation.first", dispatching(book, 4))
    asking = asyncio.create_task(it.engine.execute(GraphQLRequest("mutation { first }"), it.ingress()))
    await it.clock.advance(1)
    asking.cancel()
    await asyncio.wait({asking})

    closing = asyncio.create_task(it.engine.close(patience))
    await it.clock.advance(patience)
    await closing

    assert (book.ended, book.cancelled) == (ended, cancelled)


@pytest.mark.parametrize(
    ("error", "dispatched", "outcome", "retryable"),
    [
        pytest.param(UpstreamError(Outcome.RESET, "x"), True, "unknown", False, id="lost on the way back"),
        pytest.param(UpstreamError(Outcome.READ_TIMEOUT, "x"), True, "unknown", False, id="no answer"),
        pytest.param(UpstreamError(Outcome.SERVER_ERROR, "x", status=500), True, "unknown", False, id="a fault"),
        pytest.param(UpstreamError(Outcome.CANCELLED, "x", phase="call"), True, "unknown", False, id="not known"),
        pytest.param(UpstreamError(Outcome.CONNECT, "x"), True, None, True, id="never sent"),
        pytest.param(UpstreamError(Outcome.OPEN, "x"), True, None, True, id="breaker open"),
        pytest.param(
            UpstreamError(Outcome.CONFLICT, "x", status=409), True, None, False, id="the service said no"
        ),
        pytest.param(UpstreamError(Outcome.THROTTLED, "x", status=429), True, None, True, id="not now, it said"),
        pytest.param(ValueError("x"), True, "unknown", False, id="a bug after the call"),
        pytest.param(ValueError("x"), False, None, False, id="a bug before the call"),
        pytest.param(PublicError(Code.FORBIDDEN, "No."), True, None, False, id="said on purpose"),
    ],
)
async def test_whether_a_mutation_may_have_worked(made, error, dispatched, outcome, retryable):
    """PD-11: who sends an order again because of an error may have ordered twice."""
    it, _, resolves = made()

    async def fails(_, info):
        info.context.operation.dispatched = dispatched
        raise error

    resolves("Mutation.first", fails)
    answer = await it.ask("mutation { first }")

    extensions = answer.body["errors"][0]["extensions"]
    assert (extensions.get("outcome"), extensions["retryable"]) == (outcome, retryable)


async def test_a_mutation_cut_off_by_the_deadline_may_have_worked(made):
    it, book, resolves = made()
    resolves("Mutation.first", dispatching(book, 60))

    answer = await it.timed("mutation { first second }", seconds=5)

    first, second = (error["extensions"] for error in answer.body["errors"])
    assert (first["outcome"], first["retryable"]) == ("unknown", False)
    assert "outcome" not in second, "the second one never began"


async def test_reading_after_a_mutation_leaves_no_doubt_about_it(made, codes):
    it, _, resolves = made()

    async def fails(*_):
        raise UpstreamError(Outcome.RESET, "x", upstream="catalog")

    resolves("Mutation.place", lambda *_: {"name": "order"})
    resolves("Box.slow", fails)
    answer = await it.ask("mutation { place { name slow } }")

    assert "outcome" not in answer.body["errors"][0]["extensions"]
    assert answer.body["data"] == {"place": {"name": "order", "slow": None}}
