"""Our own HTTP/1.1 client: `asyncio.Protocol` and a parser in C, no more on the way than the rules ask for."""

from random import Random

from bff.clock import Clock
from bff.upstream.message import Origin, Request, Response
from bff.upstream.transport import Limits
from bff.upstream.transport.dial import Dialler
from bff.upstream.transport.head import encode, host_field
from bff.upstream.transport.pool import Pool
from bff.upstream.transport.resolve import Resolver


class NativeTransport:
    """Sends requests of one upstream over HTTP/1.1; implements `bff.upstream.transport.Transport`."""

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
        origin = request.origin
        host = self._hosts.get(origin)
        if host is None:
            host = self._hosts[origin] = host_field(origin)
        head = encode(request, host)
        connection = self._pool.take(origin) or await self._pool.obtain(origin)
        answer = None
        try:
            answer = connection.exchange(head, request.body, for_head=request.method == "HEAD")
            return await answer
        except BaseException:
            connection.abandon(answer)
            raise

    async def close(self) -> None:
        """Close all connections; nothing may be sent afterwards."""
        await self._pool.close()
        if self._own_resolver is not None:
            self._own_resolver.close()
