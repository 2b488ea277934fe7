"""Which HTTP status a request error gets: one table for both readings of the draft (PD-6, PD-7).

`draft` follows the current GraphQL-over-HTTP draft; `classic` says 400 where the draft says 422.
"""

from typing import Final, Literal, NamedTuple

from bff.codes import Code
from bff.execution.messages import GraphQLRequest

Mode = Literal["draft", "classic"]


class Statuses(NamedTuple):
    """The status of one kind of request error in each mode."""

    draft: int
    classic: int

    def of(self, mode: Mode) -> int:
        """Return the status for *mode*."""
        return self.draft if mode == "draft" else self.classic


def _both(status: int) -> Statuses:
    return Statuses(status, status)


_AUTOMATIC: Final = frozenset({Code.PERSISTED_QUERY_NOT_FOUND, Code.PERSISTED_QUERY_NOT_SUPPORTED})

UNPROCESSABLE: Final = Statuses(draft=422, classic=400)
"""Understood as JSON, but not a well-formed or not a valid GraphQL request."""

REQUEST_TIMEOUT: Final = _both(408)
"""The client did not finish its request in time."""

URI_TOO_LONG: Final = _both(414)

HEADERS_TOO_LARGE: Final = _both(431)

SERVER_FAULT: Final = _both(500)

STATUSES: Final[dict[Code, Statuses]] = {
    Code.GRAPHQL_PARSE_FAILED: _both(400),
    Code.GRAPHQL_VALIDATION_FAILED: UNPROCESSABLE,
    Code.BAD_USER_INPUT: UNPROCESSABLE,
    Code.BAD_REQUEST: _both(400),
    Code.OPERATION_RESOLUTION_FAILURE: UNPROCESSABLE,
    Code.OPERATION_TOO_LARGE: UNPROCESSABLE,
    Code.METHOD_NOT_ALLOWED: _both(405),
    Code.NOT_ACCEPTABLE: _both(406),
    Code.UNSUPPORTED_MEDIA_TYPE: _both(415),
    Code.PAYLOAD_TOO_LARGE: _both(413),
    Code.CSRF_PREVENTED: _both(403),
    Code.INTROSPECTION_DISABLED: UNPROCESSABLE,
    Code.PERSISTED_QUERY_NOT_FOUND: UNPROCESSABLE,
    Code.PERSISTED_QUERY_NOT_SUPPORTED: UNPROCESSABLE,
    Code.UNAUTHENTICATED: _both(401),
    Code.FORBIDDEN: _both(403),
    Code.STEP_UP_REQUIRED: _both(401),
    Code.AUTH_UNAVAILABLE: _both(503),
    Code.RATE_LIMITED: _both(429),
    Code.COST_LIMIT_EXCEEDED: UNPROCESSABLE,
    Code.CLIENT_UPGRADE_REQUIRED: _both(403),
    Code.DOCUMENT_NOT_ALLOWED: _both(403),
    Code.SHUTTING_DOWN: _both(503),
    Code.SERVICE_OVERLOADED: _both(503),
    Code.DEADLINE_EXCEEDED: _both(504),
    Code.UPSTREAM_OVERLOADED: _both(503),
    Code.UPSTREAM_UNAVAILABLE: _both(503),
    Code.CIRCUIT_OPEN: _both(503),
    Code.INTERNAL_SERVER_ERROR: SERVER_FAULT,
}
"""Codes that can refuse a whole request; any other one is a fault of ours."""

OF_THE_DOCUMENT: Final = frozenset(
    {
        Code.GRAPHQL_PARSE_FAILED,
        Code.GRAPHQL_VALIDATION_FAILED,
        Code.BAD_USER_INPUT,
        Code.OPERATION_RESOLUTION_FAILURE,
        Code.OPERATION_TOO_LARGE,
        Code.INTROSPECTION_DISABLED,
        Code.PERSISTED_QUERY_NOT_FOUND,
        Code.PERSISTED_QUERY_NOT_SUPPORTED,
    }
)
"""Judgements on a well-formed request: these become 200 under `always_200_for_json` (PD-8)."""


def is_automatic(code: Code, request: GraphQLRequest) -> bool:
    """Return whether *code* is an answer of the protocol in `extensions.persistedQuery`.

    It is told with 200, as by Apollo Server: its apps send the text when they have read it, and some of them read
    nothing that has another status. Under `application/json` the draft leaves room for that.
    """
    return code in _AUTOMATIC and request.extensions is not None and "persistedQuery" in request.extensions


def refused_status(code: Code, mode: Mode) -> int:
    """Return the status of a refusal by the engine, which sees only what the edge found to be JSON."""
    if code is Code.BAD_REQUEST:
        return UNPROCESSABLE.of(mode)
    return STATUSES.get(code, SERVER_FAULT).of(mode)
