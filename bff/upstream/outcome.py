"""The closed set of ways in which one attempt can end (resilience rule PL-5, table 4.1).

Classification happens once, in the transport and in `classify`; nothing later looks at exception types.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from bff.codes import Code

BreakerSignal = Literal["success", "failure", "neutral"]


class Outcome(StrEnum):
    """How one attempt ended."""

    OK = "OK"
    CLIENT_ERROR = "CLIENT_ERROR"
    NOT_FOUND = "NOT_FOUND"
    AUTH = "AUTH"
    CONFLICT = "CONFLICT"
    REQUEST_TIMEOUT = "REQUEST_TIMEOUT"
    TOO_EARLY = "TOO_EARLY"
    THROTTLED = "THROTTLED"
    SERVER_ERROR = "SERVER_ERROR"
    GATEWAY_ERROR = "GATEWAY_ERROR"
    CONNECT = "CONNECT"
    DNS = "DNS"
    REFUSED = "REFUSED"
    RESET = "RESET"
    READ_TIMEOUT = "READ_TIMEOUT"
    BODY_BROKEN = "BODY_BROKEN"
    BAD_PAYLOAD = "BAD_PAYLOAD"
    TOO_LARGE = "TOO_LARGE"
    POOL = "POOL"
    OPEN = "OPEN"
    CANCELLED = "CANCELLED"
    LOCAL_BUG = "LOCAL_BUG"


@dataclass(frozen=True, slots=True)
class Facts:
    """What follows from an outcome.

    Attributes:
        sent: Whether a request byte may have reached the service; None when it cannot be known.
        retry_safe: A safe or idempotent call may be sent again.
        retry_unsafe: Any call may be sent again, for the service never saw it.
        retry_keyed: An unsafe call that carries an idempotency key may be sent again.
        breaker: What the circuit breaker counts.
        code: What the client reads; None where the outcome is no error.
    """

    sent: bool | None
    retry_safe: bool
    retry_unsafe: bool
    retry_keyed: bool
    breaker: BreakerSignal
    code: Code | None


FACTS: dict[Outcome, Facts] = {
    Outcome.OK: Facts(True, False, False, False, "success", None),
    Outcome.CLIENT_ERROR: Facts(True, False, False, False, "success", Code.UPSTREAM_REJECTED),
    Outcome.NOT_FOUND: Facts(True, False, False, False, "success", Code.NOT_FOUND),
    Outcome.AUTH: Facts(True, False, False, False, "success", Code.UPSTREAM_UNAUTHORIZED),
    Outcome.CONFLICT: Facts(True, False, False, False, "success", Code.UPSTREAM_CONFLICT),
    Outcome.REQUEST_TIMEOUT: Facts(True, True, False, True, "failure", Code.UPSTREAM_TIMEOUT),
    Outcome.TOO_EARLY: Facts(True, True, False, True, "neutral", Code.UPSTREAM_UNAVAILABLE),
    Outcome.THROTTLED: Facts(True, True, False, True, "neutral", Code.UPSTREAM_THROTTLED),
    Outcome.SERVER_ERROR: Facts(True, False, False, False, "failure", Code.UPSTREAM_ERROR),
    Outcome.GATEWAY_ERROR: Facts(True, True, False, True, "failure", Code.UPSTREAM_UNAVAILABLE),
    Outcome.CONNECT: Facts(False, True, True, True, "failure", Code.UPSTREAM_UNAVAILABLE),
    Outcome.DNS: Facts(False, True, True, True, "failure", Code.UPSTREAM_UNAVAILABLE),
    Outcome.REFUSED: Facts(False, True, True, True, "neutral", Code.UPSTREAM_UNAVAILABLE),
    Outcome.RESET: Facts(True, True, False, True, "failure", Code.UPSTREAM_UNAVAILABLE),
    Outcome.READ_TIMEOUT: Facts(True, True, False, True, "failure", Code.UPSTREAM_TIMEOUT),
    Outcome.BODY_BROKEN: Facts(True, True, False, True, "failure", Code.UPSTREAM_BAD_RESPONSE),
    Outcome.BAD_PAYLOAD: Facts(True, False, False, False, "failure", Code.UPSTREAM_BAD_RESPONSE),
    Outcome.TOO_LARGE: Facts(True, False, False, False, "neutral", Code.UPSTREAM_RESPONSE_TOO_LARGE),
    Outcome.POOL: Facts(False, False, False, False, "neutral", Code.UPSTREAM_OVERLOADED),
    Outcome.OPEN: Facts(False, False, False, False, "neutral", Code.CIRCUIT_OPEN),
    Outcome.CANCELLED: Facts(None, False, False, False, "neutral", None),
    Outcome.LOCAL_BUG: Facts(None, False, False, False, "neutral", Code.INTERNAL_SERVER_ERROR),
}
"""Table 4.1, one row an outcome."""

_BY_STATUS: dict[int, Outcome] = {
    401: Outcome.AUTH,
    403: Outcome.AUTH,
    404: Outcome.NOT_FOUND,
    408: Outcome.REQUEST_TIMEOUT,
    409: Outcome.CONFLICT,
    410: Outcome.NOT_FOUND,
    425: Outcome.TOO_EARLY,
    429: Outcome.THROTTLED,
    502: Outcome.GATEWAY_ERROR,
    503: Outcome.GATEWAY_ERROR,
    504: Outcome.GATEWAY_ERROR,
}


def classify(status: int, *, retry_after: bool = False) -> Outcome:
    """Return the outcome that *status* of a complete response stands for.

    A redirect is not followed (LB-13), so any 3xx but 304 is a refusal we cannot use.

    Args:
        status: The HTTP status code, 200 to 599.
        retry_after: Whether the response carries `Retry-After`; a 503 with it is throttling.
    """
    if 200 <= status < 300 or status == 304:  # noqa: PLR2004 - the numbers are the names of the classes
        return Outcome.OK
    if status == 503 and retry_after:  # noqa: PLR2004
        return Outcome.THROTTLED
    if status >= 500:  # noqa: PLR2004
        return _BY_STATUS.get(status, Outcome.SERVER_ERROR)
    return _BY_STATUS.get(status, Outcome.CLIENT_ERROR)
