"""What is kept of a session and of a login under way."""

import hashlib
from typing import Any

import msgspec


class Tokens(msgspec.Struct, frozen=True):
    """What the issuer granted; times are seconds of the wall clock.

    Attributes:
        refresh_at: When the access token is renewed ahead of its end.
    """

    access: str
    expires: float
    refresh_at: float
    refresh: str | None = None

    def __repr__(self) -> str:
        """Show no token."""
        return f"Tokens(expires={self.expires})"


class Session(msgspec.Struct, frozen=True):
    """One login of one person in one browser.

    Attributes:
        identity: The ID token, for the issuer's end-session endpoint.
        sid: The issuer's name for the login, where it has one.
        version: Counts renewals, so that two replicas know whose tokens are newer.
    """

    issuer: str
    subject: str
    created: float
    ends: float
    tokens: Tokens
    identity: str
    sid: str | None = None
    name: str | None = None
    email: str | None = None
    version: int = 0

    def __repr__(self) -> str:
        """Show no token."""
        return f"Session(version={self.version}, ends={self.ends})"


class Attempt(msgspec.Struct, frozen=True):
    """A login under way, kept under its `state`.

    Attributes:
        browser: Digest of the cookie of the browser that began it (SE-5).
        verifier: Of PKCE.
        replaces: The session that the new one takes the place of, by its key.
    """

    browser: str
    verifier: str
    nonce: str
    return_to: str
    redirect_uri: str
    replaces: str | None = None


def digest(secret: str) -> str:
    """Return what stands for *secret* where *secret* itself must not be read."""
    return hashlib.sha256(secret.encode()).hexdigest()


def encode(thing: Any) -> bytes:
    """Return *thing* as bytes."""
    return msgspec.json.encode(thing)
