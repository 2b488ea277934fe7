"""Reads ID tokens and logout tokens strictly; nothing here asks anybody anything.

Signatures are joserfc's, claims of ID tokens Authlib's; what either leaves open is said here.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, TypeGuard

from authlib.oidc.core import CodeIDToken
from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import import_key
from joserfc.jws import JWSRegistry

from bff.auth.session.errors import LoginFailed

ALGORITHMS: Final = ("RS256", "PS256", "ES256", "EdDSA")
"""Public keys only (AU-3)."""

LEEWAY: Final = 30
"""Seconds that the issuer's clock and ours may differ."""

LONGEST: Final = 16 * 1024
_LOGOUT_EVENT: Final = "http://schemas.openid.net/event/backchannel-logout"
_LOGOUT_LIFE: Final = 300
_LONGEST_NAME: Final = 255

Claims = dict[str, Any]
Keys = Sequence[Mapping[str, Any]]
"""Members of a JWK set."""


class KeyUnknown(LoginFailed):
    """The token names a key that is not among those known; they may have changed."""


class _Registry(JWSRegistry):
    max_header_length = 4096  # certificates in a header are ignored, but they are legal


def read_identity(
    token: str, keys: Keys, *, issuer: str, client_id: str, nonce: str | None, access_token: str, now: float
) -> Claims:
    """Return the claims of the ID token that came with *access_token*.

    *nonce* is that of the login; None for a renewal, which has none to repeat.

    Raises:
        KeyUnknown: It was signed by a key that is not among *keys*.
        LoginFailed: It is not one of *issuer* for *client_id* that is good now.
    """
    header, claims = _verified(token, keys)
    if header.get("typ", "JWT").lower() != "jwt":
        raise LoginFailed("the ID token says it is something else")
    _check_parties(claims, issuer, client_id)
    options: Any = {"iss": {"essential": True, "value": issuer}, "aud": {"essential": True, "value": client_id}}
    params = {"nonce": nonce, "client_id": client_id, "access_token": access_token}
    try:
        CodeIDToken(claims, header, options, params).validate(now=int(now), leeway=LEEWAY)
    except (JoseError, ValueError, TypeError) as error:
        raise LoginFailed(f"the ID token: {error}") from error
    return claims


def read_logout(token: str, keys: Keys, *, issuer: str, client_id: str, now: float) -> Claims:
    """Return the claims of a logout token (OpenID Connect Back-Channel Logout, section 2.6).

    Raises:
        KeyUnknown: It was signed by a key that is not among *keys*.
        LoginFailed: It is not one of *issuer* for *client_id* that is good now.
    """
    header, claims = _verified(token, keys)
    if header.get("typ", "JWT").lower() not in {"logout+jwt", "application/logout+jwt", "jwt"}:
        raise LoginFailed("the logout token says it is something else")
    _check_parties(claims, issuer, client_id)
    issued, expires, events = claims.get("iat"), claims.get("exp", now + 1), claims.get("events")
    if not _is_time(issued) or not _is_time(expires) or issued > now + LEEWAY or expires + LEEWAY <= now:
        raise LoginFailed("the logout token is not of now")
    if now - issued > _LOGOUT_LIFE:
        raise LoginFailed("the logout token is old")
    if not isinstance(events, dict) or not isinstance(events.get(_LOGOUT_EVENT), dict) or "nonce" in claims:
        raise LoginFailed("this is no logout token")
    if not _is_name(claims.get("sid")) and not _is_name(claims.get("sub")):
        raise LoginFailed("the logout token names neither a login nor a person")
    if not _is_name(claims.get("jti")):
        raise LoginFailed("the logout token has no jti")
    return claims


def _verified(token: str, keys: Keys) -> tuple[dict[str, Any], Claims]:
    """Return header and claims of *token*, signed by the one of *keys* that it names (AU-4, AU-5)."""
    if len(token) > LONGEST:
        raise LoginFailed("the token is too long")
    try:
        header = jws.extract_compact(token.encode("ascii"), registry=_Registry()).headers()
        key = import_key(dict(_key_of(header, keys)))
        registry = _Registry(algorithms=ALGORITHMS, strict_check_header=False)
        found = jwt.decode(token, key, registry=registry)
    except (JoseError, ValueError, TypeError, KeyError, RecursionError) as error:
        raise LoginFailed(f"the token cannot be read: {type(error).__name__}: {error}") from error
    return found.header, found.claims


def _key_of(header: Mapping[str, Any], keys: Keys) -> Mapping[str, Any]:
    algorithm, name = header.get("alg"), header.get("kid")
    if "crit" in header:
        raise LoginFailed("the token has critical headers, and none is understood here")
    if algorithm not in ALGORITHMS:
        raise LoginFailed(f"tokens signed with {str(algorithm)[:20]!r} are not accepted")
    family = {"R": "RSA", "P": "RSA", "E": "EC"}[algorithm[0]] if algorithm != "EdDSA" else "OKP"
    usable = [
        key
        for key in keys
        if key.get("kty") == family and key.get("alg", algorithm) == algorithm and key.get("use", "sig") == "sig"
    ]
    named = [key for key in usable if name is None or key.get("kid") == name]
    if len(named) != 1:
        raise KeyUnknown("no key of the issuer fits the token, or several do")
    return named[0]


def _check_parties(claims: Claims, issuer: str, client_id: str) -> None:
    audience = claims.get("aud")
    if claims.get("iss") != issuer:
        raise LoginFailed("the token is another issuer's")
    if not isinstance(audience, str | list) or client_id not in (
        [audience] if isinstance(audience, str) else audience
    ):
        raise LoginFailed("the token is not for us")


def _is_time(value: Any) -> TypeGuard[float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_name(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= _LONGEST_NAME
