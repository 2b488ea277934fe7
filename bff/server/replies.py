"""From an answer to an HTTP response: status, header fields, and bytes that are never half an answer."""

import asyncio
import math
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

from msgspec import Struct

from bff.codes import Code
from bff.execution.messages import Answer
from bff.policy.model import OperationsPolicy
from bff.server.caching import NEVER, REVALIDATE, VARY, cache_control, etag, is_whole, matches
from bff.server.negotiation import GRAPHQL, JSON, Negotiated
from bff.server.ports import Receive, Send
from bff.server.problem import SECURITY
from bff.server.refusal import HeaderList
from bff.server.statuses import OF_THE_DOCUMENT, refused_status
from bff.server.watch import Stage, Watch

CHUNK: Final = 64 * 1024
"""Bytes handed to the server at once; it takes the next ones when the client has read (fault 34)."""

Whole = Callable[["Reply"], bool]
"""Sends a reply past ASGI: an attribute of a server's `send`, unless anything lies around that."""

_LINGER_SECONDS: Final = 1.0
_LINGER_BYTES: Final = 1024 * 1024


class Kind:
    """What all answers of one media type and one `Cache-Control` have in common.

    Attributes:
        fields: Their header fields.
        lines: The same as they go over the wire.
        public: Whether others may get such an answer: it must not tell one caller's limits.
    """

    __slots__ = ("fields", "lines", "public")

    def __init__(self, label: str, cache: bytes) -> None:
        self.fields: HeaderList = (
            (b"content-type", f"{label}; charset=utf-8".encode()),
            (b"cache-control", cache),
            (b"vary", VARY),
            *SECURITY,
        )
        self.lines = b"".join([b"%b: %b\r\n" % field for field in self.fields])
        self.public = cache.endswith(b"public")


class Reply(Struct, eq=False):
    """A response that is ready to be sent.

    Attributes:
        status: Of HTTP.
        kind: Whose header fields it has.
        request_id: It is told to the client.
        pieces: Its body.
        headers: Further header fields.
        linger: Whether the client is still sending: the rest of its body is taken for a moment, so that the answer
            is not lost in a connection reset.
        of_query: Whether it answers a query that was executed.
    """

    status: int
    kind: Kind
    request_id: str
    pieces: list[bytes]
    headers: list[tuple[bytes, bytes]] = []
    linger: bool = False
    of_query: bool = False

    def fields(self) -> list[tuple[bytes, bytes]]:
        """Return all header fields; those of a 304 say nothing about a body (RFC 9110, section 15.4.5)."""
        told = (b"x-request-id", self.request_id.encode("latin-1"))
        if self.status == 304:  # noqa: PLR2004 - Not Modified
            return [*self.kind.fields[1:], told, *self.headers]
        length = (b"content-length", b"%d" % sum(map(len, self.pieces)))
        return [*self.kind.fields, length, told, *self.headers]


class Replies:
    """Knows the header fields of every kind of answer beforehand."""

    def __init__(self, policy: OperationsPolicy) -> None:
        self._mode = policy.request_error_status
        self._partial = policy.partial_status
        self._lenient = policy.always_200_for_json
        self._kind = lru_cache(maxsize=256)(Kind)

    def single(
        self,
        answer: Answer,
        negotiated: Negotiated,
        request_id: str,
        pieces: list[bytes],
        *,
        status: int | None = None,
        known: str | None = None,
        safe: bool = False,
        fields: HeaderList = (),
    ) -> Reply:
        """Return the response that carries one answer (PD-6, PD-7, PD-8).

        A 2xx is labelled as negotiated, any other status as GraphQL, which is how clients tell it from a proxy's.
        *status* stands where the edge itself refused and knows it. The answer to a *safe* request has a validator;
        where the client has told it, as *known*, there is no body (CA-25). *fields* are added; a challenge among
        them takes the place of the usual one.
        """
        known_status = status
        if status is None:
            status = self._status(answer, negotiated)
        cache = cache_control(answer, status)
        label = negotiated.label if status < 300 and negotiated.label else GRAPHQL  # noqa: PLR2004
        reply = Reply(status, self._kind(label, cache), request_id, pieces)
        reply.of_query = answer.kind == "query" and answer.refused is None
        if status == 405 and known_status is None:  # noqa: PLR2004 - only a GET can have carried what needs a POST
            reply.headers.append((b"allow", b"POST"))
        if safe and cache is not NEVER:
            _validate(reply, etag(label, pieces), known)
        if answer.degraded:
            reply.headers.append((b"x-bff-degraded", _degraded(answer.body)))
        if answer.refused is not None:
            _explain_refusal(answer, status, reply, fields)
        elif answer.barred is not None:
            reply.headers += _explain_bar(answer, status)
        reply.headers += fields
        return reply

    def batch(self, answers: list[Answer], request_id: str, pieces: list[bytes]) -> Reply:
        """Return the response that carries several answers: 200, because each of them says how it went."""
        whole = all(is_whole(answer, 200) for answer in answers)
        return Reply(200, self._kind(JSON, REVALIDATE if whole else NEVER), request_id, pieces)

    def _status(self, answer: Answer, negotiated: Negotiated) -> int:
        body = answer.body
        if answer.refused is not None:
            if self._lenient and negotiated.names_json_only and answer.refused in OF_THE_DOCUMENT:
                return 200
            return refused_status(answer.refused, self._mode)
        if "data" not in body:
            return 500
        if answer.barred is Code.AUTH_UNAVAILABLE and not (self._lenient and negotiated.names_json_only):
            return 503
        return self._partial if "errors" in body else 200


