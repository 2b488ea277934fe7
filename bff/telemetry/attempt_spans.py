"""One span for each request to a service, which the service is told of, with links to the operations that wait."""

from typing import Any

from opentelemetry import trace
from opentelemetry.trace import Span, SpanContext, SpanKind, Status, StatusCode, Tracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from bff.events import CallFinished, Coalesced, Event
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.pipeline import Call, Handler

Key = tuple[str, int]
"""Upstream and number of a call."""


class AttemptSpans:
    """The stage around each attempt, and a listener that learns who waits for whose call (PY-12).

    A call runs in the context of the operation that made it, so that its spans have that one's for a parent. Other
    operations that wait for it are linked, in both directions.
    """

    def __init__(self, tracer: Tracer) -> None:
        self._tracer = tracer
        self._propagator = TraceContextTextMapPropagator()
        self._running: dict[Key, Span] = {}
        self._waiting: dict[Key, list[SpanContext]] = {}

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Pass *call* on inside a span."""
        if is_left_out():
            self._propagator.inject(call.headers)
            return await send(call)
        key = (call.upstream, call.number)
        with self._tracer.start_as_current_span(
            f"{call.upstream}.{call.endpoint}",
            kind=SpanKind.CLIENT,
            attributes=_attributes(call),
            record_exception=False,
            set_status_on_exception=False,
        ) as span:
            self._propagator.inject(call.headers)
            for waiting in self._waiting.get(key, ()):
                span.add_link(waiting)
            self._running[key] = span
            try:
                response = await send(call)
            except UpstreamError as error:
                _fail(span, error.outcome.value, error.status)
                raise
            except BaseException as error:
                _fail(span, type(error).__name__, None)
                raise
            else:
                span.set_attribute("http.response.status_code", response.status)
                return response
            finally:
                self._running.pop(key, None)

    def hear(self, event: Event) -> None:
        """Link an operation that waits for another one's call, which runs now or soon."""
        if isinstance(event, Coalesced):
            key = (event.upstream, event.joined_call)
            waiter = trace.get_current_span()
            running = self._running.get(key)
            if running is not None:
                running.add_link(waiter.get_span_context())
                waiter.add_link(running.get_span_context())
            else:
                self._waiting.setdefault(key, []).append(waiter.get_span_context())
        elif isinstance(event, CallFinished):
            self._waiting.pop((event.upstream, event.call), None)


def is_left_out() -> bool:
    """Return whether a span is current that nobody keeps: then none is made below it, for each costs time."""
    span = trace.get_current_span()
    return not span.is_recording() and span.get_span_context().is_valid


def _attributes(call: Call) -> dict[str, Any]:
    told: dict[str, Any] = {
        "bff.upstream": call.upstream,
        "bff.endpoint": call.endpoint,
        "http.request.method": call.method,
    }
    if call.origin is not None:
        told |= {"server.address": call.origin.host, "server.port": call.origin.port}
    if call.attempt > 1:
        told["http.request.resend_count"] = call.attempt - 1
    if call.split is not None:
        told["bff.batch.keys"] = len(call.split.keys)
    return told


def _fail(span: Span, kind: str, status: int | None) -> None:
    span.set_attribute("error.type", kind)
    if status is not None:
        span.set_attribute("http.response.status_code", status)
    span.set_status(Status(StatusCode.ERROR, kind))
