"""Where spans go is said by OpenTelemetry's own variables."""

import io
import json

import pytest

from bff.telemetry.tracing import UnknownExporter, open_tracing, require_known_exporter

ENDPOINT = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_TRACES_EXPORTER": "none", **ENDPOINT},
        {"OTEL_SDK_DISABLED": "true", **ENDPOINT},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
    ],
)
def test_nothing_is_traced_unless_asked_for(environ):
    assert open_tracing(environ) is None


def test_spans_go_to_a_stream_one_line_each():
    stream = io.StringIO()
    tracing = open_tracing({"OTEL_TRACES_EXPORTER": "console", "OTEL_SERVICE_NAME": "shop"}, stream=stream)

    with tracing.get_tracer("test").start_as_current_span("one"):
        pass
    tracing.shutdown()

    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["resource"]["attributes"]["service.name"] == "shop"


@pytest.mark.parametrize(
    "environ",
    [
        {"OTEL_TRACES_EXPORTER": "zipkin"},
        {"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc", **ENDPOINT},
        {"OTEL_EXPORTER_OTLP_TRACES_PROTOCOL": "http/json", "OTEL_TRACES_EXPORTER": "otlp"},
    ],
)
def test_what_is_not_built_in_is_refused_by_name(environ):
    with pytest.raises(UnknownExporter, match="built in are"):
        require_known_exporter(environ)
