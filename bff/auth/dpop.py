"""Proofs that the caller has the key that its token is bound to (DPoP, RFC 9449 section 4.3, DP-1)."""

import hashlib
import hmac
from collections.abc import Callable
from typing import Any, Final
from urllib.parse import unquote, urlsplit

from bff.auth.keys import BadKey, Key, canonical, key_of, unpadded
from bff.auth.replays import Replays
from bff.auth.strict import json_object, parse
from bff.auth.tokens import check_header
from bff.auth.verdicts import CannotJudge, Rejected
from bff.clock import Clock
from bff.policy.auth import Proof
from bff.server.ports import Arrival
from bff.store import StoreUnavailable

_FIELD: Final = b"dpop"
_LARGEST: Final = 8 * 1024
_LONGEST_ID: Final = 256
_SLOT: Final = 150.0
_PORTS: Final = {"https": 443, "http": 80}


class NonceNeeded(Exception):
    """The proof lacks a value that we gave out lately; `nonce` is one.

    Attributes:
        nonce: What the client is to put into its next proof.
    """

    def __init__(self, nonce: str) -> None:
        super().__init__("the proof has no nonce of ours")
        self.nonce = nonce


class Nonces:
    """Values that prove a proof to be new, made from the time, so that no replica has to remember any.

    Args:
        secret: What makes them ours; the same on all replicas.
        clock: For the time.
    """

    def __init__(self, secret: Callable[[], bytes], clock: Clock) -> None:
        self._secret = secret
        self._clock = clock

    def current(self) -> str:
        """Return the value to use now."""
        return self._of(int(self._clock.wall() // _SLOT))

    def holds(self, nonce: object) -> bool:
        """Return whether *nonce* is the current value or the one before."""
        if not isinstance(nonce, str) or not nonce.isascii():
            return False
        slot = int(self._clock.wall() // _SLOT)
        return any(hmac.compare_digest(self._of(one), nonce) for one in (slot, slot - 1))

    def _of(self, slot: int) -> str:
        return unpadded(hmac.digest(self._secret(), b"dpop nonce %d" % slot, "sha256"))


class ProofChecker:
    """Checks proofs by policy.

    Args:
        policy: What is accepted; `public_origin` must be set.
        replays: Remembers used proofs.
        nonces: Where they are required.
        clock: For the age of proofs.
    """

    def __init__(self, policy: Proof, *, replays: Replays, nonces: Nonces | None, clock: Clock) -> None:
        self.algorithms = tuple(policy.algorithms)
        """Accepted signatures, as policy names them."""
        self._accepted = tuple(dict.fromkeys(canonical(name) for name in policy.algorithms))
        self._origin = _authority(policy.public_origin or "")
        self._max_age = policy.max_age.total_seconds()
        self._max_ahead = policy.max_ahead.total_seconds()
        self._lenient = policy.on_store_error == "accept"
        self._replays = replays
        self._nonces = nonces
        self._clock = clock

    async def check(self, arrival: Arrival, token: bytes, thumbprint: str) -> None:
        """Check the proof that came with *token*, whose `cnf.jkt` is *thumbprint*.

        Raises:
            Rejected: There is none that holds.
            NonceNeeded: There is one, but without a value of ours.
            CannotJudge: Nobody can say whether it was used before.
        """
        proof = arrival.headers.raw.get(_FIELD)
        if proof is None:
            raise Rejected("proof", "there is none")
        key, claims = self._verified(proof)
        self._check_claims(claims, arrival, token)
        if not hmac.compare_digest(key.thumbprint, thumbprint.encode("ascii", "replace").decode("ascii")):
            raise Rejected("binding", "the token belongs to another key")
        if self._nonces is not None and not self._nonces.holds(claims.get("nonce")):
            raise NonceNeeded(self._nonces.current())
        await self._use(key, claims["jti"])

    def _verified(self, proof: bytes) -> tuple[Key, dict[str, Any]]:
        jws = parse(proof, _LARGEST)
        algorithm, _ = check_header(jws.header)
        if jws.header.get("typ") != "dpop+jwt":
            raise Rejected("proof", "typ is not dpop+jwt")
        jwk = jws.header.get("jwk")
        if algorithm not in self._accepted or not isinstance(jwk, dict):
            raise Rejected("proof", "alg is not accepted, or there is no jwk")
        try:
            key = key_of({**jwk, "alg": algorithm}, [algorithm])
        except BadKey as error:
            raise Rejected("proof", str(error)) from None
        if not key.verifies(jws.signed, jws.signature):
            raise Rejected("proof", "not signed with its own key")
        return key, json_object(jws.payload)

    def _check_claims(self, claims: dict[str, Any], arrival: Arrival, token: bytes) -> None:
        if claims.get("htm") != arrival.method:
            raise Rejected("proof", "htm is another method")
        if not self._is_here(claims.get("htu"), arrival.path):
            raise Rejected("proof", "htu is another place")
        issued = claims.get("iat")
        if not isinstance(issued, int | float) or isinstance(issued, bool):
            raise Rejected("proof", "iat is missing")
        if not -self._max_ahead <= self._clock.wall() - issued <= self._max_age:
            raise Rejected("proof", "iat is not now")
        jti = claims.get("jti")
        if not isinstance(jti, str) or not 0 < len(jti) <= _LONGEST_ID:
            raise Rejected("proof", "jti is missing")
        if claims.get("ath") != unpadded(hashlib.sha256(token).digest()):
            raise Rejected("proof", "ath is of another token")

    def _is_here(self, htu: object, path: str) -> bool:
        if not isinstance(htu, str):
            return False
        try:
            there = _authority(htu)
            stated = unquote(urlsplit(htu).path, errors="strict") or "/"
        except ValueError:
            return False
        return there == self._origin and stated == path

    async def _use(self, key: Key, jti: str) -> None:
        name = hashlib.sha256(f"{key.thumbprint}.{jti}".encode("utf-8", "surrogatepass")).hexdigest()
        try:
            first = await self._replays.first(name)
        except StoreUnavailable as error:
            if self._lenient:
                return
            raise CannotJudge(f"used proofs: {error}", retry_after=2.0) from error
        if not first:
            raise Rejected("replayed", "this proof was used before")


def _authority(url: str) -> tuple[str, str, int | None]:
    parts = urlsplit(url)
    scheme = parts.scheme.lower()
    if parts.username is not None or parts.password is not None:
        raise ValueError("a user in a URL")
    return scheme, (parts.hostname or "").lower(), parts.port or _PORTS.get(scheme)
