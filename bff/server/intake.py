"""From an HTTP request to a GraphQL request, or to a refusal that cost the engine nothing."""

import asyncio
from typing import Final

from bff.codes import Code
from bff.execution.messages import GraphQLRequest
from bff.policy.model import OperationsPolicy
from bff.server.body import read_body
from bff.server.deadlines import Allotment
from bff.server.decoding import decode_body, decode_parameters
from bff.server.headers import Headers, check_size
from bff.server.inputs import Inputs
from bff.server.known import Judgement, Known
from bff.server.negotiation import JSON, Negotiated, forces_preflight, is_json_utf8
from bff.server.ports import Receive, Scope
from bff.server.refusal import Refusal
from bff.server.statuses import REQUEST_TIMEOUT, URI_TOO_LONG
from bff.server.watch import UNWATCHED, Stop, Unwatched, Watch

Request = GraphQLRequest | list[GraphQLRequest]
"""One operation, or a batch."""

_METHODS: Final = b"GET, POST"

_LONGEST_URL: Final = 32 * 1024
"""Bytes; servers and proxies fail in their own ways from here on."""

_REMEMBERED: Final = 512
_SHORT: Final = 4096
"""Bytes of a body that is remembered with what it asks: apps send the same ones over and over."""


class Exchange:
    """One HTTP request on its way to its answer."""

    __slots__ = (
        "allotment", "headers", "judgement", "known", "negotiated", "receive", "request_id", "scope", "watch",
    )  # fmt: skip

    receive: Receive
    """Set once somebody serves it."""

    def __init__(  # noqa: PLR0917 - made for each request
        self,
        scope: Scope,
        headers: Headers,
        negotiated: Negotiated,
        request_id: str,
        allotment: Allotment,
        known: Known | None,
        judgement: Judgement | None,
    ) -> None:
        self.scope = scope
        self.headers = headers
        self.negotiated = negotiated
        self.request_id = request_id
        self.allotment = allotment
        self.known = known
        self.judgement = judgement
        self.watch: Watch | Unwatched = UNWATCHED


class Intake:
    """Judges requests by *policy* before anything is parsed as GraphQL."""

    def __init__(self, policy: OperationsPolicy) -> None:
        self._batching = policy.batching
        self._limit = policy.limits.body
        self._inputs = Inputs(policy.limits.input_depth, policy.limits.input_values)
        self._ids = policy.documents.id_parameters
        self._modes = policy.on_error == "allow"
        self._known: dict[bytes, GraphQLRequest] = {}
        self._csrf_headers = tuple(name.lower().encode("latin-1") for name in sorted(policy.csrf_headers))

    async def take(self, exchange: Exchange) -> Request:
        """Return what the client asks.

        Raises:
            Refusal: It is not a well-formed request, or policy does not let it in.
            Disconnected: The client went away before it had asked.
        """
        scope, headers = exchange.scope, exchange.headers
        method = scope["method"]
        check_size(scope["headers"])
        if method not in ("GET", "POST"):
            message = f"The endpoint takes GET and POST, not {method}."
            raise Refusal(Code.METHOD_NOT_ALLOWED, message, headers=((b"allow", _METHODS),), unread=True)
        if exchange.negotiated.label is None:
            message = "Accept application/graphql-response+json or application/json."
            raise Refusal(Code.NOT_ACCEPTABLE, message, unread=method == "POST")
        if method == "GET":
            self._prevent_csrf(headers)
            return self._parameters(scope["query_string"])
        _check_content(headers)
        body = await self._read(exchange)
        known = self._known.get(body)
        return self._decoded(body) if known is None else again(known)

    def remembered(self, body: bytes) -> GraphQLRequest | None:
        """Return what *body* asks, to be executed through `again`; None where it is not remembered."""
        return self._known.get(body)

    def _prevent_csrf(self, headers: Headers) -> None:
        """Refuse what a page of another origin can make a browser send without asking first.

        `Accept` proves nothing: a page may set it without a preflight (Fetch, CORS-safelisted request-header).
        """
        if forces_preflight(headers.text(b"content-type")) or any(
            name in headers.raw for name in self._csrf_headers
        ):
            return
        names = ", ".join(name.decode("latin-1") for name in self._csrf_headers)
        message = f"A page of another site could send this GET: add one of the headers {names}, or send a POST."
        raise Refusal(Code.CSRF_PREVENTED, message)

    def _parameters(self, query_string: bytes) -> GraphQLRequest:
        if len(query_string) > min(self._limit, _LONGEST_URL):
            message = f"The URL exceeds {min(self._limit, _LONGEST_URL)} bytes; send a POST."
            raise Refusal(Code.PAYLOAD_TOO_LARGE, message, statuses=URI_TOO_LONG)
        request = decode_parameters(query_string, self._ids, modes=self._modes)
        self._inputs.check(query_string, request)
        return request

    async def _read(self, exchange: Exchange) -> bytes:
        try:
            return await read_body(exchange.receive, exchange.headers, self._limit)
        except asyncio.CancelledError:
            reason = exchange.watch.settle()
            if reason is None:
                raise
            if reason is Stop.SHUTDOWN:
                raise Refusal(
                    Code.SHUTTING_DOWN, "This process is stopping; send it again.", unread=True
                ) from None
            message = "The request was not complete in time."
            raise Refusal(Code.DEADLINE_EXCEEDED, message, statuses=REQUEST_TIMEOUT, unread=True) from None

    def _decoded(self, body: bytes) -> Request:
        request = self._checked(self._inputs.check(body, decode_body(body, self._ids, modes=self._modes)))
        if len(body) <= _SHORT and not isinstance(request, list) and _is_flat(request):
            self._known[body] = again(request)
            if len(self._known) > _REMEMBERED:
                del self._known[next(iter(self._known))]
        return request

    def _checked(self, request: Request) -> Request:
        if not isinstance(request, list):
            return request
        if not self._batching.enabled:
            raise Refusal(Code.BAD_REQUEST, "Send one operation per request: batching is switched off.")
        if not 1 <= len(request) <= self._batching.max_operations:
            message = f"A batch holds 1 to {self._batching.max_operations} operations, this one {len(request)}."
            raise Refusal(Code.BAD_REQUEST, message)
        return request


def _is_flat(request: GraphQLRequest) -> bool:
    """Return whether nothing in *request* can be changed by whoever executes it, but the variables as a whole."""
    values = request.variables.values() if request.variables else ()
    return request.extensions is None and not any(isinstance(value, dict | list) for value in values)


def again(request: GraphQLRequest) -> GraphQLRequest:
    """Return *request* for another execution."""
    variables = dict(request.variables) if request.variables else None
    return GraphQLRequest(
        request.query, request.operation_name, variables, None, request.document_id, request.on_error
    )


def _check_content(headers: Headers) -> None:
    if not is_json_utf8(headers.text(b"content-type")):
        message = "Send the body as application/json in UTF-8, and say so in Content-Type."
        fields = ((b"accept-post", JSON.encode()),)
        raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE, message, headers=fields, unread=True)
    encoding = headers.text(b"content-encoding")
    if encoding is not None and encoding.strip().lower() not in ("", "identity"):
        fields = ((b"accept-encoding", b"identity"),)  # RFC 7694, 3
        raise Refusal(Code.UNSUPPORTED_MEDIA_TYPE, "Send the body uncompressed.", headers=fields, unread=True)
