"""A request to a service and its response, in the terms that every transport shares."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

import msgspec


class Origin(NamedTuple):
    """Where a service listens."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """Return the origin as it stands in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


class Request(msgspec.Struct):
    """One HTTP request, complete but for what a transport adds (Host, Content-Length, Accept-Encoding).

    Attributes:
        method: Upper case.
        origin: Where it goes.
        target: Path and query, percent-encoded, beginning with a slash.
        headers: Lower-case names; no Host, no hop-by-hop fields.
        body: None for no body at all.
    """

    method: str
    origin: Origin
    target: str
    headers: dict[str, str] = msgspec.field(default_factory=dict)
    body: bytes | None = None


class Note(msgspec.Struct, frozen=True):
    """Says that a value is not what the service would have said now (PD-12).

    `age_ms` is how old a stale value is, in milliseconds; None for one that has no age.
    """

    reason: Literal["STALE_IF_ERROR", "STALE_WHILE_FETCHED", "DEFAULT", "ALTERNATE"]
    source: Literal["stale", "default", "alternate"]
    upstream: str
    age_ms: int | None = None


class Keeping(msgspec.Struct, frozen=True):
    """How long an answer made of a response may be kept downstream, in seconds, and whether only by one user."""

    max_age: float = 0.0
    private: bool = True


NOT_KEPT = Keeping()


class Item(NamedTuple):
    """One key's part of a batch: its JSON, None where there is none, or what went wrong for it."""

    value: bytes | Exception | None
    note: Note | None = None


class Response(msgspec.Struct):
    """One complete HTTP response.

    Attributes:
        status: 200 to 599; informational responses are never seen here.
        headers: Lower-case names; repeated fields joined with ", ".
        body: Whole, and with its content coding undone where it is one that was asked for.
        note: Set where this is not what the service has just said.
        keeping: What may be kept of it downstream.
        items: A batch that was put together key by key, in place of a body.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    note: Note | None = None
    keeping: Keeping = NOT_KEPT
    items: Mapping[str, Item] | None = None
