"""An operation is answered in time with what is there, and leaves nothing running."""

import asyncio
from datetime import timedelta

import pytest
import strawberry
from graphql import build_schema

from bff.clock import SystemClock
from bff.codes import Code
from bff.context import Degradation, Principal
from bff.errors import PublicError
from bff.events import OperationFinished
from bff.execution.messages import GraphQLRequest
from bff.testing import VirtualClock
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome


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


async def test_a_whole_answer_has_data_and_nothing_else(made):
    it, _, _ = made()

    answer = await it.timed("{ sync fast }")

    assert answer.body == {"data": {"sync": "at once", "fast": "done"}}
    assert (answer.kind, answer.refused, answer.degraded) == ("query", None, False)


async def test_at_the_deadline_what_is_there_is_answered(made, codes):
    it, book, _ = made()

    answer = await it.timed("{ sync fast slow box { name slow } }", seconds=5)

    assert it.clock.now() == 1005.0
    assert answer.body["data"] == {
        "sync": "at once",
        "fast": "done",
        "slow": None,
        "box": {"name": "b", "slow": None},
    }
    assert codes(answer) == {"slow": "DEADLINE_EXCEEDED", "box.slow": "DEADLINE_EXCEEDED"}
    assert {error["extensions"]["phase"] for error in answer.body["errors"]} == {"operation"}
    assert book.cancelled == ["slow", "box slow"]


@pytest.mark.parametrize(
    ("query", "data", "paths"),
    [
        pytest.param("{ sync must }", None, {"must"}, id="non-null at the root"),
        pytest.param("{ box { name must } }", {"box": None}, {"box.must"}, id="non-null in an object"),
        pytest.param("{ box { must slow x:must } }", {"box": None}, None, id="several in one object: one error"),
        pytest.param(
            "{ boxes { name must } }", {"boxes": [None, None]}, {"boxes.0.must", "boxes.1.must"}, id="list items"
        ),
        pytest.param("{ strict { must } }", {"strict": None}, None, id="non-null list items: one error"),
        pytest.param("{ numbers }", {"numbers": None}, {"numbers.1"}, id="awaitable items"),
        pytest.param("{ stream }", {"stream": None}, {"stream"}, id="asynchronous generator"),
    ],
)
async def test_the_deadline_propagates_like_any_failure(made, codes, query, data, paths):
    it, _, _ = made()

    answer = await it.timed(query, seconds=5)

    assert answer.body["data"] == data
    assert set(codes(answer).values()) == {"DEADLINE_EXCEEDED"}
    if paths is None:
        assert len(answer.body["errors"]) == 1
    else:
        assert set(codes(answer)) == paths


async def test_an_operation_may_have_a_shorter_deadline_by_name(made, codes):
    it, _, _ = made(deadlines={"Screen": timedelta(seconds=2)})

    short = await it.timed("query Screen { fast slow }")
    told = it.clock.now()
    await it.timed("query Other { slow }")

    assert told == 1002.0
    assert codes(short) == {"slow": "DEADLINE_EXCEEDED"}
    assert it.clock.now() == 1012.0


async def test_a_deadline_by_name_never_prolongs(made):
    it, _, _ = made(deadlines={"Screen": timedelta(seconds=50)})

    await it.timed("query Screen { slow }", seconds=3)

    assert it.clock.now() == 1003.0


async def test_an_expired_request_calls_nothing(made):
    """DL-11: nobody waits for it any more."""
    it, book, _ = made()

    answer = await it.ask("{ fast }", seconds=0)

    assert answer.refused is Code.DEADLINE_EXCEEDED
    assert "data" not in answer.body
    assert book.begun == []


async def test_a_resolver_slow_to_give_up_does_not_delay_the_answer_for_long(made, codes):
    """250 ms is what DL-9 allows; the engine looks after the rest."""
    it, book, resolves = made()

    async def stubborn(*_):
        try:
            await it.clock.sleep(60)
        except asyncio.CancelledError:
            await book.work("clearing up", 3)

    resolves("Query.slow", stubborn)
    answer = await it.timed("{ fast slow }", seconds=5)

    assert it.clock.now() == 1005.25
    assert codes(answer) == {"slow": "DEADLINE_EXCEEDED"}
    closing = asyncio.create_task(it.engine.close(10))
    await it.clock.advance(5)
    await closing
    assert book.ended == ["fast", "clearing up"]


