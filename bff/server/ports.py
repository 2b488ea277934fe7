"""What the edge asks of the engine, and the ASGI types everybody here uses."""

from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from msgspec import Struct
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from bff.codes import Code
from bff.context import Principal
from bff.execution.messages import Allowance, Answer, GraphQLRequest, Ingress
from bff.experiments.header import Asked
from bff.server.headers import Headers
from bff.server.refusal import HeaderList

if TYPE_CHECKING:
    from bff.server.known import Known

__all__ = ["ASGIApp", "Engine", "Message", "Receive", "Scope", "Send"]


class Engine(Protocol):
    """Runs operations; also the only place that words errors, so that redaction and error ids live once."""

    async def execute(self, request: GraphQLRequest, ingress: Ingress) -> Answer:
        """Run one request within `ingress.deadline`; failures are told in the answer, never raised.

        A cancellation stops the operation, except a mutation that a service has seen already (DL-9).
        """

    def refuse(self, code: Code, message: str, ingress: Ingress, *, detail: str = "", **extensions: Any) -> Answer:
        """Return the answer to a request that the edge refuses; *detail* is for logs only.

        *extensions* are further members of the error's `extensions`, such as `retryAfterMs`.
        """


class Arrival(Struct, eq=False):
    """What is known of a request, or of a connection that will carry many, before its body.

    Attributes:
        method: GET or POST.
        path: Of the URL, without the query.
        headers: Its header fields.
        peer: The address of whoever opened the connection; None where the server does not say.
        request_id: Names it in logs.
        query: Of the URL, as it came.
    """

    method: str
    path: str
    headers: Headers
    peer: str | None
    request_id: str
    query: bytes = b""


@runtime_checkable
class Direct(Protocol):
    """An ASGI app that a server may ask past ASGI, for requests whose bytes came before.

    Attributes:
        path: Where; requests elsewhere are not remembered.
    """

    @property
    def path(self) -> str:
        """Of the URL."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""

    def at_once(self, known: "Known", client: tuple[str, int] | None, usual: bytes) -> "bytes | ASGIApp | None":
        """Return the whole response, with the *usual* header lines of the server, if nothing has to be waited for.

        Where something has, that is the app to be called for this request, with `known.scope`; None stands for
        this app itself, as for any request, with the scope of the connection.
        """


class Authenticator(Protocol):
    """Says who is calling; the same for every transport."""

    def identify(self, arrival: Arrival) -> Principal | Awaitable[Principal]:
        """Return who is calling: at once where that is known already, else later.

        Raises:
            Refusal: The credentials are not good (401), malformed (400), or cannot be judged now (503).
        """


class FaultDesk(Protocol):
    """Says what a caller wants done to its own operations on purpose; asked where `header` is in a request."""

    header: bytes

    def asked(self, headers: Headers, principal: Principal) -> Asked:
        """Return what *principal* asks for.

        Raises:
            Refusal: *principal* may not, or it cannot be understood.
        """


class Entry(Allowance, Protocol):
    """What admission hands out for one request that it let in."""

    def headers(self) -> HeaderList:
        """Return header fields for the answer, such as `RateLimit`."""

    def leave(self) -> None:
        """The request has ended, however."""


class Admission(Protocol):
    """Says who may run something now."""

    def knock(self, arrival: Arrival) -> Awaitable[None] | None:
        """Judge by the address alone, before the body is read.

        Raises:
            Refusal: That address may not, or not so often.
        """

    def enter(
        self, arrival: Arrival, principal: Principal, request: GraphQLRequest | list[GraphQLRequest]
    ) -> Entry | None | Awaitable[Entry]:
        """Let a request in; None where nothing is counted.

        Raises:
            Refusal: Too often, too many at once, too old a client.
        """
