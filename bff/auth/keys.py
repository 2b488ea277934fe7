"""Keys that verify signatures, each bound to one algorithm (AU-3, AU-4, JK-1).

PyJWT does the arithmetic; what it is given was read and checked here.
"""

import base64
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import jwt
from jwt.algorithms import Algorithm, get_default_algorithms

MAX_KEYS: Final = 100
"""Members of one set that are looked at."""
MAX_KEY_ID: Final = 128

_LARGEST_RSA: Final = 8192
_LARGEST_EXPONENT: Final = 2**32
_ALGORITHMS: Final[dict[str, Algorithm]] = get_default_algorithms()
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k", "priv"})
_THUMBPRINTED: Final = {"RSA": ("e", "kty", "n"), "EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x")}


class Family(NamedTuple):
    """Which keys an algorithm takes."""

    kty: str
    crv: str | None = None


FAMILIES: Final[dict[str, Family]] = {
    **dict.fromkeys(("RS256", "RS384", "RS512", "PS256", "PS384", "PS512"), Family("RSA")),
    "ES256": Family("EC", "P-256"),
    "ES384": Family("EC", "P-384"),
    "ES512": Family("EC", "P-521"),
    "EdDSA": Family("OKP", "Ed25519"),
}
"""Algorithms with public keys."""


class BadKey(ValueError):
    """A key that cannot be used; the message says why and shows nothing of it."""


def canonical(algorithm: str) -> str:
    """Return the name that *algorithm* has here: RFC 9864 gave `EdDSA` with Ed25519 a name of its own."""
    return "EdDSA" if algorithm == "Ed25519" else algorithm


class Key:
    """One key for one algorithm.

    Attributes:
        kid: Its name; None where it has none.
        algorithm: What it verifies, by its name here.
        thumbprint: RFC 7638, base64url; empty for a shared secret.
        alive: Whether it is still in the set that it came from; what it has verified stands and falls with that.
    """

    __slots__ = ("_arithmetic", "_material", "algorithm", "alive", "kid", "thumbprint")

    def __init__(self, kid: str | None, algorithm: str, material: Any, thumbprint: str = "") -> None:
        self.kid = kid
        self.algorithm = algorithm
        self.thumbprint = thumbprint
        self.alive = True
        self._arithmetic = _ALGORITHMS[algorithm]
        try:
            self._material = self._arithmetic.prepare_key(material)
            short = self._arithmetic.check_key_length(self._material)
        except (jwt.PyJWTError, ValueError, TypeError) as error:
            raise BadKey(f"not a key for {algorithm}: {type(error).__name__}") from None
        if short:
            raise BadKey(f"too short for {algorithm}")

    def __repr__(self) -> str:
        return f"Key({self.kid!r}, {self.algorithm!r})"

    def verifies(self, signed: bytes, signature: bytes) -> bool:
        """Return whether *signature* of *signed* was made with this key."""
        try:
            return self._arithmetic.verify(signed, self._material, signature)
        except (jwt.PyJWTError, ValueError, TypeError):
            return False


def key_of(jwk: Mapping[str, Any], algorithms: Sequence[str]) -> Key:
    """Return the public key that *jwk* stands for, bound to its own `alg`, else to the first that it fits.

    Raises:
        BadKey: Not public, not for verifying, for none of *algorithms*, or too weak.
    """
    if _PRIVATE & jwk.keys():
        raise BadKey("a private or shared key was published")
    if jwk.get("use", "sig") != "sig":
        raise BadKey("not for signatures (use)")
    operations = jwk.get("key_ops", ["verify"])
    if not isinstance(operations, list) or "verify" not in operations:
        raise BadKey("not for verifying (key_ops)")
    kid = jwk.get("kid")
    if kid is not None and not is_key_id(kid):
        raise BadKey("a kid that no token can name")
    algorithm = _algorithm_of(jwk, algorithms)
    thumbprint = thumbprint_of(jwk)
    try:
        material: Any = _ALGORITHMS[algorithm].from_jwk(dict(jwk))
    except (jwt.PyJWTError, ValueError, TypeError, KeyError, OverflowError) as error:
        raise BadKey(f"not a key for {algorithm}: {type(error).__name__}") from None
    if FAMILIES[algorithm].kty == "RSA" and (
        material.key_size > _LARGEST_RSA or material.public_numbers().e > _LARGEST_EXPONENT
    ):
        raise BadKey("an RSA key that takes too long to use")
    return Key(kid, algorithm, material, thumbprint)


