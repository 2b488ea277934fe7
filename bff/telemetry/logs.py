"""Events as JSON lines, one event a line, for whoever collects standard error."""

import json
import logging
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TextIO

from opentelemetry import trace

from bff.events import ErrorsTold, ErrorTold, Event
from bff.server.events import LoopTurned
from bff.telemetry.redaction import is_innocent, redact
from bff.telemetry.wording import errors_of, is_loud, line_of, stack_of, text_of

_LONGEST = 8_000
"""Characters of one value in a line; a stack of a deep recursion has no end worth reading."""


_ESCAPE = "\\u"
"""Behind it is a letter that cannot be looked at."""

_COUNTED_ONLY = (ErrorTold, LoopTurned)
"""Events that never have a line: errors have theirs with all of their answer, and the loop turns too often."""


class JsonLogs:
    """Writes the events that are worth a line.

    Errors that a client read are always written, equal ones of one answer in one line: as errors when they are
    faults of ours, else as warnings (a service failed) or information (the request did not fit). Attempts and
    whole operations are written at DEBUG.

    Args:
        stream: Where lines go.
        wall: Seconds since the Unix epoch.
        level: Lowest level that is written, of the `logging` module.
        story: Says what happened at a service on behalf of a request, for the line of an error.
    """

    def __init__(
        self,
        stream: TextIO,
        *,
        wall: Callable[[], float],
        level: int = logging.INFO,
        story: Callable[[ErrorTold], list[str]] = lambda _: [],
    ) -> None:
        self._stream = stream
        self._wall = wall
        self._level = level
        self._story = story

    def handlers(self, kind: type[Event]) -> Sequence[Callable[[Any], None]]:
        """Return what takes events of *kind*; most come with every call and have no line unless debugging."""
        if kind is ErrorsTold:
            return (self._write_errors,)
        if kind in _COUNTED_ONLY or (self._level > logging.DEBUG and not is_loud(kind)):
            return ()
        return (self._write_line,)

    def __call__(self, event: Event) -> None:
        """Write the line for *event*, if it deserves one."""
        for handle in self.handlers(type(event)):
            handle(event)

    def _write_line(self, event: Event) -> None:
        level, fields = line_of(event)
        if level >= self._level:
            self.write(level, fields)

    def _write_errors(self, event: ErrorsTold) -> None:
        first = {error.error_id: error for error in event.errors}
        for level, fields in errors_of(event.errors):
            story = self._story(first[fields["error_id"]])
            self.write(level, {**fields, "story": story} if story else fields)

    def write(self, level: int, fields: dict[str, Any]) -> None:
        """Write one line with *fields*, redacted, under the trace that is current."""
        time = datetime.fromtimestamp(self._wall(), UTC).isoformat(timespec="milliseconds")
        line = {"time": time, "level": logging.getLevelName(level).lower(), **fields, **_trace()}
        line = {key: value for key, value in line.items() if value is not None}
        text = json.dumps(line, default=str)
        if len(text) > _LONGEST or _ESCAPE in text or not is_innocent(text):
            text = json.dumps({key: _safe(value) for key, value in line.items()}, default=str)
        self._stream.write(text + "\n")
        self._stream.flush()


class StandardLogs(logging.Handler):
    """Writes what libraries log as the same kind of lines, redacted as well."""

    def __init__(self, logs: JsonLogs) -> None:
        super().__init__(logging.WARNING)
        self._logs = logs

    def emit(self, record: logging.LogRecord) -> None:
        """Write the line for *record*; whoever logs is not disturbed by a stream that takes nothing any more."""
        try:
            self._write(record)
        except Exception:  # noqa: BLE001 - as handlers of the standard library do
            self.handleError(record)

    def _write(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        self._logs.write(
            record.levelno,
            {
                "event": "log",
                "logger": record.name,
                "detail": record.getMessage(),
                "exception": text_of(error) if error else None,
                "stack": stack_of(error) if error else None,
            },
        )


def _trace() -> dict[str, str]:
    context = trace.get_current_span().get_span_context()
    if not context.is_valid:
        return {}
    return {"trace_id": trace.format_trace_id(context.trace_id), "span_id": trace.format_span_id(context.span_id)}


def _safe(value: Any) -> Any:
    if isinstance(value, list):
        return [_safe(one) for one in value]
    if not isinstance(value, str):
        return value
    text = redact(value)
    return text if len(text) <= _LONGEST else text[: _LONGEST // 2] + " ... " + text[-_LONGEST // 2 :]
