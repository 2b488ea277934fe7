"""Spans of one process: requests, operations with the ids of their errors, attempts. None where nobody listens."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import trace
from opentelemetry.trace import ProxyTracerProvider, SpanKind, Status, StatusCode, Tracer, TracerProvider

from bff.codes import Code
from bff.context import Operation
from bff.events import CallFinished, Coalesced, ErrorTold, Event, OperationFinished, OperationShared
from bff.server.ports import ASGIApp
from bff.telemetry.attempt_spans import AttemptSpans, is_left_out
from bff.telemetry.fanout import Choosy, Only
from bff.telemetry.redaction import redact
from bff.telemetry.server_spans import ServerSpans


class Spans:
    """What makes spans on *tracer*.

    Attributes:
        operation: Opens the span of an operation.
        attempts: The stage around each attempt.
        listeners: Have to hear of events.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self.operation = operation_spans(tracer)
        self.attempts = AttemptSpans(tracer)
        self.listeners: tuple[Choosy, ...] = (
            Only({ErrorTold, OperationFinished, OperationShared}, record_on_span),
            Only({CallFinished, Coalesced}, self.attempts.hear),
        )

    def around(self, app: ASGIApp, route: str) -> ASGIApp:
        """Return *app* with a span for each request to *route*."""
        return ServerSpans(app, self._tracer, route=route)


def spans_of(provider: TracerProvider | None) -> Spans | None:
    """Return what makes spans by *provider*, or by the one that a launcher has set up; None where nobody listens.

    With nobody listening even an empty span costs a tenth of a small request.
    """
    if provider is None and isinstance(trace.get_tracer_provider(), ProxyTracerProvider):
        return None
    return Spans(trace.get_tracer("bff", tracer_provider=provider))


def current_trace() -> dict[str, str] | None:
    """Return what an exemplar says of the current span, None where nobody keeps that."""
    context = trace.get_current_span().get_span_context()
    if not context.is_valid or not context.trace_flags.sampled:
        return None
    return {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}


def operation_spans(tracer: Tracer) -> Callable[[Operation], AbstractContextManager[None]]:
    """Return what opens the span of an operation on *tracer*, named as OpenTelemetry names GraphQL spans."""

    @contextmanager
    def span(operation: Operation) -> Iterator[None]:
        if is_left_out():
            yield
            return
        attributes = {"graphql.operation.type": operation.kind, "bff.request_id": operation.request_id}
        if operation.name:
            attributes["graphql.operation.name"] = operation.name
        with tracer.start_as_current_span(
            operation.kind, kind=SpanKind.INTERNAL, attributes=attributes, record_exception=False
        ):
            yield

    return span


def record_on_span(event: Event) -> None:
    """Put what happened on the current span: errors with their ids, and how the operation ended."""
    span = trace.get_current_span()
    if not span.is_recording():
        return
    if isinstance(event, ErrorTold):
        attributes = {
            "bff.error.id": event.error_id,
            "error.type": event.code.value,
            "bff.detail": redact(event.detail),
        }
        if event.path is not None:
            attributes["bff.path"] = ".".join(map(str, event.path))
        if event.upstream:
            attributes["bff.upstream"] = event.upstream
        span.add_event("bff.error", attributes)
        if event.code is Code.INTERNAL_SERVER_ERROR:
            span.set_status(Status(StatusCode.ERROR, event.code.value))
    elif isinstance(event, OperationShared):
        span.set_attribute("bff.executed_by", event.executed)
    elif isinstance(event, OperationFinished):
        span.set_attributes({"bff.errors": event.errors, "bff.degraded": event.degraded})
