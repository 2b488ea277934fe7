"""What a verified token must say about itself (AU-7, AU-8, RFC 9068)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from bff.auth.verdicts import Rejected

_STRICT_TYPES: Final = frozenset({"at+jwt", "application/at+jwt"})
_TYPES: Final = _STRICT_TYPES | {"jwt", "application/jwt"}
_OF_ID_TOKENS: Final = ("nonce", "at_hash", "c_hash")
_LONGEST_NAME: Final = 512


@dataclass(frozen=True, slots=True)
class ClaimRules:
    """What is asked of the tokens of one issuer; times in seconds.

    Attributes:
        issuer: What `iss` must be, letter for letter.
        audience: One of them must be in `aud`.
        strict: Whether RFC 9068 holds.
        leeway: How far clocks may differ.
        max_age: How long ago the token may have been issued; None for any time.
    """

    issuer: str
    audience: frozenset[str]
    strict: bool = False
    leeway: float = 30.0
    max_age: float | None = None


def check_type(typ: object, rules: ClaimRules) -> None:
    """Look at the header's `typ`.

    Raises:
        Rejected: The token is of another kind.
    """
    if typ is None and not rules.strict:
        return
    allowed = _STRICT_TYPES if rules.strict else _TYPES
    if not isinstance(typ, str) or typ.lower() not in allowed:
        raise Rejected("type", f"typ is not {' or '.join(sorted(allowed))}")


def check_claims(claims: Mapping[str, Any], rules: ClaimRules, now: float) -> None:
    """Look at the payload; *now* in seconds since the epoch.

    Raises:
        Rejected: It is not for us, not now, or not an access token.
    """
    if claims.get("iss") != rules.issuer:
        raise Rejected("issuer", "iss is another")
    _check_audience(claims.get("aud"), rules.audience)
    _check_times(claims, rules, now)
    _check_name(claims, "sub")
    if rules.strict:
        _check_name(claims, "client_id")
        _check_name(claims, "jti")
    for name in _OF_ID_TOKENS:
        if name in claims:
            raise Rejected("type", f"an ID token: it has {name}")


def _check_audience(audience: object, ours: frozenset[str]) -> None:
    named = [audience] if isinstance(audience, str) else audience
    if not isinstance(named, list) or not all(isinstance(one, str) for one in named):
        raise Rejected("audience", "aud is neither text nor a list of texts")
    if ours.isdisjoint(named):
        raise Rejected("audience", "meant for others")


def _check_times(claims: Mapping[str, Any], rules: ClaimRules, now: float) -> None:
    expires = time_of(claims, "exp")
    if expires is None:
        raise Rejected("claims", "exp is missing")
    if now >= expires + rules.leeway:
        raise Rejected("expired", f"{now - expires:.0f}s ago")
    begins = time_of(claims, "nbf")
    if begins is not None and begins > now + rules.leeway:
        raise Rejected("not yet valid", f"nbf is {begins - now:.0f}s ahead")
    issued = time_of(claims, "iat")
    if issued is None:
        if rules.strict or rules.max_age is not None:
            raise Rejected("claims", "iat is missing")
        return
    if issued > now + rules.leeway:
        raise Rejected("not yet valid", f"iat is {issued - now:.0f}s ahead")
    if rules.max_age is not None and now - issued > rules.max_age:
        raise Rejected("expired", f"issued {now - issued:.0f}s ago")


def time_of(claims: Mapping[str, Any], name: str) -> float | None:
    """Return the seconds since the epoch that member *name* says; None where it is absent.

    Raises:
        Rejected: It is no number, or beyond all times.
    """
    value = claims.get(name)
    if value is None and name not in claims:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e12:  # noqa: PLR2004 - tens of thousands of years
        raise Rejected("claims", f"{name} is no time")
    return float(value)


def _check_name(claims: Mapping[str, Any], name: str) -> None:
    if not is_name(claims.get(name)):
        raise Rejected("claims", f"{name} is no name")


def is_name(value: object) -> bool:
    """Return whether *value* may name somebody: text, neither empty nor endless, without control characters."""
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME and value.isprintable()


def scopes_of(claims: Mapping[str, Any]) -> frozenset[str]:
    """Return what was granted: `scope` as RFC 9068 has it, or `scp` as several issuers do."""
    value = claims.get("scope", claims.get("scp", ""))
    if isinstance(value, str):
        return frozenset(value.split())
    if isinstance(value, list):
        return frozenset(one for one in value if isinstance(one, str) and one)
    return frozenset()


def text_of(claims: Mapping[str, Any], *names: str) -> str | None:
    """Return the first of the members *names* that is a name, None where none is."""
    return next((claims[name] for name in names if is_name(claims.get(name))), None)
