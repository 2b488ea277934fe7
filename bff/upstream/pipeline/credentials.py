"""Gives each attempt its credentials, and other ones once where the service refuses them (UC-1 to UC-3)."""

import asyncio
from collections.abc import Awaitable

from bff.clock import Clock
from bff.upstream.credentials.source import Grant, Source, no_credentials
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.pipeline.call import Call, Handler

_UNAUTHORIZED = 401


class Credentials:
    """Position 10: after the pick of a host, for credentials are meant for one service only.

    The headers are on the call for the attempt alone: what is above keeps answers by what the call was before.

    Args:
        source: Of one upstream.
        clock: Tells the time.
    """

    def __init__(self, source: Source, *, clock: Clock) -> None:
        self._source = source
        self._clock = clock

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Send *call* with credentials; after a 401 once more, with renewed ones, whatever its method (table 4.1).

        Raises:
            UpstreamError: AUTH where there are none; nothing was sent. Or what sending raised.
        """
        granted = self._source.grant(call)
        if not isinstance(granted, Grant):
            granted = await self._in_time(granted, call)
        try:
            return await _with(granted, call, send)
        except UpstreamError as error:
            if error.status != _UNAUTHORIZED or granted.token is None:
                raise
            other = self._source.renew(call, granted)
            if other is None:
                raise
            renewed = other if isinstance(other, Grant) else await self._in_time(other, call)
        call.attempt += 1
        return await _with(renewed, call, send)

    async def _in_time(self, granted: Awaitable[Grant], call: Call) -> Grant:
        try:
            async with asyncio.timeout(max(0.0, call.deadline - self._clock.now())):
                return await granted
        except TimeoutError:
            raise no_credentials("no token came before the call's time was up") from None


async def _with(granted: Grant, call: Call, send: Handler) -> Response:
    headers = call.headers
    call.headers = {**headers, **granted.headers}
    try:
        return await send(call)
    finally:
        call.headers = headers
