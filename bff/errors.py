"""The single place that words errors for clients, for every transport.

Three kinds of failure reach a client in words of their own:
- `UpstreamError`: a code and the public alias of the service, never what the service said;
- `PublicError`: what an application raises so that clients read it (Strawberry's permissions count as that);
- errors of the request itself, which quote only what the client has sent.
Everything else is "Internal server error". The event `ErrorTold` carries what was not told, under the same id.
"""

import re
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from graphql import ArgumentNode, GraphQLError, ValueNode
from strawberry.exceptions import StrawberryGraphQLError, StrawberryInputCoercionError

from bff.codes import Code
from bff.context import Operation
from bff.events import ErrorsTold, ErrorTold, Notify
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome

_RESERVED = frozenset(
    {"code", "upstream", "retryable", "retryAfterMs", "phase", "errorId", "outcome", "suppressed"}
)
_HINT = re.compile(r" Did you mean .*?\?(?=\s|$)", re.DOTALL)
_LONGEST = 1000
"""Characters of a message that quotes the client."""

_REFUSALS = frozenset(
    {
        Outcome.CLIENT_ERROR,
        Outcome.NOT_FOUND,
        Outcome.AUTH,
        Outcome.CONFLICT,
        Outcome.THROTTLED,
        Outcome.TOO_EARLY,
    }
)
"""The service has said no, so nobody has to wonder what became of a mutation."""

_WORDS = {
    Code.UPSTREAM_ERROR: "{} failed.",
    Code.UPSTREAM_UNAVAILABLE: "{} is not available at the moment.",
    Code.UPSTREAM_TIMEOUT: "{} did not answer in time.",
    Code.UPSTREAM_THROTTLED: "{} asks for fewer calls.",
    Code.UPSTREAM_OVERLOADED: "Too many calls to {} are already waiting.",
    Code.OPERATION_FANOUT_EXCEEDED: "{} was not asked: the operation needs too many calls.",
    Code.UPSTREAM_BAD_RESPONSE: "{} answered with something that cannot be read.",
    Code.UPSTREAM_RESPONSE_TOO_LARGE: "{} answered with more than is accepted.",
    Code.UPSTREAM_REJECTED: "{} refused the call as invalid.",
    Code.UPSTREAM_CONFLICT: "{} says that its state does not allow this.",
    Code.UPSTREAM_UNAUTHORIZED: "{} did not accept the credentials.",
    Code.UPSTREAM_FORBIDDEN: "{} does not allow this.",
    Code.CIRCUIT_OPEN: "{} failed too often lately and is left alone for a while.",
    Code.NOT_FOUND: "{} knows no such thing.",
    Code.DEADLINE_EXCEEDED: "The operation's time was up before {} answered.",
}
_INTERNAL = "Internal server error"


class PublicError(Exception):
    """What an application raises when clients shall read the message.

    Args:
        code: One of the closed list.
        message: Shown to clients as it is.
        extensions: Further members of the error's `extensions`; names of the contract are refused.

    Raises:
        ValueError: An extension has a name that the contract owns.
    """

    def __init__(self, code: Code, message: str, /, **extensions: Any) -> None:
        taken = _RESERVED.intersection(extensions)
        if taken:
            raise ValueError(f"extensions named {sorted(taken)} belong to the error contract")
        super().__init__(message)
        self.code = code
        self.message = message
        self.extensions = extensions


class OperationStopped(Exception):
    """The operation's time was up before a field was there (DL-8).

    Attributes:
        started: Whether the field's resolver had begun.
    """

    def __init__(self, *, started: bool) -> None:
        super().__init__("the operation's deadline passed")
        self.started = started


class ResolverCancelled(Exception):
    """A resolver was cancelled although its operation was not (PD-14)."""

    def __init__(self) -> None:
        super().__init__("a resolver was cancelled by something other than its operation")


