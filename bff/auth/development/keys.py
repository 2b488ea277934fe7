"""The issuer's keys: made at its start, replaced on command."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from bff.auth.development.model import Algorithm

_RSA_BITS = 2048


@dataclass(frozen=True, slots=True)
class SigningKey:
    """One key, for one algorithm only (AU-4)."""

    id: str
    algorithm: Algorithm
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey

    def public(self) -> dict[str, Any]:
        """Return it as others may know it (RFC 7517)."""
        key = self.private
        known = (
            RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
            if isinstance(key, rsa.RSAPrivateKey)
            else ECAlgorithm.to_jwk(key.public_key(), as_dict=True)
        )
        known.pop("key_ops", None)
        return {**known, "kid": self.id, "use": "sig", "alg": self.algorithm}


def make_keys() -> tuple[SigningKey, ...]:
    """Return a new key for each algorithm; takes about a tenth of a second."""
    return (
        SigningKey(secrets.token_urlsafe(8), "RS256", rsa.generate_private_key(65537, _RSA_BITS)),
        SigningKey(secrets.token_urlsafe(8), "ES256", ec.generate_private_key(ec.SECP256R1())),
    )


class Keys:
    """Signs with the newest keys, and publishes those before them too, until the next rotation (JK-4)."""

    def __init__(self) -> None:
        self._current = make_keys()
        self._previous: tuple[SigningKey, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return the JWK set."""
        return {"keys": [key.public() for key in (*self._current, *self._previous)]}

    def rotate(self, *, forget: bool = False) -> tuple[str, ...]:
        """Sign with new keys from now on and return their ids; *forget* unpublishes the old ones at once."""
        self._current, self._previous = make_keys(), () if forget else self._current
        return tuple(key.id for key in self._current)

    def sign(self, claims: Mapping[str, Any], *, typ: str, algorithm: Algorithm) -> str:
        """Return *claims* as a signed token."""
        key = next(key for key in self._current if key.algorithm == algorithm)
        headers = {"kid": key.id, "typ": typ}
        return jwt.encode(dict(claims), key.private, algorithm=algorithm, headers=headers)

    def verified(self, token: str, typ: str) -> dict[str, Any] | None:
        """Return the claims of a *token* that was signed here with a key still published; its time may be up."""
        try:
            header = jwt.get_unverified_header(token)
            key = next(key for key in (*self._current, *self._previous) if key.id == header.get("kid"))
            claims: dict[str, Any] = jwt.decode(
                token,
                key.private.public_key(),
                algorithms=[key.algorithm],
                options={"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False},
            )
        except (jwt.PyJWTError, StopIteration):
            return None
        return claims if header.get("typ") == typ else None
