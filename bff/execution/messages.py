"""What the edge hands to the engine and gets back, the same for every transport."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, Protocol

from bff.codes import Code
from bff.context import ANONYMOUS, Deadline, Principal

if TYPE_CHECKING:
    from bff.experiments.header import Asked

ErrorMode = Literal["NULL", "PROPAGATE", "HALT"]
"""What an error makes null: its own position whatever its type, the nearest nullable one, or all data."""


@dataclass(slots=True)  # made for each request: freezing would triple what that costs
class GraphQLRequest:
    """One GraphQL request as the client sent it, already of the right JSON types."""

    query: str | None = None
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    extensions: dict[str, Any] | None = None
    document_id: str | None = None
    on_error: ErrorMode = "PROPAGATE"


class Allowance(Protocol):
    """What the caller of one request may still spend; made by admission, spent by the engine (RL-9 to RL-12)."""

    async def charge(self, cost: float) -> None:
        """Take *cost*, the estimate for one operation, before it runs.

        Raises:
            Denied: There is not so much left, or it is more than one operation may ever cost.
        """

    async def refund(self, unused: float) -> None:
        """Give back what the operation did not need; never fails."""

    def report(self) -> Mapping[str, Any]:
        """Return members of `extensions` that tell the client what it may still do; empty where policy says no."""


class Denied(Exception):
    """An operation is refused after its document was understood.

    Attributes:
        code: Why.
        message: For the client.
        extensions: Further members of the error's `extensions`, such as `retryAfterMs`.
        detail: For the log only.
    """

    def __init__(self, code: Code, message: str, *, detail: str = "", **extensions: Any) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.detail = detail
        self.extensions = extensions


@dataclass(slots=True)  # made for each request: freezing would triple what that costs
class Ingress:
    """What the transport knows about a request besides its GraphQL content.

    Attributes:
        request_id: Names the request in answers, logs and spans.
        deadline: The longest that policy allows any operation, or the client's, whichever ends first; the
            operation's own by policy may end sooner.
        arrived: When the request came, on the clock of `deadline`; None for now.
        headers: Names in lower case.
        safe_method: Whether only queries may run (HTTP GET).
        principal: Who asks.
        allowance: What the caller may still spend; None where nothing is counted.
        faults: What the caller wants done to calls of this operation alone; None for nothing.
        same: The same object for all requests that came byte for byte like this one; None where nobody knows.
    """

    request_id: str
    deadline: Deadline
    principal: Principal = ANONYMOUS
    headers: Mapping[str, str] = field(default_factory=dict)
    safe_method: bool = False
    arrived: float | None = None
    allowance: Allowance | None = None
    faults: "Asked | None" = None
    same: object | None = None


@dataclass(slots=True)
class Answer:
    """One GraphQL response.

    Attributes:
        body: `data` (absent after a request error), `errors` and `extensions` where there are any; JSON-ready.
        refused: The code of the request error that the edge turns into a status; None once execution began.
        kind: The operation's kind, where it was found.
        degraded: Whether any part is stale or a default.
        max_age: For how many seconds clients may keep it, where nothing is missing or degraded.
        private: Whether only for one user.
        barred: Set where nothing resolved because it could not be found out whether the caller may
            (AUTH_UNAVAILABLE) or because they have to log in again (STEP_UP_REQUIRED): the transport says so, too.
        pieces: The body as bytes, once somebody has encoded it; those who share an answer share them.
        story: What is known of the execution, for callers who may see it; None where nobody watched.
    """

    body: dict[str, Any]
    refused: Code | None = None
    kind: Literal["query", "mutation", "subscription"] | None = None
    degraded: bool = False
    max_age: int = 0
    private: bool = True
    barred: Code | None = None
    pieces: list[bytes] | None = None
    story: object | None = None


class Witness(Protocol):
    """Knows what happened while an operation ran, and whom it may tell."""

    def asked(self, ingress: Ingress) -> bool:
        """Return whether the caller asks for `extensions.trace` and may see it."""

    def story(self, request_id: str) -> object | None:
        """Return what will be known of the operation that has just begun; None where nobody watches it."""

    def tell(self, story: object, request_id: str) -> Mapping[str, Any]:
        """Return `extensions.trace`: what *story* says of the execution that answered the request *request_id*."""
