"""`POST /graphql/explain`: what an operation will do, for the page beside it; open where GraphiQL is."""

import asyncio
from http import HTTPStatus
from typing import Annotated, Any, Final

import msgspec
import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from bff.execution.documents import Documents, Refused
from bff.explain import Explainer, Question, Unexplainable
from bff.server.body import Disconnected, read_body
from bff.server.headers import Headers
from bff.server.negotiation import is_json_utf8
from bff.server.problem import SECURITY, send_problem
from bff.server.refusal import Refusal

EXPLAIN_PATH: Final = "/graphql/explain"

_PATIENCE: Final = 10.0
"""Seconds in which a request has to be complete."""

Size = Annotated[float, msgspec.Meta(ge=0)]


class _Wire(msgspec.Struct, rename="camel", forbid_unknown_fields=True):
    query: str
    operation_name: str | None = None
    variables: dict[str, Any] | None = None
    without: list[str] = []
    sizes: dict[str, Size] = {}


_DECODER: Final = msgspec.json.Decoder(_Wire)


class Explaining:
    """ASGI application that explains operations, and passes everything else on to the page.

    A request has the members of a GraphQL request, `without` with names of upstreams, and `sizes`. The answer is
    what `bff explain --format json` prints, or `errors` where there is nothing to explain, with 200 too: a browser
    complains of every other status while somebody is typing. It takes JSON only, so that no page of another site
    can send one without asking first.

    Args:
        page: GraphiQL.
        documents: Parses and validates under the limits of every request.
        explainer: Makes plans.
        limit: Longest body, in bytes.
    """

    def __init__(self, page: ASGIApp, documents: Documents, explainer: Explainer, *, limit: int) -> None:
        self._page = page
        self._documents = documents
        self._explainer = explainer
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if not scope["path"].endswith(EXPLAIN_PATH):
            await self._page(scope, receive, send)
            return
        headers = Headers(scope["headers"])
        if scope["method"] != "POST":
            await send_problem(send, HTTPStatus.METHOD_NOT_ALLOWED, "Send a POST.")
        elif not is_json_utf8(headers.text(b"content-type")):
            await send_problem(send, HTTPStatus.UNSUPPORTED_MEDIA_TYPE, "Send the body as application/json.")
        else:
            await self._answer(headers, receive, send)

    async def _answer(self, headers: Headers, receive: Receive, send: Send) -> None:
        try:
            async with asyncio.timeout(_PATIENCE):
                body = await read_body(receive, headers, self._limit)
        except Disconnected:
            return
        except TimeoutError:
            await send_problem(send, HTTPStatus.REQUEST_TIMEOUT, "The request was not complete in time.")
        except Refusal as refusal:
            status = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
            await send_problem(send, status, refusal.message, headers=((b"connection", b"close"),))
        else:
            await self._tell(body, send)

    async def _tell(self, body: bytes, send: Send) -> None:
        try:
            wire = _DECODER.decode(body)
        except (msgspec.DecodeError, RecursionError) as error:
            await send_problem(send, HTTPStatus.BAD_REQUEST, f"The body cannot be read: {error}")
            return
        await _send_json(send, await self._explain(wire))

    async def _explain(self, wire: _Wire) -> Any:
        try:
            document = await self._documents.get(wire.query)
            question = Question(document.node, wire.operation_name, wire.variables or {}, wire.without, wire.sizes)
            return self._explainer.explain(question).as_json()
        except Refused as error:
            return {"errors": [one.formatted for one in error.errors]}
        except Unexplainable as error:
            return {"errors": [{"message": str(error)}]}


async def _send_json(send: Send, answer: Any) -> None:
    body = orjson.dumps(answer)
    fields = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        *SECURITY,
    ]
    await send({"type": "http.response.start", "status": HTTPStatus.OK.value, "headers": fields})
    await send({"type": "http.response.body", "body": body})