@pytest.mark.parametrize("field", ["cancels", "cancelsNow"])
async def test_a_cancelled_resolver_fails_its_field_only(made, codes, field):
    """PD-14: an await that was cancelled somewhere below must not end the whole operation."""
    it, _, _ = made()

    answer = await it.timed(f"{{ fast {field} }}")

    assert answer.body["data"] == {"fast": "done", field: None}
    assert codes(answer) == {field: "INTERNAL_SERVER_ERROR"}


async def test_a_cancellation_from_within_is_answered_whatever_it_comes_from(made):
    """Only a client that leaves gets no answer."""
    it, _, _ = made()

    def whose(*_):
        raise asyncio.CancelledError

    it.engine._run = whose
    answer = await it.ask("{ fast }")

    assert answer.body["data"] is None
    assert answer.body["errors"][0]["extensions"]["code"] == "INTERNAL_SERVER_ERROR"


async def test_a_future_that_others_wait_for_is_not_cancelled(made, codes):
    """F6: loaders hand one future to many; it outlives those who leave."""
    it, _, resolves = made()
    shared = asyncio.get_running_loop().create_future()
    resolves("Query.slow", lambda *_: shared)

    answer = await it.timed("{ slow }", seconds=1)

    assert codes(answer) == {"slow": "DEADLINE_EXCEEDED"}
    assert not shared.cancelled()


async def test_siblings_of_a_null_parent_are_cancelled_at_once(made, codes):
    it, book, resolves = made()

    async def fails(*_):
        await it.clock.sleep(1)
        raise UpstreamError(Outcome.CONNECT, "no route", upstream="catalog")

    resolves("Box.must", fails)
    answer = await it.timed("{ box { must slow } }")

    assert it.clock.now() == 1001.0
    assert codes(answer) == {"box.must": "UPSTREAM_UNAVAILABLE"}
    assert book.cancelled == ["box slow"]


async def test_siblings_begun_before_a_synchronous_failure_end_with_it(made, codes):
    """Their parent is null already; their calls would be for nothing."""
    it, book, resolves = made()

    def fails(*_):
        raise UpstreamError(Outcome.CONNECT, "no route", upstream="catalog")

    resolves("Box.must", fails)
    answer = await it.timed("{ box { slow must } fast }")

    assert answer.body["data"] == {"box": None, "fast": "done"}
    assert codes(answer) == {"box.must": "UPSTREAM_UNAVAILABLE"}
    assert "box slow" not in book.ended


async def test_resolvers_can_see_that_the_operation_was_stopped(made):
    it, _, resolves = made()
    seen = []

    async def looks(_, info):
        seen.append(info.abort_signal.aborted)
        try:
            await it.clock.sleep(60)
        finally:
            seen.append(info.abort_signal.aborted)

    resolves("Query.slow", looks)
    await it.timed("{ slow }", seconds=1)

    assert seen == [False, True]


async def test_a_client_that_leaves_ends_the_work(made):
    """DL-9: within 250 ms, and it is over when the cancelled call returns."""
    it, book, _ = made()
    asking = asyncio.create_task(it.engine.execute(GraphQLRequest("{ slow box { slow } }"), it.ingress()))
    await it.clock.advance(1)

    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking

    assert sorted(book.cancelled) == ["box slow", "slow"]
    assert it.clock.now() == 1001.0


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


