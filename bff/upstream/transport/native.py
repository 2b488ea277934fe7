"""Our own HTTP/1.1 client: `asyncio.Protocol` and a parser in C, no more on the way than the rules ask for."""

import asyncio
from math import inf
from random import Random

from bff.clock import Clock
from bff.upstream.message import Origin, Request, Response
from bff.upstream.transport import Limits
from bff.upstream.transport.connection import Connection
from bff.upstream.transport.dial import Dialler
from bff.upstream.transport.head import encode, host_field
from bff.upstream.transport.pool import Pool
from bff.upstream.transport.resolve import Resolver


class NativeTransport:
    """Sends requests of one upstream over HTTP/1.1; implements `Transport` and `Prompt`."""

    def __init__(self, limits: Limits, *, clock: Clock, rng: Random, resolver: Resolver | None = None) -> None:
        """Build a transport that connects when it is first used.

        Args:
            limits: Bounds of connections and responses.
            clock: Measures how long connections are idle and how old they are.
            rng: Spreads the ages at which connections end.
            resolver: Finds addresses; one of its own when None.
        """
        names = resolver or Resolver(clock=clock, refresh=limits.dns_refresh, keep=limits.dns_stale)
        self._own_resolver = None if resolver else names
        self._pool = Pool(limits, Dialler(limits, names), clock=clock, rng=rng)
        self._hosts: dict[Origin, str] = {}

    async def send(self, request: Request) -> Response:
        """Send *request* once and return the whole response.

        Raises:
            UpstreamError: No whole response came back; LOCAL_BUG when the request cannot be put in HTTP.
        """
        connection, answer = self.begin(request) or await self._begin_later(request)
        try:
            return await answer
        except BaseException:
            connection.abandon(answer)
            raise

    def begin(
        self, request: Request, seconds: float = inf
    ) -> "tuple[Connection, asyncio.Future[Response]] | None":
        """Send *request* if a connection is idle; the future fails with `TimeoutError` after *seconds*.

        Raises:
            UpstreamError: LOCAL_BUG when the request cannot be put in HTTP.
        """
        origin = request.origin
        host = self._hosts.get(origin)
        if host is None:
            host = self._hosts[origin] = host_field(origin)
        head = encode(request, host)
        connection = self._pool.take(origin)
        return None if connection is None else _exchange(connection, head, request, seconds)

    async def _begin_later(self, request: Request) -> "tuple[Connection, asyncio.Future[Response]]":
        """Send *request* as soon as there is a connection."""
        head = encode(request, self._hosts[request.origin])
        return _exchange(await self._pool.obtain(request.origin), head, request, inf)

    async def close(self) -> None:
        """Close all connections; nothing may be sent afterwards."""
        await self._pool.close()
        if self._own_resolver is not None:
            self._own_resolver.close()


def _exchange(
    connection: Connection, head: bytes, request: Request, seconds: float
) -> "tuple[Connection, asyncio.Future[Response]]":
    try:
        return connection, connection.exchange(
            head, request.body, for_head=request.method == "HEAD", seconds=seconds
        )
    except BaseException:
        connection.abort()
        raise
