"""A trace has one span an operation, and on it the ids that its client can quote."""

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import StatusCode

from bff.clock import SystemClock
from bff.codes import Code
from bff.context import Deadline, Operation
from bff.events import ErrorTold, OperationFinished
from bff.telemetry.spans import operation_spans, record_on_span


@pytest.fixture
def exporter():
    """Return an exporter that keeps spans, and the tracer that feeds it."""
    kept = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(kept))
    kept.tracer = provider.get_tracer("test")
    yield kept
    provider.shutdown()


def operation(name="Screen"):
    return Operation("r1", Deadline.after(1.0, SystemClock()), None, name=name)


def test_the_span_of_an_operation_has_its_error_ids(exporter):
    with operation_spans(exporter.tracer)(operation()):
        record_on_span(
            ErrorTold("id-1", "r1", Code.UPSTREAM_TIMEOUT, ("a", 1), "catalog", "Bearer SECRETabc", None)
        )
        record_on_span(OperationFinished("r1", "Screen", "query", 0.1, 1, 0))

    (span,) = exporter.get_finished_spans()
    assert span.attributes["graphql.operation.name"] == "Screen"
    assert span.attributes["bff.errors"] == 1
    (event,) = span.events
    assert event.attributes["bff.error.id"] == "id-1"
    assert event.attributes["bff.path"] == "a.1"
    assert "SECRET" not in event.attributes["bff.detail"]
    assert span.status.status_code is StatusCode.UNSET, "a service that failed is no fault of this span"


def test_a_fault_of_ours_marks_the_span(exporter):
    with operation_spans(exporter.tracer)(operation(None)):
        record_on_span(ErrorTold("id-1", "r1", Code.INTERNAL_SERVER_ERROR, None, None, "bug", None))

    (span,) = exporter.get_finished_spans()
    assert span.status.status_code is StatusCode.ERROR
    assert "graphql.operation.name" not in span.attributes


def test_without_a_span_nothing_is_recorded(exporter):
    record_on_span(ErrorTold("id-1", "r1", Code.INTERNAL_SERVER_ERROR, None, None, "bug", None))

    assert exporter.get_finished_spans() == ()
