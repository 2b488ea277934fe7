"""A request to a service and its response, in the terms that every transport shares."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Origin(NamedTuple):
    """Where a service listens."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        """Return the origin as it stands in a URL."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}:{self.port}"


@dataclass(slots=True)
class Request:
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
    headers: dict[str, str] = field(default_factory=dict)
    body: bytes | None = None


@dataclass(slots=True)
class Response:
    """One complete HTTP response.

    Attributes:
        status: 200 to 599; informational responses are never seen here.
        headers: Lower-case names; repeated fields joined with ", ".
        body: Whole and with its content coding undone.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
