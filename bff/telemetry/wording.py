"""Which events are worth a log line, at which level, and what stands in it."""

import logging
import re
import traceback
from collections.abc import Callable, Iterable
from typing import Any

from bff.codes import Code
from bff.events import (
    AdminAction,
    ApiKeysRead,
    AttemptFinished,
    AuthenticationRefused,
    BreakerChanged,
    CanaryStopped,
    CostExceeded,
    DocumentsPrepared,
    DocumentUnusable,
    ErrorTold,
    Event,
    ExperimentEnded,
    ExperimentStarted,
    GateClosed,
    GateOpened,
    HealthChanged,
    HostEjected,
    HostReturned,
    IntrospectionFailed,
    KeysFailed,
    KeysFetched,
    KeyUnknown,
    LimiterDegraded,
    LimitExceeded,
    LoginRefused,
    OperationFinished,
    OperationShared,
    Reloaded,
    ReloadFailed,
    SessionEnded,
    SessionOpened,
    SessionRenewed,
    TokenFetched,
    UntrustedDocument,
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
        **({} if event.age is None else {"age_ms": round(event.age * 1000)}),
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


def _not_let_in(event: AuthenticationRefused) -> Line:
    """The error that the client was told has a line of its own."""
    return logging.DEBUG, {
        "event": "authentication_refused",
        "request_id": event.request_id,
        "means": event.means,
        "reason": event.reason,
        "issuer": event.issuer or None,
        "detail": event.detail,
    }


def _token(event: TokenFetched) -> Line:
    failed = event.result == "failed"
    return logging.WARNING if failed else logging.DEBUG, {
        "event": "token",
        "upstream": event.upstream,
        "result": event.result,
        "detail": event.detail or None,
        "ms": round(event.seconds * 1000, 3),
    }


def _keys(event: KeysFetched) -> Line:
    """Keys that changed are worth knowing; the same ones again are not."""
    changed = event.added or event.removed
    return logging.INFO if changed else logging.DEBUG, {
        "event": "keys",
        "issuer": event.issuer,
        "keys": event.keys,
        "added": event.added,
        "removed": event.removed,
    }


def _no_keys(event: KeysFailed) -> Line:
    """Without older keys nobody of that issuer gets in."""
    return logging.ERROR if event.age is None else logging.WARNING, {
        "event": "keys_failed",
        "issuer": event.issuer,
        "detail": event.detail,
        "retry_ms": round(event.pause * 1000),
        "age_s": None if event.age is None else round(event.age),
    }


def _unknown_key(event: KeyUnknown) -> Line:
    return logging.INFO, {"event": "key_unknown", "issuer": event.issuer, "kid": event.kid}


def _introspection(event: IntrospectionFailed) -> Line:
    return logging.WARNING, {
        "event": "introspection_failed",
        "issuer": event.issuer,
        "detail": event.detail,
        "stale": event.stale,
    }


def _api_keys(event: ApiKeysRead) -> Line:
    level = logging.WARNING if event.detail else logging.INFO
    return level, {"event": "api_keys", "keys": event.keys, "detail": event.detail or None}


def _session(event: SessionOpened | SessionEnded | SessionRenewed) -> Line:
    """A renewal that works happens every few minutes for each session; one that does not may log people out."""
    if isinstance(event, SessionOpened):
        return logging.INFO, {"event": "session", "to": "opened"}
    if isinstance(event, SessionEnded):
        return logging.INFO, {"event": "session", "to": "ended", "cause": event.reason, "sessions": event.sessions}
    level = logging.DEBUG if event.ok else logging.WARNING
    return level, {"event": "session", "to": "renewed" if event.ok else "not renewed", "detail": event.reason}


def _login(event: LoginRefused) -> Line:
    """Somebody's old tab, an attack, or a login that cannot work: worth knowing, not worth waking anybody."""
    return logging.WARNING, {"event": "login", "step": event.step, "detail": event.detail}


def _degraded(event: LimiterDegraded) -> Line:
    level = logging.WARNING if event.degraded else logging.INFO
    return level, {"event": "limiter", "to": "each process alone" if event.degraded else "together"}


def _exceeded(event: LimitExceeded) -> Line:
    """What was refused has a line of its own, under the id that the client read."""
    return logging.DEBUG if event.enforced else logging.INFO, {
        "event": "limit",
        "request_id": event.request_id,
        "policy": event.policy,
        "limit": event.limit,
        "enforced": event.enforced,
        "counted": event.counted,
    }


def _cost(event: CostExceeded) -> Line:
    return logging.INFO if event.enforced else logging.WARNING, {
        "event": "cost",
        "request_id": event.request_id,
        "name": event.name,
        "requested": event.requested,
        "allowed": event.allowed,
        "refused": event.enforced,
    }


def _untrusted(event: UntrustedDocument) -> Line:
    return logging.INFO, {
        "event": "untrusted_document",
        "request_id": event.request_id,
        "hash": event.hash,
        "refused": not event.allowed,
    }


def _prepared(event: DocumentsPrepared) -> Line:
    return logging.WARNING if event.failed else logging.INFO, {
        "event": "documents",
        "done": event.done,
        "total": event.total,
        "failed": event.failed,
        "ms": round(event.seconds * 1000),
    }


def _unusable(event: DocumentUnusable) -> Line:
    return logging.WARNING, {
        "event": "unusable_document",
        "id": event.id,
        "name": event.name,
        "detail": event.detail,
    }


def _experiment(event: ExperimentStarted | ExperimentEnded) -> Line:
    """Whoever wonders at night why a service fails has to find it."""
    fields = {"event": "experiment", "experiment": event.id, "upstream": event.upstream}
    if isinstance(event, ExperimentEnded):
        return logging.WARNING, {**fields, "to": "ended", "cause": event.reason, "hits": event.hits}
    return logging.WARNING, {
        **fields,
        "to": "started",
        "endpoint": event.endpoint,
        "fault": event.fault,
        "share": event.share,
        "scope": event.scope,
        "ms": round(event.seconds * 1000),
        "note": event.note or None,
    }


def _canary(event: CanaryStopped) -> Line:
    return logging.WARNING, {
        "event": "canary",
        "upstream": event.upstream,
        "to": "stopped",
        "failure_rate": round(event.canary_failures, 3),
        "stable_failure_rate": round(event.stable_failures, 3),
        "calls": event.calls,
    }


def _reloaded(event: Reloaded) -> Line:
    """The start is told by the line that says where we are."""
    level = logging.WARNING if event.restart else logging.DEBUG if event.cause == "start" else logging.INFO
    return level, {
        "event": "reload",
        "to": "unchanged" if event.unchanged else "applied",
        "generation": event.generation,
        "cause": event.cause,
        "digest": event.digest[:12],
        "restart": list(event.restart) or None,
        "ms": round(event.seconds * 1000),
    }


def _not_reloaded(event: ReloadFailed) -> Line:
    return logging.ERROR, {
        "event": "reload",
        "to": "failed",
        "generation": event.generation,
        "cause": event.cause,
        "detail": event.detail,
        "ms": round(event.seconds * 1000),
    }


def _admin(event: AdminAction) -> Line:
    """The audit log of what people did; whatever else changes, these lines are kept."""
    return logging.INFO if event.result == "done" else logging.WARNING, {
        "event": "admin_action",
        "who": event.who,
        "action": event.action,
        "detail": event.detail or None,
        "peer": event.peer,
        "result": event.result,
        "status": event.status,
    }


_WORDS: dict[type[Event], Callable[[Any], Line]] = {
    ExperimentStarted: _experiment,
    ExperimentEnded: _experiment,
    CanaryStopped: _canary,
    AdminAction: _admin,
    AttemptFinished: _attempt,
    OperationFinished: _operation,
    OperationShared: _shared,
    BreakerChanged: _breaker,
    GateClosed: _gate,
    GateOpened: _gate,
    HostEjected: _host,
    HostReturned: _host,
    HealthChanged: _health,
    AuthenticationRefused: _not_let_in,
    SessionOpened: _session,
    SessionEnded: _session,
    SessionRenewed: _session,
    LoginRefused: _login,
    TokenFetched: _token,
    KeysFetched: _keys,
    KeysFailed: _no_keys,
    KeyUnknown: _unknown_key,
    IntrospectionFailed: _introspection,
    ApiKeysRead: _api_keys,
    LimiterDegraded: _degraded,
    LimitExceeded: _exceeded,
    CostExceeded: _cost,
    UntrustedDocument: _untrusted,
    DocumentsPrepared: _prepared,
    DocumentUnusable: _unusable,
    Reloaded: _reloaded,
    ReloadFailed: _not_reloaded,
}
_LOUD = frozenset(_WORDS) - {AttemptFinished, AuthenticationRefused, OperationFinished, OperationShared}
