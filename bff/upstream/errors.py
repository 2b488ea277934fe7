"""What can go wrong between us and an upstream: one exception, told apart by its `Outcome`."""

from typing import Literal

from bff.codes import Code
from bff.upstream.outcome import FACTS, Outcome

Phase = Literal["dns", "queue", "connect", "write", "read", "attempt", "call", "operation"]
"""Which timer fired (DL-7)."""


class UpstreamError(Exception):
    """A call brought back nothing usable.

    The transport raises it with what it knows; the upstream's client adds the names. Its text is for logs and
    never reaches a client: `bff.errors` words what clients see.

    Attributes:
        outcome: How the attempt ended, of the closed set.
        detail: What happened, for operators.
        phase: Which timer fired, where one did.
        status: The HTTP status, where there was one.
        sent: Whether a request byte may have reached the service; None when it cannot be known.
        retry_after: Seconds after which the service wants to be asked again, where it said so.
        upstream: Name of the upstream, "" until the client has added it.
        endpoint: Name of the endpoint, "" until the client has added it.
        body: The start of what the service answered, for the log.
        state: That of the circuit breaker which refused the call, where one did (CB-13).
        suppressed: Why a call that might have been sent again was not, such as `budget` (RT-4).
    """

    def __init__(
        self,
        outcome: Outcome,
        detail: str,
        *,
        phase: Phase | None = None,
        status: int | None = None,
        sent: bool | None = None,
        retry_after: float | None = None,
        upstream: str = "",
        endpoint: str = "",
        body: bytes = b"",
        state: str | None = None,
        suppressed: str | None = None,
    ) -> None:
        super().__init__(detail)
        self.outcome = outcome
        self.detail = detail
        self.phase = phase
        self.status = status
        self.sent = FACTS[outcome].sent if sent is None else sent
        self.retry_after = retry_after
        self.upstream = upstream
        self.endpoint = endpoint
        self.body = body
        self.state = state
        self.suppressed = suppressed

    def __str__(self) -> str:
        """Return one line for a log."""
        where = f"{self.upstream}.{self.endpoint}: " if self.upstream else ""
        phase = f" in phase {self.phase}" if self.phase else ""
        again = f" (not sent again: {self.suppressed})" if self.suppressed else ""
        return f"{where}{self.outcome}{phase}: {self.detail}{again}"

    @property
    def code(self) -> Code:
        """What the client reads as `extensions.code`."""
        if self.phase == "operation":
            return Code.DEADLINE_EXCEEDED
        if self.status == 504:  # noqa: PLR2004 - Gateway Timeout
            return Code.UPSTREAM_TIMEOUT
        if self.status == 403:  # noqa: PLR2004 - Forbidden
            return Code.UPSTREAM_FORBIDDEN
        return FACTS[self.outcome].code or Code.INTERNAL_SERVER_ERROR

    def fresh(self) -> "UpstreamError":
        """Return an equal error without traceback, one for each waiter that it is told to (CA-12)."""
        copy = UpstreamError(
            self.outcome,
            self.detail,
            phase=self.phase,
            status=self.status,
            sent=self.sent,
            retry_after=self.retry_after,
            upstream=self.upstream,
            endpoint=self.endpoint,
            body=self.body,
            state=self.state,
            suppressed=self.suppressed,
        )
        copy.__cause__ = self.__cause__
        return copy
