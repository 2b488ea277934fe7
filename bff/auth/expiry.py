"""Connections that outlive their credentials: warned in time, then closed, unless renewed (lesson 19)."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from bff.auth.waiting import sleep_unless
from bff.clock import Clock
from bff.context import Principal

UNAUTHORIZED: Final = 4401
"""Close code of the graphql-transport-ws protocol."""
EXPIRED: Final = "Unauthorized"
_LOOK_AGAIN: Final = 60.0
"""Longest sleep in seconds: the wall clock may be set meanwhile (PY-20)."""

Warn = Callable[[float], Awaitable[None]]
"""Tells the client in how many seconds its credentials end."""

Close = Callable[[int, str], Awaitable[None]]
"""Ends the connection with a code and a reason."""


class Expiry:
    """Watches the credentials of one connection.

    Args:
        principal: Who opened it.
        clock: When that ends.
        warn: Called once, *ahead* seconds before the end, or at once where less is left.
        close: Called at the end.
        ahead: Seconds between both.
    """

    def __init__(
        self, principal: Principal, *, clock: Clock, warn: Warn, close: Close, ahead: float = 60.0
    ) -> None:
        self._clock = clock
        self._warn = warn
        self._close = close
        self._ahead = ahead
        self._renewed = asyncio.Event()
        self._principal = principal

    @property
    def principal(self) -> Principal:
        """Whom the connection belongs to now."""
        return self._principal

    def renew(self, principal: Principal) -> bool:
        """Take new credentials for the connection and return True; False where they are somebody else's."""
        old = self._principal
        if (principal.issuer, principal.subject) != (old.issuer, old.subject):
            return False
        self._principal = principal
        self._renewed.set()
        return True

    async def run(self) -> None:
        """Return when the credentials have ended and the connection is closed; never where they do not end."""
        while True:
            self._renewed.clear()
            if await self._until(self._ahead):
                continue
            await self._warn(max(0.0, self._left()))
            if await self._until(0.0):
                continue
            await self._close(UNAUTHORIZED, EXPIRED)
            return

    def _left(self) -> float:
        expires = self._principal.expires
        return float("inf") if expires is None else expires - self._clock.wall()

    async def _until(self, ahead: float) -> bool:
        """Return False when no more than *ahead* seconds are left, True as soon as the credentials are renewed."""
        while not self._renewed.is_set():
            left = self._left() - ahead
            if left <= 0:
                return False
            await sleep_unless(self._renewed, min(left, _LOOK_AGAIN), self._clock)
        return True
