"""One trace from the client through the product to the services, as a collector receives it."""

import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

import httpx
import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

TRACE, CLIENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"


@pytest.fixture
def collector(monkeypatch):
    """Spans that were exported by OTLP."""
    spans = []

    class Collect(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == "/v1/traces":
                message = ExportTraceServiceRequest.FromString(body)
                spans.extend(
                    span
                    for resource in message.resource_spans
                    for scope in resource.scope_spans
                    for span in scope.spans
                )
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Collect) as server:
        thread = Thread(target=server.serve_forever, daemon=True)
        thread.start()
        monkeypatch.setitem(os.environ, "OTEL_EXPORTER_OTLP_ENDPOINT", f"http://127.0.0.1:{server.server_port}")
        monkeypatch.setitem(os.environ, "OTEL_EXPORTER_OTLP_COMPRESSION", "none")
        yield spans
        server.shutdown()
        thread.join()


@pytest.fixture
def traced(collector, start_bff, policies_for, services):
    return start_bff(policies_for(services.urls))


def attributes(span):
    return {one.key: one.value.string_value or one.value.int_value for one in span.attributes}


def test_a_client_s_trace_goes_through_request_operation_and_attempts(traced, collector, healed):
    """And there is no span per field, though the screen has hundreds."""
    traced.client.headers["traceparent"] = f"00-{TRACE}-{CLIENT}-01"

    answer = traced.run("order-history").json()
    metrics = httpx.get(f"{traced.admin}/metrics", headers={"accept": "application/openmetrics-text"})
    traced.close()

    assert "errors" not in answer
    of_trace = [span for span in collector if span.trace_id.hex() == TRACE]
    (server,) = [span for span in of_trace if span.kind == Span.SPAN_KIND_SERVER]
    (operation,) = [span for span in of_trace if span.kind == Span.SPAN_KIND_INTERNAL]
    attempts = [span for span in of_trace if span.kind == Span.SPAN_KIND_CLIENT]
    assert (server.name, server.parent_span_id.hex()) == ("POST /graphql", CLIENT)
    assert operation.parent_span_id == server.span_id
    assert attributes(operation)["graphql.operation.name"] == "OrderHistory"
    assert {span.parent_span_id for span in attempts} == {operation.span_id}
    assert {"accounts.me", "orders.own_orders", "catalog.dishes"} <= {span.name for span in attempts}
    assert len(of_trace) == 2 + len(attempts) < 15
    assert f'trace_id="{TRACE}"' in metrics.text, "buckets lead to traces"