@pytest.mark.parametrize(
    ("request_", "known", "code"),
    [
        (GraphQLRequest(None), {}, Code.BAD_REQUEST),
        (GraphQLRequest(None, extensions={"persistedQuery": {}}), {}, Code.PERSISTED_QUERY_NOT_SUPPORTED),
        (GraphQLRequest("{"), {}, Code.GRAPHQL_PARSE_FAILED),
        (GraphQLRequest("{ nope }"), {}, Code.GRAPHQL_VALIDATION_FAILED),
        (GraphQLRequest("query A { sync } query B { sync }"), {}, Code.OPERATION_RESOLUTION_FAILURE),
        (GraphQLRequest("mutation { first }"), {"safe_method": True}, Code.METHOD_NOT_ALLOWED),
        (GraphQLRequest("subscription { tick }"), {}, Code.BAD_REQUEST),
        (GraphQLRequest("{ __schema { queryType { name } } }"), {}, Code.INTROSPECTION_DISABLED),
    ],
)
async def test_refused_requests_have_no_data(made, request_, known, code):
    it, book, _ = made()

    answer = it.held(await it.engine.execute(request_, it.ingress(**known)))

    assert answer.refused is code
    assert set(answer.body) == {"errors"}
    assert book.begun == []


async def test_a_transport_refuses_in_the_same_words(made):
    it, _, _ = made()

    answer = it.held(
        it.engine.refuse(Code.PAYLOAD_TOO_LARGE, "At most 256 KiB.", it.ingress(), detail="sent 1 GiB")
    )

    assert answer.refused is Code.PAYLOAD_TOO_LARGE
    assert answer.body["errors"][0]["message"] == "At most 256 KiB."
    assert it.told[-1].detail == "sent 1 GiB"


async def test_degraded_parts_are_named(made):
    """PD-12: old data is better than none, and says that it is old; at most a hundred notes."""
    it, _, resolves = made()

    async def stale(_, info):
        notes = info.context.operation.degraded
        notes.append(Degradation(("fast",), "Catalog", "UPSTREAM_TIMEOUT", "stale", age_ms=1500))
        notes.extend(Degradation(("box", i), "Promotions", "CIRCUIT_OPEN", "default") for i in range(150))
        return "old"

    resolves("Query.fast", stale)
    answer = await it.ask("{ fast }")

    degraded = answer.body["extensions"]["degraded"]
    assert answer.degraded
    assert degraded[0] == {
        "path": ["fast"], "upstream": "Catalog", "reason": "UPSTREAM_TIMEOUT", "source": "stale", "ageMs": 1500,
    }  # fmt: skip
    assert "ageMs" not in degraded[1]
    assert len(degraded) == 100


async def test_resolvers_receive_the_operation(made):
    it, _, _ = made()

    answer = await it.ask("{ me }", principal=Principal("issuer", "ann"))

    assert answer.body["data"] == {"me": "ann"}


async def test_an_operation_is_reported_when_it_ends(made):
    it, _, _ = made()

    await it.timed("query Screen { fast slow }", seconds=5)

    (ended,) = [event for event in it.events if isinstance(event, OperationFinished)]
    assert (ended.name, ended.kind, ended.seconds, ended.errors) == ("Screen", "query", 5.0, 1)


async def test_many_operations_at_once_do_not_mix(made):
    it, _, _ = made(clock=SystemClock())

    answers = await asyncio.gather(
        *(
            it.engine.execute(GraphQLRequest("{ me }"), it.ingress(principal=Principal("i", str(i))))
            for i in range(50)
        )
    )

    assert [answer.body["data"]["me"] for answer in answers] == [str(i) for i in range(50)]


async def test_another_engine_fits_behind_the_seam(world):
    from bff.execution.interpreter import Outcome as Ran  # noqa: PLC0415 - its name is taken here

    it = world(build_schema("type Query { a: Int }"), run=lambda job: Ran({"a": len(job.document.operations)}, []))

    assert (await it.ask("{ a }")).body == {"data": {"a": 1}}


async def test_plain_strawberry_schemas_work(world):
    @strawberry.type
    class Query:
        @strawberry.field
        async def hello(self, info: strawberry.Info, name: str = "you") -> str:
            return f"{name} {info.context.principal.subject!r} {info.variable_values} {info.input_extensions}"

    it = world(strawberry.Schema(Query))
    answer = await it.ask("query($n: String!) { hello(name: $n) }", {"n": "ann"}, extensions={"x": 1})

    assert answer.body["data"] == {"hello": "ann '' {'n': 'ann'} {'x': 1}"}
