"""The tokens that the issuer makes: access tokens (RFC 9068), ID tokens and logout tokens (OpenID Connect)."""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from bff.auth.development.keys import Keys
from bff.auth.development.model import Client
from bff.auth.development.state import Granted, Memory, Session
from bff.clock import Clock

LOGOUT_EVENT = "http://schemas.openid.net/event/backchannel-logout"
_OWN = frozenset({"iss", "sub", "aud", "exp", "nbf", "iat", "jti", "client_id", "scope", "acr", "auth_time"})


@dataclass(frozen=True, slots=True)
class Access:
    """What an access token is to say.

    Attributes:
        person: About whom; None for a client in its own name.
        expires: Seconds it is good for.
        actor: Who acts for the subject, after a token exchange.
    """

    client: Client
    subject: str
    scope: frozenset[str]
    audience: tuple[str, ...]
    expires: int
    more: Mapping[str, Any]
    acr: str | None = None
    auth_time: int | None = None
    actor: str | None = None


class Tokens:
    """Makes and reads them."""

    def __init__(self, issuer: str, keys: Keys, memory: Memory, clock: Clock) -> None:
        self._issuer = issuer
        self._keys = keys
        self._memory = memory
        self._clock = clock

    def access(self, wanted: Access, granted: Granted | None = None) -> str:
        """Return an access token that says *wanted*; the end of *granted* is its end."""
        now = int(self._clock.wall())
        claims: dict[str, Any] = {name: value for name, value in wanted.more.items() if name not in _OWN}
        claims |= {
            "iss": self._issuer,
            "sub": wanted.subject,
            "aud": wanted.audience[0] if len(wanted.audience) == 1 else list(wanted.audience),
            "iat": now,
            "exp": now + wanted.expires,
            "jti": secrets.token_urlsafe(16),
            "client_id": wanted.client.id,
            "scope": in_words(wanted.scope),
        }
        if wanted.acr is not None and wanted.auth_time is not None:
            claims |= {"acr": wanted.acr, "auth_time": wanted.auth_time}
        if wanted.actor is not None:
            claims["act"] = {"sub": wanted.actor}
        if granted is not None:
            self._memory.grants.put(granted, claims["jti"])
        if wanted.client.tokens == "opaque":
            return self._memory.opaque.put(claims)
        return self._keys.sign(claims, typ="at+jwt", algorithm=wanted.client.algorithm)

    def identity(self, granted: Granted, access_token: str) -> str:
        """Return the ID token that goes with *access_token*."""
        session, client, now = granted.session, granted.wish.client, int(self._clock.wall())
        person = session.person
        digest = hashlib.sha256(access_token.encode()).digest()
        claims = {
            **person.claims,
            "iss": self._issuer,
            "sub": person.subject,
            "aud": client.id,
            "iat": now,
            "exp": now + 300,
            "auth_time": session.auth_time,
            "acr": session.acr,
            "sid": session.id,
            "at_hash": urlsafe_b64encode(digest[:16]).decode().rstrip("="),
            "name": person.name,
            "email": person.email,
            "nonce": granted.wish.nonce,
        }
        known = {name: value for name, value in claims.items() if value is not None}
        return self._keys.sign(known, typ="JWT", algorithm=client.algorithm)

    def logout(self, session: Session, client: Client) -> str:
        """Return the token that tells *client* of the end of *session*."""
        now = int(self._clock.wall())
        claims = {
            "iss": self._issuer,
            "aud": client.id,
            "iat": now,
            "exp": now + 120,
            "jti": secrets.token_urlsafe(16),
            "sub": session.person.subject,
            "sid": session.id,
            "events": {LOGOUT_EVENT: {}},
        }
        return self._keys.sign(claims, typ="logout+jwt", algorithm=client.algorithm)

    def read(self, token: str) -> Mapping[str, Any] | None:
        """Return the claims of an access token that is good now, None for every other text."""
        claims = self._memory.opaque.get(token) or self._keys.verified(token, "at+jwt")
        if claims is None or claims["exp"] <= self._clock.wall():
            return None
        granted = self._memory.grants.get(claims["jti"])
        return claims if granted is None or granted.alive else None

    def session_of(self, id_token: str) -> tuple[Session | None, str | None]:
        """Return the session and the client of an ID token of ours, however old it is."""
        claims = self._keys.verified(id_token, "JWT")
        if claims is None:
            return None, None
        return self._memory.sessions.get(claims.get("sid", "")), claims["aud"]


def in_words(scope: Iterable[str]) -> str:
    """Return *scope* as it is written (RFC 6749 section 3.3)."""
    return " ".join(sorted(scope))
