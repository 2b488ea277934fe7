"""An operation is answered in time with what is there, and leaves nothing running."""

import asyncio
from datetime import timedelta

import pytest
import strawberry
from graphql import build_schema

from bff.clock import SystemClock
from bff.codes import Code
from bff.context import Degradation, Principal
from bff.events import OperationFinished
from bff.execution.messages import GraphQLRequest
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome


async def test_a_whole_answer_has_data_and_nothing_else(made):
    it, _, _ = made()

    answer = await it.timed("{ sync fast }")

    assert answer.body == {"data": {"sync": "at once", "fast": "done"}}
    assert (answer.kind, answer.refused, answer.degraded) == ("query", None, False)


async def test_at_the_deadline_what_is_there_is_answered(made, codes):
    """DL-8."""
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


async def test_the_deadline_holds_on_the_real_clock_too(made, codes):
    it, _, _ = made(clock=SystemClock())

    answer = await it.ask("{ sync slow }", seconds=0.02)

    assert answer.body["data"] == {"sync": "at once", "slow": None}
    assert codes(answer) == {"slow": "DEADLINE_EXCEEDED"}


async def test_an_operation_may_have_a_shorter_deadline_by_name(made, codes):
    it, _, _ = made(deadlines={"Screen": timedelta(seconds=2)})

    short = await it.timed("query Screen { fast slow }")
    told = it.clock.now()
    await it.timed("query Other { slow }")

    assert told == 1002.0
    assert codes(short) == {"slow": "DEADLINE_EXCEEDED"}
    assert it.clock.now() == 1012.0


async def test_a_deadline_by_name_may_be_longer_but_not_than_the_clients(made):
    it, _, _ = made(deadlines={"Checkout": timedelta(seconds=20)})

    await it.timed("query Checkout { slow }", seconds=30)
    patient = it.clock.now()
    await it.timed("query Checkout { slow }", seconds=3)

    assert patient == 1020.0
    assert it.clock.now() == 1023.0


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
