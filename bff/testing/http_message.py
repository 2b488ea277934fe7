"""What the test server reads and answers: `Request` and `Reply`, and a reply's head as bytes."""

import json
from collections.abc import AsyncIterable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import formatdate
from http import HTTPStatus
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

Headers = Mapping[str, str] | Sequence[tuple[str, str]]
"""Header fields; pairs where a name is repeated."""

_BODILESS = frozenset({204, 304})


@dataclass(frozen=True, slots=True)
class Request:
    """One whole request, as it arrived.

    Attributes:
        method: As sent, upper case by convention.
        target: As sent: path and query, percent-encoded.
        headers: Lower-case names; repeated fields joined with ", ".
        body: Whole, with its transfer coding undone.
        when: The moment it was complete, on the server's clock, in seconds.
        connection: Number of the connection it came over; equal numbers mean a connection used again.
        version: "1.1" or "1.0".
        keep_alive: Whether the client lets the connection stay open.
        params: What stood at the braces of the route's template.
    """

    method: str
    target: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    when: float = 0.0
    connection: int = 0
    version: str = "1.1"
    keep_alive: bool = True
    params: Mapping[str, str] = field(default_factory=dict)

    @property
    def raw_path(self) -> str:
        """The path, still percent-encoded."""
        target = self.target
        if not target.startswith("/"):
            return urlsplit(target).path or target
        return target.partition("?")[0]

    @property
    def path(self) -> str:
        """The path, decoded."""
        return unquote(self.raw_path)

    @property
    def query(self) -> dict[str, str]:
        """The query's arguments, decoded; the last one where a name is repeated."""
        return dict(parse_qsl(self.target.partition("?")[2], keep_blank_values=True))

    def json(self) -> Any:
        """Return the body read as JSON.

        Raises:
            ValueError: It is not JSON.
        """
        return json.loads(self.body)


Body = bytes | AsyncIterable[bytes]
"""A whole body, or one that is sent chunk by chunk as it comes into being."""


@dataclass(frozen=True, slots=True)
class Reply:
    """One response; the server adds Date, Connection, and Content-Length or Transfer-Encoding.

    Attributes:
        status: 200 to 599.
        headers: Sent as given.
        body: A stream is sent chunked, and closed when the client goes away.
    """

    status: int = 200
    headers: Headers = ()
    body: Body = b""

    @classmethod
    def json(cls, value: Any, status: int = 200, headers: Headers = ()) -> Self:
        """Return *value* as JSON; dicts, lists, dataclasses, msgspec structs and datetimes all do."""
        return cls(status, (("content-type", "application/json"), *pairs(headers)), msgspec.json.encode(value))

    @classmethod
    def problem(cls, status: int, detail: str, headers: Headers = (), **extra: Any) -> Self:
        """Return an error as RFC 9457 describes it; *extra* are further members."""
        value = {"type": "about:blank", "title": reason(status), "status": status, "detail": detail, **extra}
        kind = ("content-type", "application/problem+json")
        return cls(status, (kind, *pairs(headers)), msgspec.json.encode(value))

    @classmethod
    def events(cls, stream: AsyncIterable[bytes], headers: Headers = ()) -> Self:
        """Return server-sent events; *stream* yields what `event` makes."""
        fields = (("content-type", "text/event-stream"), ("cache-control", "no-store"), *pairs(headers))
        return cls(200, fields, stream)

    def header(self, name: str) -> str | None:
        """Return the first field called *name*, in any case."""
        return next((value for key, value in pairs(self.headers) if key.lower() == name.lower()), None)

    def with_headers(self, *added: tuple[str, str]) -> "Reply":
        """Return this reply with further header fields."""
        return Reply(self.status, (*pairs(self.headers), *added), self.body)


def event(data: Any, *, id: str | None = None, name: str | None = None) -> bytes:  # noqa: A002 - SSE's own word
    """Return one server-sent event with *data* as JSON, or as it is when it is text."""
    text = data if isinstance(data, str) else msgspec.json.encode(data).decode()
    lines = [f"id: {id}"] if id is not None else []
    if name is not None:
        lines.append(f"event: {name}")
    lines += [f"data: {line}" for line in text.split("\n")]
    return ("\n".join(lines) + "\n\n").encode()


def pairs(headers: Headers) -> tuple[tuple[str, str], ...]:
    """Return *headers* as pairs, in their order."""
    return tuple(headers.items()) if isinstance(headers, Mapping) else tuple(headers)


def reason(status: int) -> str:
    """Return the phrase that goes with *status*."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"


async def discard(reply: Reply) -> None:
    """Let go of what a streamed body holds on to, whether or not it was read."""
    close = getattr(reply.body, "aclose", None)
    if close is not None:
        await close()


def may_have_body(request: Request, status: int) -> bool:
    """Return whether a response to *request* with *status* carries a body (RFC 9112, 6.3)."""
    return request.method != "HEAD" and status not in _BODILESS


def head(status: int, headers: Iterable[tuple[str, str]]) -> bytes:
    """Return a status line and *headers* as bytes, with the empty line at their end.

    Raises:
        ValueError: A header holds a line break, and would become two.
    """
    lines = [f"HTTP/1.1 {status} {reason(status)}", *(f"{name}: {value}" for name, value in headers)]
    for line in lines:
        if "\n" in line or "\r" in line:
            raise ValueError(f"a header holds a line break: {line[:80]!r}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1")


def date(wall: float) -> tuple[str, str]:
    """Return the Date field for *wall*, in seconds since the Unix epoch."""
    return "date", formatdate(wall, usegmt=True)