class ErrorDesk:
    """Words errors, gives each an id, and tells what was kept back.

    Args:
        notify: Receives one `ErrorTold` for each error that a client reads, and one `ErrorsTold` for all of an
            answer.
        new_id: Returns an id that no other error has.
        alias: Public name of an upstream, by its name.
        max_errors: Errors in one answer; the rest are counted in a last one (PD-3).
    """

    def __init__(
        self,
        notify: Notify,
        *,
        new_id: Callable[[], str],
        alias: Callable[[str], str],
        max_errors: int = 100,
    ) -> None:
        self._notify = notify
        self._new_id = new_id
        self._alias = alias
        self._max_errors = max_errors
        self._told: list[ErrorTold] = []

    def refusal(
        self, code: Code, message: str, request_id: str, *, detail: str = "", **extensions: Any
    ) -> list[dict[str, Any]]:
        """Return the `errors` of an answer that refuses a request; *message* is shown as it is.

        Args:
            code: Why.
            message: For the client.
            request_id: Of the refused request.
            detail: For the log.
            extensions: Further members of the error's `extensions`, such as `retryAfterMs`.
        """
        self._told = []
        worded = [self._refusal(code, message, request_id, detail=detail, **extensions)]
        self._close(request_id)
        return worded

    def request(
        self, code: Code, errors: Sequence[GraphQLError], request_id: str, *, hints: bool = True
    ) -> list[dict[str, Any]]:
        """Return the `errors` of a request that does not fit; they quote what the client sent.

        Args:
            code: Of all of them.
            errors: As parsing, validation or variable coercion found them.
            request_id: Of the refused request.
            hints: Whether "did you mean" stays, which tells names of the schema (PD-10).
        """

        def word(error: GraphQLError) -> dict[str, Any]:
            told = self._tell(code, request_id, error.message, exception=error.original_error)
            return _located(error, _quoted(error, hints=hints), _extensions(code, told), path=False)

        return self._capped(errors, word, request_id)

    def execution(self, errors: Sequence[GraphQLError], operation: Operation) -> list[dict[str, Any]]:
        """Return the `errors` of an answer whose fields failed; each has the path of its field."""
        return self._capped(errors, lambda error: self._field(error, operation), operation.request_id)

    def _capped(
        self,
        errors: Sequence[GraphQLError],
        word: Callable[[GraphQLError], dict[str, Any]],
        request_id: str,
    ) -> list[dict[str, Any]]:
        self._told = []
        worded = [word(error) for error in errors[: self._max_errors]]
        suppressed = len(errors) - len(worded)
        if suppressed:
            message = f"{suppressed} further errors were left out."
            worded.append(self._refusal(Code.TOO_MANY_ERRORS, message, request_id, suppressed=suppressed))
        self._close(request_id)
        return worded

    def _refusal(
        self, code: Code, message: str, request_id: str, *, detail: str = "", **extensions: Any
    ) -> dict[str, Any]:
        told = self._tell(code, request_id, detail or message)
        return {"message": message, "extensions": _extensions(code, told, **extensions)}

    def _field(self, error: GraphQLError, operation: Operation) -> dict[str, Any]:
        cause = cause_of(error)
        unknown = _outcome_unknown(error, cause, operation)
        if isinstance(cause, UpstreamError):
            return self._upstream(error, cause, operation, unknown=unknown)
        code, message, extra = _public(error, cause)
        told = self._tell(code, operation.request_id, _detail(error, cause), path=error.path, exception=cause)
        return _located(error, message, _extensions(code, told, unknown=unknown, **extra))

    def _upstream(
        self, error: GraphQLError, cause: UpstreamError, operation: Operation, *, unknown: bool
    ) -> dict[str, Any]:
        code = cause.code
        alias = self._alias(cause.upstream) if cause.upstream else None
        extra: dict[str, Any] = {"upstream": alias} if alias else {}
        if cause.retry_after is not None:
            extra["retryAfterMs"] = max(0, round(cause.retry_after * 1000))
        if cause.phase is not None:
            extra["phase"] = cause.phase
        words = _WORDS.get(code)
        message = words.format(alias or "A service") if words else _INTERNAL
        detail = f"{cause} body={cause.body!r}" if cause.body else str(cause)
        told = self._tell(
            code, operation.request_id, detail, path=error.path, upstream=cause.upstream or None, exception=cause
        )
        return _located(
            error,
            message[0].upper() + message[1:] if not alias else message,
            _extensions(code, told, unknown=unknown, **extra),
        )

    def _tell(
        self,
        code: Code,
        request_id: str,
        detail: str,
        *,
        path: Sequence[str | int] | None = None,
        upstream: str | None = None,
        exception: BaseException | None = None,
    ) -> str:
        error_id = self._new_id()
        where = None if path is None else tuple(path)
        told = ErrorTold(error_id, request_id, code, where, upstream, detail, exception)
        self._told.append(told)
        self._notify(told)
        return error_id

    def _close(self, request_id: str) -> None:
        """Say that the errors of one answer are all told; nothing is awaited between the first and this."""
        self._notify(ErrorsTold(request_id, tuple(self._told)))


