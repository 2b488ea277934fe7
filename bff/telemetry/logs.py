"""Events as JSON lines, one event a line, for whoever collects standard error."""

import json
import logging
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TextIO

from opentelemetry import trace

from bff.codes import Code
from bff.events import (
    AttemptFinished,
    BreakerChanged,
    ErrorTold,
    Event,
    GateClosed,
    GateOpened,
    OperationFinished,
)
from bff.telemetry.redaction import redact

_LONGEST = 8_000
"""Characters of one value in a line; a stack of a deep recursion has no end worth reading."""

_OURS = frozenset({Code.INTERNAL_SERVER_ERROR})


class JsonLogs:
    """Writes the events that are worth a line.

    Errors that a client read are always written: as errors when they are faults of ours, else as warnings (a
    service failed) or information (the request did not fit). Attempts and whole operations are written at DEBUG.

    Args:
        stream: Where lines go.
        wall: Seconds since the Unix epoch.
        level: Lowest level that is written, of the `logging` module.
    """

    def __init__(self, stream: TextIO, *, wall: Callable[[], float], level: int = logging.INFO) -> None:
        self._stream = stream
        self._wall = wall
        self._level = level

    def __call__(self, event: Event) -> None:
        """Write the line for *event*, if it deserves one."""
        level, fields = _line(event)
        if level < self._level and not isinstance(event, ErrorTold):
            return
        time = datetime.fromtimestamp(self._wall(), UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "level": logging.getLevelName(level).lower(), **fields, **_trace()}
        text = json.dumps({key: _safe(value) for key, value in line.items() if value is not None}, default=str)
        self._stream.write(text + "\n")
        self._stream.flush()


def _line(event: Event) -> tuple[int, dict[str, Any]]:
    if isinstance(event, ErrorTold):
        return _level_of(event), {
            "event": "error",
            "error_id": event.error_id,
            "request_id": event.request_id,
            "code": event.code.value,
            "path": None if event.path is None else ".".join(map(str, event.path)),
            "upstream": event.upstream,
            "detail": event.detail,
            "exception": None if event.exception is None else _text(event.exception),
            "stack": _stack(event.exception) if event.exception and event.code in _OURS else None,
        }
    if isinstance(event, AttemptFinished):
        return logging.DEBUG, {
            "event": "attempt",
            "request_id": event.request_id,
            "upstream": event.upstream,
            "endpoint": event.endpoint,
            "origin": str(event.origin),
            "attempt": event.attempt,
            "outcome": event.outcome.value,
            "status": event.status,
            "ms": round(event.seconds * 1000, 3),
        }
    if isinstance(event, OperationFinished):
        return logging.DEBUG, {
            "event": "operation",
            "request_id": event.request_id,
            "name": event.name,
            "kind": event.kind,
            "ms": round(event.seconds * 1000, 3),
            "errors": event.errors,
            "degraded": event.degraded,
        }
    if isinstance(event, BreakerChanged):
        return _of_breaker(event)
    if isinstance(event, GateClosed | GateOpened):
        return _of_gate(event)
    return logging.DEBUG, {"event": type(event).__name__, "detail": repr(event)}


def _of_breaker(event: BreakerChanged) -> tuple[int, dict[str, Any]]:
    """A service that is left alone is worth a look at night; one that is well again is worth knowing."""
    level = logging.WARNING if event.after in {"open", "forced_open"} else logging.INFO
    return level, {
        "event": "breaker",
        "upstream": event.upstream,
        "group": event.group,
        "from": event.before,
        "to": event.after,
        "cause": event.cause,
        "failure_rate": round(event.failure_rate, 3),
        "slow_rate": round(event.slow_rate, 3),
        "calls": event.calls,
        "open_ms": round(event.seconds * 1000) or None,
    }


def _of_gate(event: GateClosed | GateOpened) -> tuple[int, dict[str, Any]]:
    closed = isinstance(event, GateClosed)
    return logging.WARNING if closed else logging.INFO, {
        "event": "gate",
        "upstream": event.upstream,
        "group": event.group,
        "origin": str(event.origin),
        "to": "closed" if closed else "open",
        "cause": event.cause,
        "closed_ms": round(event.seconds * 1000) if isinstance(event, GateClosed) else None,
    }


def _level_of(event: ErrorTold) -> int:
    if event.code in _OURS:
        return logging.ERROR
    return logging.WARNING if event.path is not None else logging.INFO


def _text(exception: BaseException) -> str:
    return f"{type(exception).__name__}: {exception}"


def _stack(exception: BaseException) -> str | None:
    # Only asked for where the fault is ours: that a service failed is not explained by our own frames.
    if exception.__traceback__ is None and exception.__cause__ is None:
        return None
    return "".join(traceback.format_exception(exception))


def _trace() -> dict[str, str]:
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}


def _safe(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    text = redact(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST // 2] + " ... " + text[-_LONGEST // 2 :]
