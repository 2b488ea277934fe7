"""The transport port: one request out, one whole response back (PY-1).

An adapter raises `UpstreamError` with one of the outcomes DNS, CONNECT, REFUSED, RESET, READ_TIMEOUT, BODY_BROKEN,
TOO_LARGE, POOL, or LOCAL_BUG (nothing sent) for a request that HTTP has no way to say, such as a line break in a
header. It lets `asyncio.CancelledError` through after its socket is closed. It never sends a request twice (PL-4),
follows no redirect, keeps no cookie, reads no proxy from the environment.
"""

import asyncio
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from bff.upstream.message import Request, Response


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one upstream's connections; times in seconds (DL-6, PY-6).

    The total time of an attempt is not here: the pipeline cancels `send` when it is up.
    """

    dns_timeout: float = 1.0
    dns_refresh: float = 30.0
    """Age at which addresses are looked up again (LB-11)."""
    dns_stale: float = 600.0
    """Age up to which they are used while that fails."""
    connect_timeout: float = 0.5
    write_idle: float = 2.0
    read_idle: float = 2.0
    pool_timeout: float = 0.1
    max_connections: int = 110
    keepalive_expiry: float = 15.0
    max_connection_age: float = 300.0
    max_response_bytes: int = 8 * 1024 * 1024
    """Decoded bytes of a body."""
    max_header_bytes: int = 64 * 1024
    max_header_count: int = 100
    ca_file: str | None = None
    """PEM file with the authorities to trust instead of the system's."""
    certificate: tuple[str, str] | None = None
    """PEM files with our certificate and its private key, which the service asks for (RFC 8446, section 4.3.2)."""


class Transport(Protocol):
    """Sends requests of one upstream; safe to cancel at any point."""

    async def send(self, request: Request) -> Response:
        """Send *request* once and return the whole response.

        Raises:
            UpstreamError: No whole response came back; the outcome says why.
        """

    async def close(self) -> None:
        """Close all connections; nothing may be sent afterwards."""


class Exchange(Protocol):
    """Where a request is under way."""

    def abandon(self, answer: "asyncio.Future[Response] | None") -> None:
        """Close the socket if *answer* is still to come: nobody waits for it any more (DL-10)."""


@runtime_checkable
class Prompt(Protocol):
    """A transport that can often send without having to wait for anything before.

    Whoever sends most then needs neither a coroutine nor a timer for it.
    """

    def begin(self, request: Request, seconds: float) -> "tuple[Exchange, asyncio.Future[Response]] | None":
        """Send *request* if a connection is idle, None where only `Transport.send` can.

        Args:
            request: What to send.
            seconds: After so long, the future fails with `TimeoutError`, as fairly as `FairTimeout`.

        Returns:
            The future of the response, and whom to tell when nobody waits for it to the end.

        Raises:
            UpstreamError: LOCAL_BUG; the request cannot be put in HTTP.
        """
