"""Whose calls services answer: access tokens (RFC 9068) of one issuer, verified by the keys it publishes."""

import asyncio
import json
from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.request import urlopen

import jwt

from bff.clock import Clock

AUDIENCE: Final = "services"
"""What tokens for any of the services name; their own name will do as well."""

_FETCH_LIMIT: Final = 2.0
_COOLDOWN: Final = 1.0
_KEYS_LIFE: Final = 60.0
_MOST: Final = 1000

Fetch = Callable[[str], Mapping[str, Any]]


def fetch(url: str) -> Mapping[str, Any]:
    """Return the JSON object at *url*; blocks."""
    with urlopen(url, timeout=_FETCH_LIMIT) as response:  # noqa: S310 - the issuer of the command line
        found: Mapping[str, Any] = json.load(response)
    return found


class Tokens:
    """Reads tokens for one service.

    Args:
        issuer: Its URL.
        service: Name of the service.
        clock: Says how old keys are.
        get: Fetches a document, in a thread.
    """

    def __init__(self, issuer: str, service: str, clock: Clock, get: Fetch = fetch) -> None:
        self._issuer = issuer
        self._audience = [AUDIENCE, service]
        self._clock = clock
        self._get = get
        self._keys: dict[str, jwt.PyJWK] = {}
        self._fetched = float("-inf")
        self._fetching = asyncio.Lock()
        self._known: dict[str, Mapping[str, Any]] = {}

    async def read(self, authorization: str) -> Mapping[str, Any] | None:
        """Return the claims of the bearer token in *authorization*, None where it is not good."""
        scheme, _, token = authorization.strip().partition(" ")
        if scheme.lower() != "bearer":
            return None
        known = self._known.get(token)
        if known is not None and known["exp"] > self._clock.wall():
            return known
        try:
            claims = await self._verified(token)
        except (jwt.PyJWTError, OSError, ValueError):
            return None
        if len(self._known) >= _MOST:
            self._known.clear()
        self._known[token] = claims
        return claims

    async def _verified(self, token: str) -> Mapping[str, Any]:
        header = jwt.get_unverified_header(token)
        if header.get("typ") != "at+jwt":
            raise jwt.InvalidTokenError("no access token")
        key = await self._key(str(header.get("kid")))
        claims: Mapping[str, Any] = jwt.decode(
            token,
            key,
            algorithms=["RS256", "ES256"],
            audience=self._audience,
            issuer=self._issuer,
            options={"require": ["exp", "sub", "client_id"]},
        )
        return claims

    async def _key(self, name: str) -> jwt.PyJWK:
        """Return the key *name*; the issuer is asked anew where its keys are old or it is not among them."""
        async with self._fetching:
            age = self._clock.now() - self._fetched
            if age > _KEYS_LIFE or (name not in self._keys and age > _COOLDOWN):
                said = await asyncio.to_thread(self._get, f"{self._issuer}/jwks.json")
                self._keys = {one["kid"]: jwt.PyJWK(one) for one in said["keys"]}
                self._fetched = self._clock.now()
        if name not in self._keys:
            raise jwt.InvalidTokenError("no such key")
        return self._keys[name]