def _algorithm_of(jwk: Mapping[str, Any], algorithms: Sequence[str]) -> str:
    stated = jwk.get("alg")
    if stated is not None and not isinstance(stated, str):
        raise BadKey("alg is no text")
    for name in algorithms:
        family = FAMILIES.get(name)
        fits = family and family.kty == jwk.get("kty") and family.crv in (None, jwk.get("crv"))
        if fits and (stated is None or canonical(stated) == name):
            return name
    raise BadKey("for no algorithm that is accepted")


def is_key_id(kid: object) -> bool:
    """Return whether *kid* may name a key: 1 to 128 printable ASCII characters (AU-6)."""
    return isinstance(kid, str) and 0 < len(kid) <= MAX_KEY_ID and kid.isascii() and kid.isprintable()


def thumbprint_of(jwk: Mapping[str, Any]) -> str:
    """Return the SHA-256 thumbprint of a public key as base64url (RFC 7638).

    Raises:
        BadKey: A member that it is made of is missing.
    """
    kty = jwk.get("kty")
    names = _THUMBPRINTED.get(kty) if isinstance(kty, str) else None
    if names is None or not all(isinstance(jwk.get(name), str) for name in names):
        raise BadKey("members of the key are missing")
    text = json.dumps({name: jwk[name] for name in names}, separators=(",", ":"), sort_keys=True)
    return unpadded(hashlib.sha256(text.encode()).digest())


def unpadded(data: bytes) -> str:
    """Return *data* as base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")


class KeySet:
    """What an issuer publishes, as far as it can be used.

    Args:
        keys: In the order of publication; of two with the same name and algorithm the first counts.
    """

    def __init__(self, keys: Iterable[Key]) -> None:
        self._named: dict[tuple[str | None, str], Key] = {}
        self._by_algorithm: dict[str, list[Key]] = {}
        for key in keys:
            if key.kid is None or (key.kid, key.algorithm) not in self._named:
                self._named[key.kid, key.algorithm] = key
                self._by_algorithm.setdefault(key.algorithm, []).append(key)

    def __len__(self) -> int:
        return sum(map(len, self._by_algorithm.values()))

    def find(self, kid: str | None, algorithm: str) -> Key | None:
        """Return the key *kid* for *algorithm*; without a *kid* the only one for that algorithm (AU-6)."""
        if kid is not None:
            return self._named.get((kid, algorithm))
        candidates = self._by_algorithm.get(algorithm, ())
        return candidates[0] if len(candidates) == 1 else None

    def after(self, old: "KeySet | None") -> "KeySet":
        """Return this set with the key objects of *old* where they are the same; the others of *old* die."""
        known = {(key.kid, key.algorithm, key.thumbprint): key for key in old.members()} if old else {}
        kept = KeySet(known.pop((key.kid, key.algorithm, key.thumbprint), key) for key in self.members())
        for gone in known.values():
            gone.alive = False
        return kept

    def members(self) -> list[Key]:
        """Return all keys."""
        return [key for keys in self._by_algorithm.values() for key in keys]


def key_set_of(document: Mapping[str, Any], algorithms: Sequence[str]) -> KeySet:
    """Return the usable keys of *document*, a JWK Set (RFC 7517 section 5); others are skipped.

    Raises:
        BadKey: It is no such set, has too many members, or none that can be used.
    """
    members = document.get("keys")
    if not isinstance(members, list):
        raise BadKey("not a JWK Set")
    if len(members) > MAX_KEYS:
        raise BadKey(f"{len(members)} keys are more than {MAX_KEYS}")
    usable: list[Key] = []
    reasons: list[str] = []
    for member in members:
        try:
            usable.append(key_of(member if isinstance(member, dict) else {}, algorithms))
        except BadKey as error:
            reasons.append(str(error))
    if not usable:
        raise BadKey(f"no usable key of {len(members)}: {', '.join(dict.fromkeys(reasons)) or 'an empty set'}")
    return KeySet(usable)
