"""An issuer of access tokens whose keys a test holds, good tokens and bad ones."""

import base64
import hashlib
import json
from collections.abc import Mapping
from enum import Enum
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import get_default_algorithms

from bff.clock import Clock, SystemClock


class _Absent(Enum):
    ABSENT = "absent"


ABSENT: Any = _Absent.ABSENT
"""A claim or header member with this value is left out."""
_CURVES: Final[dict[str, ec.EllipticCurve]] = {
    "ES256": ec.SECP256R1(),
    "ES384": ec.SECP384R1(),
    "ES512": ec.SECP521R1(),
}

Part = Mapping[str, Any] | bytes


def new_key(algorithm: str, *, bits: int = 2048) -> Any:
    """Return a new private key for *algorithm*; *bits* for RSA."""
    if algorithm.startswith(("RS", "PS")):
        return rsa.generate_private_key(public_exponent=65537, key_size=bits)
    if algorithm.startswith("ES"):
        return ec.generate_private_key(_CURVES[algorithm])
    return ed25519.Ed25519PrivateKey.generate()


def public_jwk(key: Any, algorithm: str, **members: Any) -> dict[str, Any]:
    """Return the public half of the private *key* as a JWK (RFC 7517) with further *members*."""
    jwk = get_default_algorithms()[algorithm].to_jwk(key.public_key(), as_dict=True)
    jwk.pop("key_ops", None)
    return {**jwk, **members}


def encode(data: bytes) -> str:
    """Return *data* as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


def compact(header: Part, payload: Part, key: Any, algorithm: str) -> str:
    """Return a signed token of exactly this *header* and *payload*; bytes are taken as they are."""
    parts = [part if isinstance(part, bytes) else json.dumps(part).encode() for part in (header, payload)]
    signed = ".".join(map(encode, parts))
    arithmetic = get_default_algorithms()[algorithm]
    return f"{signed}.{encode(arithmetic.sign(signed.encode(), arithmetic.prepare_key(key)))}"


class TokenIssuer:
    """Signs access tokens; what it publishes is for a `FakeUpstream` to serve.

    Attributes:
        key: The private key that signs now.
        kid: Its name.
        published: The JWKs that `jwks` answers with.
    """

    def __init__(
        self,
        issuer: str,
        algorithm: str = "RS256",
        *,
        audience: str = "bff",
        clock: Clock | None = None,
        key: Any = None,
    ) -> None:
        """Make an issuer with one key, a new one unless *key* is given; *clock* says when tokens are issued."""
        self.issuer = issuer
        self.algorithm = algorithm
        self._audience = audience
        self._clock = clock or SystemClock()
        self._numbers = 0
        self.published: list[dict[str, Any]] = []
        self.rotate(key=key)

    def rotate(self, *, keep: int = 1, key: Any = None) -> None:
        """Sign with a new key from now on; the *keep* keys before it stay published."""
        self._numbers += 1
        self.key = key or new_key(self.algorithm)
        self.kid = f"key-{self._numbers}"
        jwk = public_jwk(self.key, self.algorithm, kid=self.kid, use="sig", alg=self.algorithm)
        self.published = [jwk, *self.published[:keep]]

    def jwks(self) -> dict[str, Any]:
        """Return the JWK Set."""
        return {"keys": list(self.published)}

    def claims(self, **changes: Any) -> dict[str, Any]:
        """Return the claims of a good token, with *changes*; `ABSENT` leaves one out."""
        now = int(self._clock.wall())
        self._numbers += 1
        usual: dict[str, Any] = {
            "iss": self.issuer,
            "aud": self._audience,
            "sub": "u1",
            "client_id": "app",
            "scope": "orders:read",
            "iat": now,
            "exp": now + 300,
            "jti": f"t{self._numbers}",
        }
        return {name: value for name, value in (usual | changes).items() if value is not ABSENT}

    def header(self, **changes: Any) -> dict[str, Any]:
        """Return the header of a good token, with *changes*; `ABSENT` leaves a member out."""
        usual: dict[str, Any] = {"alg": self.algorithm, "typ": "at+jwt", "kid": self.kid}
        return {name: value for name, value in (usual | changes).items() if value is not ABSENT}

    def token(self, *, header: Mapping[str, Any] | None = None, key: Any = None, **claims: Any) -> str:
        """Return a token with changed *claims* and *header*, signed by *key* where that is given."""
        return compact(self.header(**(header or {})), self.claims(**claims), key or self.key, self.algorithm)


def proof(
    key: Any, algorithm: str, method: str, url: str, token: str, *, now: float, jti: str, **changes: Any
) -> str:
    """Return a DPoP proof (RFC 9449) by the private *key*; *changes* of its claims, `ABSENT` leaves one out."""
    digest = encode(hashlib.sha256(token.encode()).digest())
    usual: dict[str, Any] = {"htm": method, "htu": url, "iat": int(now), "jti": jti, "ath": digest}
    claims = {name: value for name, value in (usual | changes).items() if value is not ABSENT}
    header = {"typ": "dpop+jwt", "alg": algorithm, "jwk": public_jwk(key, algorithm)}
    return compact(header, claims, key, algorithm)


__all__ = ["ABSENT", "TokenIssuer", "compact", "encode", "new_key", "proof", "public_jwk"]
