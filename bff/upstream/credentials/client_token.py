"""A token of our own, renewed before it ends and never by two at once (UC-3)."""

import asyncio
from collections.abc import Awaitable, Callable
from random import Random

from bff.clock import Clock
from bff.upstream.credentials.source import Grant, no_credentials
from bff.upstream.credentials.token import Token
from bff.upstream.errors import UpstreamError
from bff.upstream.pipeline.call import Call

_JITTER = 0.05
"""How much earlier that may be by chance, as a share of the life, so that replicas do not ask together."""

MARGIN = 10.0
"""Seconds before its end after which a token is no longer sent."""

_SHORT = 0.2
"""The same as a share of the life, for tokens so short that the margin would be most of it."""

FORCED_PAUSE = 5.0
"""Seconds between two renewals because a service refused a token that was still good."""

_LONGEST_BACKOFF = 30.0


class ClientToken:
    """The token of a client-credentials grant.

    Args:
        fetch: Asks for a new one.
        clock: Tells the time.
        rng: Spreads renewals.
        ahead: Share of its life after which a token is renewed in the background.
    """

    def __init__(
        self, fetch: Callable[[], Awaitable[Token]], *, clock: Clock, rng: Random, ahead: float = 0.8
    ) -> None:
        self._fetch = fetch
        self._ahead = ahead
        self._clock = clock
        self._rng = rng
        self._token: Token | None = None
        self._good_until = 0.0
        self._renew_at = 0.0
        self._failures = 0
        self._forced_until = 0.0
        self._flight: asyncio.Task[Token] | None = None

    def get(self) -> str | Awaitable[str]:
        """Return the token: at once while there is a good one, which is renewed in the background in time.

        Raises:
            UpstreamError: AUTH; there is none. Awaiting raises it.
        """
        now = self._clock.now()
        if self._token is not None and now < self._good_until:
            if now >= self._renew_at and self._flight is None:
                self._start()
            return self._token.value
        return self._awaited()

    def renew(self, refused: str) -> str | Awaitable[str] | None:
        """Return another token than *refused*: one that is there already, or one that is fetched for all who ask.

        None where the last one was fetched for the same reason a moment ago: the service accepts none of them.
        """
        if self._token is not None and self._token.value == refused:
            now = self._clock.now()
            if now < self._forced_until:
                return None
            self._forced_until = now + FORCED_PAUSE
            self._token = None
        return self.get()

    async def close(self) -> None:
        """End the renewal under way."""
        if self._flight is not None:
            self._flight.cancel()
            await asyncio.wait([self._flight])

    async def _awaited(self) -> str:
        flight = self._flight or self._start()
        await asyncio.wait([flight])
        if flight.cancelled():
            raise no_credentials("the renewal of the token was ended")
        error = flight.exception()
        if error is None:
            return flight.result().value
        raise error.fresh() if isinstance(error, UpstreamError) else error

    def _start(self) -> "asyncio.Task[Token]":
        flight = self._flight = asyncio.create_task(self._renewed(), name="token renewal")
        flight.add_done_callback(self._ended)
        return flight

    def _ended(self, flight: "asyncio.Task[Token]") -> None:
        self._flight = None
        if not flight.cancelled():
            flight.exception()

    async def _renewed(self) -> Token:
        try:
            token = await self._fetch()
        except UpstreamError:
            pause = min(2.0**self._failures, _LONGEST_BACKOFF)
            self._failures += 1
            self._renew_at = self._clock.now() + pause * self._rng.uniform(0.5, 1.0)
            raise
        now, life = self._clock.now(), token.lifetime
        self._failures = 0
        self._token = token
        self._good_until = now + life - min(MARGIN, life * _SHORT)
        self._renew_at = now + life * (self._ahead - _JITTER * self._rng.random())
        return token


class ClientCredentials:
    """A source: calls carry our own token."""

    def __init__(self, token: ClientToken, close: Callable[[], Awaitable[None]]) -> None:
        self._token = token
        self._close = close

    def grant(self, call: Call) -> Grant | Awaitable[Grant]:  # noqa: ARG002 - as all sources
        """Return our token."""
        found = self._token.get()
        return bearer(found) if isinstance(found, str) else _later(found)

    def renew(self, call: Call, refused: Grant) -> Grant | Awaitable[Grant] | None:  # noqa: ARG002 - as above
        """Return another token than the *refused* one."""
        found = self._token.renew(refused.token) if refused.token is not None else None
        if found is None:
            return None
        return bearer(found) if isinstance(found, str) else _later(found)

    async def close(self) -> None:
        """End the renewal under way, and close connections."""
        await self._token.close()
        await self._close()


def bearer(token: str) -> Grant:
    """Return the grant that carries *token*."""
    return Grant({"authorization": f"Bearer {token}"}, token)


async def _later(token: Awaitable[str]) -> Grant:
    return bearer(await token)
