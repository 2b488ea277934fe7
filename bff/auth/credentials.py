"""What a request brings to prove who sends it, by form alone (AU-1)."""

import re
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

_SCHEME_AND_TOKEN = re.compile(rb"([A-Za-z]+) ([!-+\--~]+)")
"""One space, then printable characters without a comma."""
_SCHEMES: Final = {b"bearer": "bearer", b"dpop": "dpop"}
_TOKEN68: Final = re.compile(rb"[A-Za-z0-9._~+/-]+=*")


class BadRequest(ValueError):
    """Credentials were sent in a way that is not allowed."""


class Presented(NamedTuple):
    """A scheme in lower case, None where it is not one of ours, and what followed it."""

    scheme: str | None
    token: bytes


def read(authorization: bytes) -> Presented:
    """Return what an `Authorization` field says.

    Raises:
        BadRequest: It is repeated, a list, empty, or has white space where none belongs.
    """
    scheme, _, _ = authorization.partition(b" ")
    known = _SCHEMES.get(scheme.lower())
    if b"," in authorization and _mentions_ours(authorization):
        raise BadRequest("a list, or the field twice")
    if known is None:
        return Presented(None, b"")
    match = _SCHEME_AND_TOKEN.fullmatch(authorization)
    if match is None:
        raise BadRequest("no token after the scheme, or white space in it")
    return Presented(known, match[2])


def _mentions_ours(authorization: bytes) -> bool:
    parts = (part.strip().partition(b" ")[0].lower() for part in authorization.split(b","))
    return any(part in _SCHEMES for part in parts)


def is_opaque_token(token: bytes) -> bool:
    """Return whether *token* has only characters that a token has (RFC 9110 section 11.2)."""
    return _TOKEN68.fullmatch(token) is not None


def is_in_query(query: bytes) -> bool:
    """Return whether a URL's query holds an access token (RFC 6750 section 2.3), where it ends up in logs."""
    if b"access_token" not in query.lower():
        return False
    return any(name.lower() == "access_token" for name, _ in parse_qsl(query.decode("latin-1"), True))
