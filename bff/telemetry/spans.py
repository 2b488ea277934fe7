"""One span an operation, with the ids of the errors that its client read."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode, Tracer

from bff.codes import Code
from bff.context import Operation
from bff.events import ErrorTold, Event, OperationFinished
from bff.telemetry.redaction import redact


def operation_spans(tracer: Tracer) -> Callable[[Operation], AbstractContextManager[None]]:
    """Return what opens the span of an operation on *tracer*, named as OpenTelemetry names GraphQL spans."""

    @contextmanager
    def span(operation: Operation) -> Iterator[None]:
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
    elif isinstance(event, OperationFinished):
        span.set_attributes({"bff.errors": event.errors, "bff.degraded": event.degraded})
