"""One call on its way through the pipeline."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from bff.upstream.errors import Phase
from bff.upstream.message import Origin, Response


@dataclass(slots=True)
class Call:
    """What is asked of a service, and until when.

    Attributes:
        upstream: Name of the upstream.
        endpoint: Name of the endpoint.
        method: HTTP method, upper case.
        target: Path and query as the endpoint names them; the host's prefix is added when one is picked.
        safe: Whether sending it twice does no harm: by method, or because the endpoint says so.
        deadline: Moment on the monotonic clock at which the call is over.
        limited_by: Whose time `deadline` is: the operation's, or the policy's for one call.
        origin: Where it goes, once a host is picked.
        prefix: The picked host's path prefix.
    """

    upstream: str
    endpoint: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None
    safe: bool
    request_id: str
    deadline: float
    limited_by: Phase = "operation"
    origin: Origin | None = None
    prefix: str = ""
    attempt: int = 1
    notes: dict[str, str] = field(default_factory=dict)


Handler = Callable[[Call], Awaitable[Response]]
"""Answers a call with a usable response, or raises `UpstreamError`."""


class Stage(Protocol):
    """One step around the next: may refuse, change, time or observe the call."""

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Answer *call*, as a rule by passing it on to *send*."""