def _validate(reply: Reply, tag: bytes, known: str | None) -> None:
    """Add the validator, and leave the body out where the client has it."""
    reply.headers.append((b"etag", tag))
    if matches(known, tag):
        reply.status, reply.pieces = 304, [b""]


def _explain_refusal(answer: Answer, status: int, reply: Reply, fields: HeaderList) -> None:
    """Add the header fields that RFC 9110 wants with *status*."""
    if status == 401 and all(name != b"www-authenticate" for name, _ in fields):  # noqa: PLR2004 - RFC 9110, 15.5.2
        reply.headers.append((b"www-authenticate", b"Bearer"))
    errors: list[dict[str, Any]] = answer.body.get("errors") or [{}]
    wait = errors[0].get("extensions", {}).get("retryAfterMs")
    if isinstance(wait, int | float) and status in (429, 503):
        reply.headers.append((b"retry-after", b"%d" % max(1, math.ceil(wait / 1000))))


def _explain_bar(answer: Answer, status: int) -> HeaderList:
    """Return the header fields for an answer without any data: when to ask again, or how to log in (SU-1)."""
    if answer.barred is Code.AUTH_UNAVAILABLE:
        return ((b"retry-after", b"1"),) if status == 503 else ()  # noqa: PLR2004 - as RFC 9110, 15.6.4, wants it
    errors: list[dict[str, Any]] = answer.body.get("errors") or []
    wanted = next(one["extensions"] for one in errors if one["extensions"]["code"] == Code.STEP_UP_REQUIRED)
    challenge = 'Bearer error="insufficient_user_authentication"'
    if acr := " ".join(wanted.get("acrValues", ())):
        challenge += f', acr_values="{acr}"'
    if "maxAge" in wanted:
        challenge += f', max_age="{wanted["maxAge"]}"'
    return ((b"www-authenticate", challenge.encode("ascii", "ignore")),)


def _degraded(body: dict[str, Any]) -> bytes:
    """Return `upstream;reason` for each kind of degradation (PD-12)."""
    notes = body.get("extensions", {}).get("degraded", ())
    kinds = dict.fromkeys(f"{note.get('upstream', '')};{note.get('reason', '')}" for note in notes)
    return ", ".join(kind for kind in kinds if kind.isascii() and kind.isprintable()).encode() or b"unknown"


async def deliver(reply: Reply, send: Send, receive: Receive, watch: Watch) -> None:
    """Send *reply*, in chunks that bound what waits in memory for a slow reader."""
    watch.enter(Stage.WRITING)
    whole: Whole | None = getattr(send, "whole", None)
    if whole is not None and whole(reply):
        return
    await send({"type": "http.response.start", "status": reply.status, "headers": reply.fields()})
    if len(reply.pieces) == 1 and len(reply.pieces[0]) <= CHUNK and not reply.linger:
        await send({"type": "http.response.body", "body": reply.pieces[0]})
        return
    for piece in reply.pieces:
        for start in range(0, len(piece), CHUNK):
            watch.enter(Stage.WRITING)
            await send({"type": "http.response.body", "body": piece[start : start + CHUNK], "more_body": True})
    if reply.linger:
        await _linger(receive)
    watch.enter(Stage.WRITING)
    await send({"type": "http.response.body", "body": b""})


async def _linger(receive: Receive) -> None:
    taken = 0
    try:
        async with asyncio.timeout(_LINGER_SECONDS):
            while taken < _LINGER_BYTES:
                message = await receive()
                if message["type"] != "http.request" or not message.get("more_body", False):
                    return
                taken += len(message.get("body", b""))
    except TimeoutError:
        return
