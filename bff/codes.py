"""The closed list of `errors[].extensions.code` (contract version 1).

A code keeps its meaning once it is released. The reference page `bff/ERRORS.md` is printed from here.
"""

from enum import StrEnum
from typing import Self


class Code(StrEnum):
    """What went wrong, for programs; each member's docstring is its entry in the reference page."""

    retryable: bool
    advice: str

    def __new__(cls, value: str, retryable: bool, advice: str) -> Self:  # noqa: FBT001 - reads as a table below
        """Build a member from its name on the wire, whether to send again, and its meaning."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.retryable = retryable
        member.advice = advice
        return member

    # Request errors: nothing was executed, the answer has no `data`.
    GRAPHQL_PARSE_FAILED = (
        "GRAPHQL_PARSE_FAILED",
        False,
        "The document is not GraphQL; `locations` says where.",
    )
    GRAPHQL_VALIDATION_FAILED = (
        "GRAPHQL_VALIDATION_FAILED",
        False,
        "The document does not fit the schema; `locations` says where.",
    )
    BAD_USER_INPUT = (
        "BAD_USER_INPUT",
        False,
        "A variable or argument has a value that its type does not allow.",
    )
    BAD_REQUEST = "BAD_REQUEST", False, "The HTTP request is not a GraphQL request; the message says why."
    OPERATION_RESOLUTION_FAILURE = (
        "OPERATION_RESOLUTION_FAILURE",
        False,
        "`operationName` is missing, or names no operation of the document.",
    )
    OPERATION_TOO_LARGE = (
        "OPERATION_TOO_LARGE",
        False,
        "Document or variables exceed a limit of `policies/operations.yaml`; the message names it.",
    )
    METHOD_NOT_ALLOWED = (
        "METHOD_NOT_ALLOWED",
        False,
        "This method cannot carry this operation; see the `Allow` header.",
    )
    NOT_ACCEPTABLE = "NOT_ACCEPTABLE", False, "The `Accept` header allows no media type that can be answered."
    UNSUPPORTED_MEDIA_TYPE = (
        "UNSUPPORTED_MEDIA_TYPE",
        False,
        "The body must be `application/json` in UTF-8.",
    )
    PAYLOAD_TOO_LARGE = (
        "PAYLOAD_TOO_LARGE",
        False,
        "The body exceeds the limit; the message says how much is allowed.",
    )
    CSRF_PREVENTED = (
        "CSRF_PREVENTED",
        False,
        "A page elsewhere could have sent this request; add the header the message names.",
    )
    INTROSPECTION_DISABLED = (
        "INTROSPECTION_DISABLED",
        False,
        "Policy closes the schema; ask the platform team for the SDL.",
    )
    PERSISTED_QUERY_NOT_FOUND = (
        "PERSISTED_QUERY_NOT_FOUND",
        False,
        "No document with this hash is registered.",
    )
    PERSISTED_QUERY_NOT_SUPPORTED = (
        "PERSISTED_QUERY_NOT_SUPPORTED",
        False,
        "Documents by hash are switched off.",
    )
    UNAUTHENTICATED = "UNAUTHENTICATED", False, "No credentials, or none that are valid."
    FORBIDDEN = "FORBIDDEN", False, "The caller may not see or do this."
    STEP_UP_REQUIRED = (
        "STEP_UP_REQUIRED",
        False,
        "The caller must log in again or more strongly; `acrValues` and `maxAge` say how.",
    )
    AUTH_UNAVAILABLE = (
        "AUTH_UNAVAILABLE",
        True,
        "Who is calling, or what they may do, cannot be found out at the moment; the credentials may be good.",
    )
    RATE_LIMITED = "RATE_LIMITED", True, "The caller asks too often; see `retryAfterMs`."
    COST_LIMIT_EXCEEDED = (
        "COST_LIMIT_EXCEEDED",
        False,
        "The operation costs more than any one may, however long the caller waits; ask for less at once.",
    )
    CLIENT_UPGRADE_REQUIRED = (
        "CLIENT_UPGRADE_REQUIRED",
        False,
        "This version of the client is no longer served; `storeUrl` says where to get a newer one.",
    )
    DOCUMENT_NOT_ALLOWED = (
        "DOCUMENT_NOT_ALLOWED",
        False,
        "Only registered documents run here; send the hash of one, or register this one.",
    )
    SHUTTING_DOWN = "SHUTTING_DOWN", True, "This process is stopping; another one will answer."

    SERVICE_OVERLOADED = (
        "SERVICE_OVERLOADED",
        True,
        "This process has too much to do and takes no request of this kind now; see `retryAfterMs`.",
    )

    # Execution errors: the field at `path` is null, everything else stands.
    DEADLINE_EXCEEDED = "DEADLINE_EXCEEDED", True, "The operation's time was up before this field was there."
    UPSTREAM_ERROR = "UPSTREAM_ERROR", True, "The service answered with an internal failure."
    UPSTREAM_UNAVAILABLE = (
        "UPSTREAM_UNAVAILABLE",
        True,
        "The service could not be reached, or closed the connection.",
    )
    UPSTREAM_TIMEOUT = "UPSTREAM_TIMEOUT", True, "The service did not answer in the time its policy allows."
    UPSTREAM_THROTTLED = "UPSTREAM_THROTTLED", True, "The service asks for fewer calls; see `retryAfterMs`."
    UPSTREAM_OVERLOADED = (
        "UPSTREAM_OVERLOADED",
        True,
        "Too many calls to the service are already waiting here.",
    )
    UPSTREAM_BAD_RESPONSE = (
        "UPSTREAM_BAD_RESPONSE",
        False,
        "The service's answer was broken or not of the agreed shape.",
    )
    UPSTREAM_RESPONSE_TOO_LARGE = (
        "UPSTREAM_RESPONSE_TOO_LARGE",
        False,
        "The service's answer exceeds `max_response_bytes`.",
    )
    UPSTREAM_REJECTED = "UPSTREAM_REJECTED", False, "The service refused the call as invalid."
    UPSTREAM_CONFLICT = "UPSTREAM_CONFLICT", False, "The service's state does not allow this (any more)."
    UPSTREAM_UNAUTHORIZED = "UPSTREAM_UNAUTHORIZED", False, "The service does not accept our credentials."
    UPSTREAM_FORBIDDEN = "UPSTREAM_FORBIDDEN", False, "The service does not allow this to our credentials."
    OPERATION_FANOUT_EXCEEDED = (
        "OPERATION_FANOUT_EXCEEDED",
        False,
        "The operation needs more calls to services than one operation may make; ask for less at once.",
    )
    CIRCUIT_OPEN = (
        "CIRCUIT_OPEN",
        True,
        "The service failed too often lately and is left alone; see `retryAfterMs`.",
    )
    NOT_FOUND = "NOT_FOUND", False, "There is no such thing, and the field has no other way to say so."
    TOO_MANY_ERRORS = "TOO_MANY_ERRORS", False, "Further errors were left out; `suppressed` says how many."
    INTERNAL_SERVER_ERROR = (
        "INTERNAL_SERVER_ERROR",
        False,
        "A fault of ours; quote the `errorId` when you report it.",
    )