def cause_of(error: GraphQLError) -> BaseException:
    """Return what was raised, under however many layers of GraphQL errors."""
    cause: BaseException = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause


def _public(error: GraphQLError, cause: BaseException) -> tuple[Code, str, dict[str, Any]]:
    """Return code, message and further extensions of a failure that no service caused."""
    if isinstance(cause, PublicError):
        return cause.code, cause.message, cause.extensions
    if isinstance(cause, OperationStopped):
        message = "The operation's time was up before this field was there."
        return Code.DEADLINE_EXCEEDED, message, {"phase": "operation"}
    if isinstance(cause, StrawberryInputCoercionError) or _is_argument_error(error):
        return Code.BAD_USER_INPUT, _quoted(error, hints=False), {}
    if isinstance(cause, StrawberryGraphQLError):
        return _strawberry(cause)
    return Code.INTERNAL_SERVER_ERROR, _INTERNAL, {}


def _strawberry(cause: StrawberryGraphQLError) -> tuple[Code, str, dict[str, Any]]:
    """Return what a Strawberry permission says; its own code counts when it is one of the closed list."""
    given = dict(cause.extensions or {})
    named = given.pop("code", None)
    code = next((code for code in Code if code == named), Code.FORBIDDEN)
    return code, cause.message, {name: value for name, value in given.items() if name not in _RESERVED}


def _is_argument_error(error: GraphQLError) -> bool:
    """Whether an argument's value did not fit, which only shows at run time when a variable is in it."""
    return bool(error.nodes) and all(isinstance(node, ArgumentNode | ValueNode) for node in error.nodes or ())


def _outcome_unknown(error: GraphQLError, cause: BaseException, operation: Operation) -> bool:
    """Whether a mutation may have done its work all the same (PD-11).

    Fields below the mutation's own only read what it brought, so they leave no doubt about it.
    """
    if operation.kind != "mutation" or len(error.path or ()) != 1:
        return False
    if isinstance(cause, UpstreamError):
        return cause.sent is not False and cause.outcome not in _REFUSALS
    if isinstance(cause, OperationStopped):
        return operation.dispatched and cause.started
    return operation.dispatched and _public(error, cause)[0] is Code.INTERNAL_SERVER_ERROR


def _detail(error: GraphQLError, cause: BaseException) -> str:
    return error.message if cause is error else f"{type(cause).__name__}: {cause}"


def _quoted(error: GraphQLError, *, hints: bool) -> str:
    """Return the message without hints and without what a scalar of the application said."""
    message = error.message
    inner = error.original_error
    if inner is not None and not isinstance(inner, GraphQLError) and str(inner):
        message = message.replace(str(inner), "").rstrip(" ;:")
    if not hints:
        message = _HINT.sub("", message)
    return message if len(message) <= _LONGEST else message[:_LONGEST] + "..."


def _located(
    error: GraphQLError, message: str, extensions: dict[str, Any], *, path: bool = True
) -> dict[str, Any]:
    told: dict[str, Any] = {"message": message}
    if error.locations:
        told["locations"] = [{"line": place.line, "column": place.column} for place in error.locations]
    if path and error.path is not None:
        told["path"] = list(error.path)
    told["extensions"] = extensions
    return told


def _extensions(code: Code, error_id: str, *, unknown: bool = False, **extra: Any) -> dict[str, Any]:
    told: dict[str, Any] = {"code": code.value, "retryable": code.retryable and not unknown, **extra}
    if unknown:
        told["outcome"] = "unknown"
    told["errorId"] = error_id
    return told


def degradations(notes: Iterable[Any], most: int = 100) -> list[dict[str, Any]]:
    """Return `extensions.degraded` for *notes* on an operation, at most *most* of them (PD-12)."""
    told = []
    for note in list(notes)[:most]:
        entry = {"path": list(note.path), "upstream": note.upstream, "reason": note.reason, "source": note.source}
        if note.age_ms is not None:
            entry["ageMs"] = note.age_ms
        told.append(entry)
    return told
