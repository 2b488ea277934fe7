"""Where spans go: nowhere, to standard error, to a collector, or to whatever SDK a launcher has set up."""

import sys
from collections.abc import Mapping
from typing import TextIO

from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter, SpanExporter

VARIABLE = "OTEL_TRACES_EXPORTER"
"""OpenTelemetry's own environment variable."""

_ENDPOINTS = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
_PROTOCOLS = ("OTEL_EXPORTER_OTLP_TRACES_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
_HTTP = "http/protobuf"
_LAUNCHER = "opentelemetry.instrumentation.auto_instrumentation.sitecustomize"


class UnknownExporter(ValueError):
    """The environment asks for a way to export spans that is not built in."""

    def __init__(self, variable: str, value: str, known: str) -> None:
        super().__init__(
            f"{variable}={value}: built in are {known}; for any other, start bff with "
            "`opentelemetry-instrument` and leave this to it"
        )


def require_known_exporter(environ: Mapping[str, str]) -> None:
    """Refuse an exporter that nobody here would know.

    Raises:
        UnknownExporter: It is not built in, and no launcher has set one up.
    """
    if _LAUNCHER in sys.modules:
        return
    wanted = _wanted(environ)
    if wanted not in {"none", "console", "otlp"}:
        raise UnknownExporter(VARIABLE, wanted, "`console`, `otlp` and `none`")
    for name in _PROTOCOLS:
        protocol = environ.get(name, _HTTP)
        if wanted == "otlp" and protocol != _HTTP:
            raise UnknownExporter(name, protocol, f"`{_HTTP}` only")


def open_tracing(environ: Mapping[str, str], *, stream: TextIO | None = None) -> TracerProvider | None:
    """Return the provider that *environ* asks for, None where spans are left to the global one.

    `OTEL_TRACES_EXPORTER=console` writes each span as one JSON line to *stream*, by default standard error;
    `otlp`, or an endpoint in `OTEL_EXPORTER_OTLP_ENDPOINT`, sends them to a collector over HTTP. Endpoint,
    headers, certificates, sampler, limits and resource are taken from OpenTelemetry's own variables. Shut the
    provider down at the end, so that no span is lost.

    Raises:
        UnknownExporter: Another exporter is asked for and no launcher has set one up.
    """
    require_known_exporter(environ)
    wanted = _wanted(environ)
    if wanted == "none" or _LAUNCHER in sys.modules:
        return None
    resource = Resource.create({SERVICE_NAME: environ.get("OTEL_SERVICE_NAME", "bff")})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(_processor(wanted, stream))
    return provider


def _wanted(environ: Mapping[str, str]) -> str:
    if environ.get("OTEL_SDK_DISABLED", "").lower() == "true":
        return "none"
    usual = "otlp" if any(environ.get(name) for name in _ENDPOINTS) else "none"
    return environ.get(VARIABLE) or usual


def _processor(wanted: str, stream: TextIO | None) -> BatchSpanProcessor:
    if wanted == "console":
        console = ConsoleSpanExporter(out=stream or sys.stderr, formatter=_line)
        return BatchSpanProcessor(console, schedule_delay_millis=200)
    return BatchSpanProcessor(_otlp())


def _otlp() -> SpanExporter:
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import (  # noqa: PLC0415 - slow, and seldom needed
        OTLPSpanExporter,
    )

    return OTLPSpanExporter()


def _line(span: ReadableSpan) -> str:
    return f"{span.to_json(indent=None)}\n"
