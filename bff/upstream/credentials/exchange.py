"""Tokens for a service, got for the token of the caller (RFC 8693, UC-2)."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping
from hashlib import sha256
from typing import NamedTuple

from bff.clock import Clock
from bff.context import Principal
from bff.upstream.credentials.client_token import FORCED_PAUSE, bearer
from bff.upstream.credentials.source import Grant, access_token, no_credentials
from bff.upstream.credentials.token import Token
from bff.upstream.errors import UpstreamError
from bff.upstream.pipeline.call import Call

GRANT_TYPE = "urn:ietf:params:oauth:grant-type:token-exchange"
ACCESS_TOKEN = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - the name of a kind, not a token

MOST = 10_000
"""Exchanged tokens kept; the one longest unused makes room."""

Key = tuple[bytes, str, tuple[str, ...]]
"""SHA-256 of the caller's token, audience, scopes."""


class _Kept(NamedTuple):
    value: str
    until: float
    forced_at: float


class Exchange:
    """A source: calls carry a token that was got for the caller's.

    Args:
        fetch: Asks the token endpoint.
        audience: What the service calls itself.
        scopes: What is asked for; what the caller has when empty.
        anonymous: Whether callers without a token go without.
        clock: Tells the time.
        close: Closes the connections to the token endpoint.
        margin: Seconds before its end after which an exchanged token is no longer used.
    """

    def __init__(
        self,
        fetch: Callable[[Mapping[str, str]], Awaitable[Token]],
        *,
        audience: str,
        scopes: tuple[str, ...],
        anonymous: bool,
        clock: Clock,
        close: Callable[[], Awaitable[None]],
        margin: float = 30.0,
    ) -> None:
        self._margin = margin
        self._fetch = fetch
        self._audience = audience
        self._scopes = scopes
        self._anonymous = anonymous
        self._clock = clock
        self._close = close
        self._kept: OrderedDict[Key, _Kept] = OrderedDict()
        self._flights: dict[Key, asyncio.Task[str]] = {}

    def grant(self, call: Call) -> Grant | Awaitable[Grant]:
        """Return the token for the caller's.

        Raises:
            UpstreamError: The caller has none, or it cannot be exchanged.
        """
        principal = call.principal
        subject = access_token(principal)
        if principal is None or subject is None:
            if self._anonymous:
                return Grant({})
            raise no_credentials("the caller has no access token to exchange")
        key = self._key(subject)
        found = self._kept.get(key)
        if found is not None and self._clock.now() < found.until:
            self._kept.move_to_end(key)
            return bearer(found.value)
        return self._awaited(key, subject, principal)

    def renew(self, call: Call, refused: Grant) -> Grant | Awaitable[Grant] | None:
        """Return another token than the *refused* one, None where that was just renewed."""
        subject = access_token(call.principal)
        if refused.token is None or subject is None or call.principal is None:
            return None
        key = self._key(subject)
        found, now = self._kept.get(key), self._clock.now()
        if found is not None and found.value == refused.token:
            if now < found.forced_at + FORCED_PAUSE:
                return None
            del self._kept[key]
        elif found is not None and now < found.until:
            return bearer(found.value)
        return self._awaited(key, subject, call.principal, forced_at=now)

    async def close(self) -> None:
        """End exchanges under way, and close connections."""
        tasks = list(self._flights.values())
        for task in tasks:
            task.cancel()
        if tasks:
            await asyncio.wait(tasks)
        await self._close()

    def _key(self, subject: str) -> Key:
        return sha256(subject.encode()).digest(), self._audience, self._scopes

    async def _awaited(
        self, key: Key, subject: str, principal: Principal, forced_at: float = float("-inf")
    ) -> Grant:
        flight = self._flights.get(key)
        if flight is None:
            flight = asyncio.create_task(
                self._exchanged(key, subject, principal, forced_at), name="token exchange"
            )
            self._flights[key] = flight
            flight.add_done_callback(lambda done: self._ended(key, done))
        await asyncio.wait([flight])
        if flight.cancelled():
            raise no_credentials("the exchange of the token was ended")
        error = flight.exception()
        if error is None:
            return bearer(flight.result())
        raise error.fresh() if isinstance(error, UpstreamError) else error

    def _ended(self, key: Key, flight: "asyncio.Task[str]") -> None:
        self._flights.pop(key, None)
        if not flight.cancelled():
            flight.exception()

    async def _exchanged(self, key: Key, subject: str, principal: Principal, forced_at: float) -> str:
        form = {
            "grant_type": GRANT_TYPE,
            "subject_token": subject,
            "subject_token_type": ACCESS_TOKEN,
            "requested_token_type": ACCESS_TOKEN,
            "audience": self._audience,
        }
        if self._scopes:
            form["scope"] = " ".join(self._scopes)
        token = await self._fetch(form)
        life = token.lifetime
        if principal.expires is not None:
            life = min(life, principal.expires - self._clock.wall())
        now = self._clock.now()
        if life > self._margin:
            self._kept[key] = _Kept(token.value, now + life - self._margin, forced_at)
            self._kept.move_to_end(key)
            while len(self._kept) > MOST:
                self._kept.popitem(last=False)
        return token.value
