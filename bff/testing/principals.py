"""Callers for tests that run without an issuer."""

from collections.abc import Iterable
from typing import Any

from bff.context import ANONYMOUS, Principal
from bff.server.ports import Arrival

ISSUER = "https://issuer.test/"
"""Who vouches for the principals of tests."""


def principal(subject: str, *, scopes: Iterable[str] = (), token: str | None = None, **claims: Any) -> Principal:
    """Return a caller as a token would describe it.

    Args:
        subject: Whom it is about, such as `u1`.
        scopes: What was granted.
        token: The access token, where a service receives it.
        claims: What the token says besides, such as `acr`, `auth_time` and `aud`; `tenant` counts as the tenant.
    """
    told = {"iss": ISSUER, "sub": subject, **claims}
    return Principal(ISSUER, subject, frozenset(scopes), tenant=claims.get("tenant"), claims=told, token=token)


class KnownCallers:
    """An authenticator that knows its callers by the bearer token they send, without any issuer.

    Whoever sends none is `otherwise`; an unknown token is that of nobody.

    Args:
        callers: Principals, by their tokens.
        otherwise: Who calls without a token.
    """

    def __init__(self, callers: dict[str, Principal] | None = None, *, otherwise: Principal = ANONYMOUS) -> None:
        self._callers = callers or {}
        self._otherwise = otherwise

    def identify(self, arrival: Arrival) -> Principal:
        """Return who is calling."""
        sent = arrival.headers.text(b"authorization")
        if sent is None:
            return self._otherwise
        return self._callers.get(sent.removeprefix("Bearer "), ANONYMOUS)
