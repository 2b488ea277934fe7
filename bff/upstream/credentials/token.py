"""What a token endpoint answers, read strictly (RFC 6749, section 5; RFC 8693, section 2.2)."""

import re
from dataclasses import dataclass, field
from typing import Any

import msgspec

from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome

UNSAID_LIFETIME = 60.0
"""Seconds for which a token is used whose endpoint does not say how long it lives."""

LONGEST_LIFETIME = 86_400.0
"""Seconds; a token that lives longer is renewed all the same."""

_TOKEN = re.compile(r"[\x21-\x7e]{1,16384}")
_ERROR_NAME = re.compile(r"[a-z_]{1,64}")


@dataclass(frozen=True, slots=True)
class Token:
    """An access token of ours, and for how many seconds it lives."""

    value: str = field(repr=False)
    lifetime: float


def token_of(response: Response) -> Token:
    """Return the token in *response*.

    Raises:
        UpstreamError: BAD_PAYLOAD; the message repeats nothing of it.
    """
    try:
        told: Any = msgspec.json.decode(response.body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise _bad("not JSON") from None
    if not isinstance(told, dict):
        raise _bad("not a JSON object")
    value, kind = told.get("access_token"), told.get("token_type")
    if not isinstance(value, str) or not _TOKEN.fullmatch(value):
        raise _bad("no access_token of visible ASCII characters")
    if not isinstance(kind, str) or kind.lower() != "bearer":
        raise _bad("token_type is not Bearer")
    return Token(value, _lifetime(told.get("expires_in")))


def error_name(body: bytes) -> str | None:
    """Return what a refusal's *body* calls its reason, such as `invalid_client`; the rest is not for logs."""
    try:
        told: Any = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    name = told.get("error") if isinstance(told, dict) else None
    return name if isinstance(name, str) and _ERROR_NAME.fullmatch(name) else None


def _lifetime(told: Any) -> float:
    if told is None:
        return UNSAID_LIFETIME
    if isinstance(told, str) and told.isascii() and told.isdigit():
        told = int(told[:9])
    if isinstance(told, bool) or not isinstance(told, int | float) or not told > 0:
        raise _bad("expires_in is no time")
    return min(float(told), LONGEST_LIFETIME)


def _bad(detail: str) -> UpstreamError:
    return UpstreamError(Outcome.BAD_PAYLOAD, f"unusable token response: {detail}")
