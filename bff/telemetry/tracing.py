"""Where spans go: nowhere, or to standard error, or to whatever SDK a launcher has set up."""

import sys
from collections.abc import Mapping
from typing import TextIO

from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, ConsoleSpanExporter

VARIABLE = "OTEL_TRACES_EXPORTER"
"""OpenTelemetry's own environment variable."""


_LAUNCHER = "opentelemetry.instrumentation.auto_instrumentation.sitecustomize"


class UnknownExporter(ValueError):
    """The environment asks for an exporter that is not built in."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{VARIABLE}={name}: built in are `console` and `none`; for any other, start bff with "
            "`opentelemetry-instrument` and leave this to it"
        )


def require_known_exporter(environ: Mapping[str, str]) -> None:
    """Refuse an exporter that nobody here would know.

    Raises:
        UnknownExporter: It is not built in, and no launcher has set one up.
    """
    wanted = environ.get(VARIABLE, "none")
    if wanted not in {"none", "console"} and _LAUNCHER not in sys.modules:
        raise UnknownExporter(wanted)


def open_tracing(environ: Mapping[str, str], *, stream: TextIO | None = None) -> TracerProvider | None:
    """Return the provider that *environ* asks for, None where spans are left to the global one.

    `OTEL_TRACES_EXPORTER=console` writes each span as one JSON line to *stream*, by default standard error. Shut
    the provider down at the end, so that no span is lost.

    Raises:
        UnknownExporter: Another exporter is asked for and no launcher has set one up.
    """
    require_known_exporter(environ)
    if environ.get(VARIABLE) != "console" or _LAUNCHER in sys.modules:
        return None
    resource = Resource.create({SERVICE_NAME: environ.get("OTEL_SERVICE_NAME", "bff")})
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    exporter = ConsoleSpanExporter(out=stream or sys.stderr, formatter=_line)
    provider.add_span_processor(BatchSpanProcessor(exporter, schedule_delay_millis=200))
    return provider


def _line(span: ReadableSpan) -> str:
    return f"{span.to_json(indent=None)}\n"
