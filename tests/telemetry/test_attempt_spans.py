"""Each request to a service is a span that the service hears of; who waits for it is linked (PY-12)."""

import asyncio

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import (
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    format_span_id,
    format_trace_id,
    use_span,
)

from bff.context import Operation
from bff.events import CallFinished, Coalesced
from bff.telemetry.attempt_spans import AttemptSpans
from bff.telemetry.server_spans import ServerSpans
from bff.telemetry.spans import Spans, current_trace, spans_of
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline import Call

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def spans():
    """Return what was exported so far, by name; `tracer` makes more."""

    class Exported(dict):
        def read(self):
            return {span.name: span for span in kept.get_finished_spans()}

    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    exported = Exported()
    exported.tracer = provider.get_tracer("test")
    yield exported
    provider.shutdown()


def call(number=1, attempt=1):
    made = Call("catalog", "dishes", "GET", "/dishes", {}, None, safe=True, request_id="r1", deadline=1e9)
    made.number, made.attempt, made.origin = number, attempt, Origin("http", "10.0.0.7", 8080)
    return made


def answers(status=200):
    async def send(_call):
        return Response(status, {}, b"")

    return send


async def test_an_attempt_is_a_client_span_below_the_operation(spans):
    sent = call(attempt=2)
    with spans.tracer.start_as_current_span("operation"):
        await AttemptSpans(spans.tracer)(sent, answers())

    made = spans.read()
    attempt, operation = made["catalog.dishes"], made["operation"]
    assert (attempt.kind, attempt.parent.span_id) == (SpanKind.CLIENT, operation.context.span_id)
    assert attempt.attributes["http.response.status_code"] == 200
    assert attempt.attributes["http.request.resend_count"] == 1
    assert attempt.attributes["server.port"] == 8080
    trace, span = format_trace_id(attempt.context.trace_id), format_span_id(attempt.context.span_id)
    assert sent.headers["traceparent"].startswith(f"00-{trace}-{span}-")


@pytest.mark.parametrize(
    ("error", "kind", "status"),
    [
        (UpstreamError(Outcome.GATEWAY_ERROR, "no", status=503), "GATEWAY_ERROR", 503),
        (UpstreamError(Outcome.RESET, "no"), "RESET", None),
        (asyncio.CancelledError(), "CancelledError", None),
    ],
)
async def test_a_failed_attempt_says_how(spans, error, kind, status):
    async def fails(_call):
        raise error

    with pytest.raises(type(error)):
        await AttemptSpans(spans.tracer)(call(), fails)

    span = spans.read()["catalog.dishes"]
    assert span.attributes["error.type"] == kind
    assert span.attributes.get("http.response.status_code") == status
    assert span.status.status_code is StatusCode.ERROR


async def test_who_waits_for_a_running_call_is_linked_both_ways(spans):
    stage, begun, go_on = AttemptSpans(spans.tracer), asyncio.Event(), asyncio.Event()

    async def slow(_call):
        begun.set()
        await go_on.wait()
        return Response(200, {}, b"")

    leader = asyncio.create_task(stage(call(7), slow))
    await begun.wait()
    with spans.tracer.start_as_current_span("waiter"):
        stage.hear(Coalesced("catalog", "dishes", "r2", 8, "r1", 7))
    go_on.set()
    await leader

    made = spans.read()
    assert [link.context for link in made["catalog.dishes"].links] == [made["waiter"].context]
    assert [link.context for link in made["waiter"].links] == [made["catalog.dishes"].context]


async def test_who_waits_before_the_request_is_sent_is_linked_to_each_attempt(spans):
    stage = AttemptSpans(spans.tracer)
    with spans.tracer.start_as_current_span("waiter"):
        stage.hear(Coalesced("catalog", "dishes", "r2", 8, "r1", 7))

    await stage(call(7), answers())
    stage.hear(CallFinished("catalog", "dishes", "r1", 7, Outcome.OK, 0.1))

    made = spans.read()
    assert [link.context for link in made["catalog.dishes"].links] == [made["waiter"].context]
    assert stage._waiting == {}, "nothing is kept of calls that ended"


async def serve(spans, headers, status=200, path="/graphql"):
    async def app(_scope, _receive, send):
        with spans.tracer.start_as_current_span("inside"):
            pass
        await send({"type": "http.response.start", "status": status, "headers": []})

    async def send(_message):
        pass

    scope = {"type": "http", "method": "POST", "path": path, "headers": headers}
    await ServerSpans(app, spans.tracer, route="/graphql")(scope, None, send)


async def test_the_trace_of_the_client_goes_on(spans):
    await serve(spans, [(b"traceparent", f"00-{TRACE}-{PARENT}-01".encode()), (b"host", b"x")])

    made = spans.read()
    server = made["POST /graphql"]
    assert (server.kind, server.attributes["http.response.status_code"]) == (SpanKind.SERVER, 200)
    assert format_trace_id(server.context.trace_id) == TRACE
    assert format_span_id(server.parent.span_id) == PARENT
    assert made["inside"].parent.span_id == server.context.span_id


@pytest.mark.parametrize("header", [b"nonsense", b"00-0-0-01", b""])
async def test_a_broken_trace_begins_a_new_one(spans, header):
    await serve(spans, [(b"traceparent", header)], status=503)

    server = spans.read()["POST /graphql"]
    assert server.parent is None
    assert server.status.status_code is StatusCode.ERROR


async def test_assets_have_no_span(spans):
    await serve(spans, [], path="/graphql/assets/bff.js")

    assert list(spans.read()) == ["inside"]


async def test_below_a_span_that_nobody_keeps_none_is_made_and_services_learn_of_that(spans):
    """Sampling is decided once, at the edge."""
    left_out = NonRecordingSpan(SpanContext(int(TRACE, 16), int(PARENT, 16), is_remote=False))
    sent = call()
    with use_span(left_out), Spans(spans.tracer).operation(Operation("r1", None, None)):
        await AttemptSpans(spans.tracer)(sent, answers())

    assert spans.read() == {}
    assert sent.headers["traceparent"] == f"00-{TRACE}-{PARENT}-00"


def test_an_exemplar_names_only_a_trace_that_somebody_keeps(spans):
    assert current_trace() is None

    with spans.tracer.start_as_current_span("kept") as span:
        told = current_trace()

    assert told == {
        "trace_id": format_trace_id(span.get_span_context().trace_id),
        "span_id": format_span_id(span.get_span_context().span_id),
    }


def test_nothing_is_made_where_nobody_listens():
    assert spans_of(None) is None
