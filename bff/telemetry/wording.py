"""Which events are worth a log line, at which level, and what stands in it."""

import logging
import re
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from bff.codes import Code
from bff.events import (
    AttemptFinished,
    BreakerChanged,
    ErrorTold,
    Event,
    GateClosed,
    GateOpened,
    HealthChanged,
    HostEjected,
    HostReturned,
    OperationFinished,
    OperationShared,
)

Line = tuple[int, dict[str, Any]]
"""Level and fields."""

_NUMBERS = re.compile(r"[0-9]+(\.[0-9]+)?")
_OURS = frozenset({Code.INTERNAL_SERVER_ERROR})


def line_of(event: Event) -> Line:
    """Return level and fields of the line for *event*; an event without words of its own is shown as it is."""
    word = _WORDS.get(type(event))
    return word(event) if word else (logging.DEBUG, {"event": type(event).__name__, "detail": repr(event)})


def is_loud(kind: type[Event]) -> bool:
    """Return whether events of *kind* may stand above DEBUG; the others happen with every call."""
    return kind in _LOUD


def text_of(exception: BaseException) -> str:
    """Return kind and text of *exception*."""
    return f"{type(exception).__name__}: {exception}"


def stack_of(exception: BaseException) -> str | None:
    """Return the stack of *exception*, None where it was never raised."""
    if exception.__traceback__ is None and exception.__cause__ is None:
        return None
    return "".join(traceback.format_exception(exception))


def _error(event: ErrorTold) -> Line:
    ours = event.code in _OURS
    level = logging.ERROR if ours else logging.WARNING if event.path is not None else logging.INFO
    exception = event.exception
    return level, {
        "event": "error",
        "error_id": event.error_id,
        "request_id": event.request_id,
        "code": event.code.value,
        "path": None if event.path is None else ".".join(map(str, event.path)),
        "upstream": event.upstream,
        "detail": event.detail,
        "exception": text_of(exception) if exception else None,
        # That a service failed is not explained by our own frames.
        "stack": stack_of(exception) if exception and ours else None,
    }


_MOST_PATHS = 10


def errors_of(errors: Iterable[ErrorTold]) -> list[Line]:
    """Return level and fields of the lines for the *errors* of one answer: one line for all that are equal.

    Errors are equal when code, service and cause are, whatever numbers the cause is told with. A line for several
    lists all their ids, so that each of them can be found.
    """
    groups: dict[object, list[ErrorTold]] = {}
    for error in errors:
        kind = type(error.exception) if error.exception else None
        groups.setdefault((error.code, error.upstream, kind, _NUMBERS.sub("#", error.detail)), []).append(error)
    return [_grouped(group) for group in groups.values()]


def _grouped(group: list[ErrorTold]) -> Line:
    level, fields = _error(group[0])
    if len(group) == 1:
        return level, fields
    paths = [".".join(map(str, error.path)) for error in group[:_MOST_PATHS] if error.path is not None]
    ids = [error.error_id for error in group]
    return level, {**fields, "count": len(group), "error_ids": ids, "paths": paths or None}


def _attempt(event: AttemptFinished) -> Line:
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


def _operation(event: OperationFinished) -> Line:
    return logging.DEBUG, {
        "event": "operation",
        "request_id": event.request_id,
        "name": event.name,
        "kind": event.kind,
        "ms": round(event.seconds * 1000, 3),
        "errors": event.errors,
        "degraded": event.degraded,
    }


def _shared(event: OperationShared) -> Line:
    return logging.DEBUG, {
        "event": "operation shared",
        "request_id": event.request_id,
        "name": event.name,
        "executed": event.executed,
    }


def _breaker(event: BreakerChanged) -> Line:
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


def _gate(event: GateClosed | GateOpened) -> Line:
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


def _host(event: HostEjected | HostReturned) -> Line:
    ejected = isinstance(event, HostEjected)
    return logging.WARNING if ejected else logging.INFO, {
        "event": "host",
        "upstream": event.upstream,
        "origin": event.origin,
        "to": "ejected" if ejected else "returned",
        "cause": event.cause if isinstance(event, HostEjected) else None,
        "ejected_ms": round(event.seconds * 1000) if isinstance(event, HostEjected) else None,
    }


def _health(event: HealthChanged) -> Line:
    return logging.WARNING if event.state == "unhealthy" else logging.INFO, {
        "event": "health",
        "upstream": event.upstream,
        "origin": event.origin,
        "to": event.state,
        "detail": event.detail,
    }


_WORDS: dict[type[Event], Callable[[Any], Line]] = {
    AttemptFinished: _attempt,
    OperationFinished: _operation,
    OperationShared: _shared,
    BreakerChanged: _breaker,
    GateClosed: _gate,
    GateOpened: _gate,
    HostEjected: _host,
    HostReturned: _host,
    HealthChanged: _health,
}
_LOUD = frozenset(_WORDS) - {AttemptFinished, OperationFinished, OperationShared}
