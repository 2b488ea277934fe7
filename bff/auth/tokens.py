"""Access tokens that are JWTs: which issuer, which key, is it signed, is it for us (AU-3 to AU-9).

The cheap questions come first; what costs a signature or a fetch is asked only of tokens that pass them.
"""

import json
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from bff.auth.claims import ClaimRules, check_claims, check_type, is_name, scopes_of, text_of
from bff.auth.jwks import Keyring
from bff.auth.keys import Key, canonical, is_key_id
from bff.auth.strict import Jws, json_object, parse
from bff.auth.verdicts import Rejected
from bff.clock import Clock
from bff.context import Principal


@dataclass(frozen=True, slots=True)
class Verified:
    """A token that is good.

    Attributes:
        principal: Whom it stands for.
        key: What it was signed with; None where somebody else judged it.
        jkt: Thumbprint of the key that the caller must prove to have (DPoP); None for none.
        x5t: Thumbprint of the client certificate that the caller must have; None for none.
    """

    principal: Principal
    key: Key | None = None
    jkt: str | None = None
    x5t: str | None = None

    @property
    def bound(self) -> bool:
        """Whether the token alone is not enough."""
        return self.jkt is not None or self.x5t is not None


@dataclass(frozen=True, slots=True)
class TrustedIssuer:
    """An issuer, its keys, and what is asked of its tokens.

    Attributes:
        rules: About claims.
        algorithms: Accepted signatures, by their names here.
        keys: Where its keys are.
        tenant_claim: Which member says whose data the caller works on.
    """

    rules: ClaimRules
    algorithms: frozenset[str]
    keys: Keyring
    tenant_claim: str | None = None


class TokenVerifier:
    """Judges access tokens of several issuers.

    Args:
        issuers: By what their tokens say as `iss`.
        max_bytes: Longest token.
        clock: For lifetimes.
    """

    def __init__(self, issuers: Mapping[str, TrustedIssuer], *, max_bytes: int, clock: Clock) -> None:
        self._issuers = dict(issuers)
        self._max_bytes = max_bytes
        self._clock = clock

    def verify(self, token: bytes) -> Verified | Awaitable[Verified]:
        """Return whom *token* stands for; at once where its key is at hand.

        Raises:
            Rejected: It is not good.
            CannotJudge: Its issuer's keys cannot be had now.
        """
        jws = parse(token, self._max_bytes)
        algorithm, kid = check_header(jws.header)
        claims = json_object(jws.payload)
        issuer = self._issuer_of(claims.get("iss"))
        if algorithm not in issuer.algorithms:
            raise Rejected("algorithm", f"{algorithm} is not accepted of it", issuer=issuer.rules.issuer)
        try:
            check_type(jws.header.get("typ"), issuer.rules)
            key = issuer.keys.find(kid, algorithm)
            if key is None:
                return self._later(token, jws, claims, issuer, kid, algorithm)
            return self._judge(token, jws, claims, issuer, key)
        except Rejected as error:
            error.issuer = issuer.rules.issuer
            raise

    def _issuer_of(self, name: object) -> TrustedIssuer:
        issuer = self._issuers.get(name) if isinstance(name, str) else None
        if issuer is None:
            raise Rejected("issuer", "iss is none of ours")
        return issuer

    async def _later(  # noqa: PLR0917 - the state of one verification
        self,
        token: bytes,
        jws: Jws,
        claims: dict[str, Any],
        issuer: TrustedIssuer,
        kid: str | None,
        algorithm: str,
    ) -> Verified:
        try:
            return self._judge(token, jws, claims, issuer, await issuer.keys.seek(kid, algorithm))
        except Rejected as error:
            error.issuer = issuer.rules.issuer
            raise

    def _judge(self, token: bytes, jws: Jws, claims: dict[str, Any], issuer: TrustedIssuer, key: Key) -> Verified:
        if not key.verifies(jws.signed, jws.signature):
            raise Rejected("signature", f"not made with {key!r}")
        check_claims(claims, issuer.rules, self._clock.wall())
        jkt, x5t = confirmation_of(claims)
        return Verified(principal_of(claims, token.decode("ascii"), issuer.tenant_claim), key, jkt, x5t)


def check_header(header: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return algorithm and key name of a JOSE header; keys that stand in it are not looked at (AU-5).

    Raises:
        Rejected: It asks for an extension, or names algorithm or key in no usable way.
    """
    if "crit" in header:
        raise Rejected("malformed", f"critical extensions: {json.dumps(header['crit'])[:100]}")
    if header.get("b64", True) is not True:
        raise Rejected("malformed", "b64")
    algorithm, kid = header.get("alg"), header.get("kid")
    if not isinstance(algorithm, str) or not algorithm.isascii() or not algorithm.isprintable():
        raise Rejected("algorithm", "alg is missing or no name")
    if "kid" in header and not is_key_id(kid):
        raise Rejected("malformed", "kid is no name of a key")
    return canonical(algorithm[:32]), kid


def confirmation_of(claims: Mapping[str, Any]) -> tuple[str | None, str | None]:
    """Return what binds the token to its holder (`cnf`): thumbprints of a key and of a certificate.

    Raises:
        Rejected: It is bound in a way that cannot be checked here.
    """
    if "cnf" not in claims:
        return None, None
    cnf = claims["cnf"]
    if not isinstance(cnf, dict) or not cnf or not cnf.keys() <= {"jkt", "x5t#S256"}:
        raise Rejected("binding", "cnf asks for what cannot be checked here")
    if not all(isinstance(value, str) and value for value in cnf.values()):
        raise Rejected("binding", "cnf holds no thumbprint")
    return cnf.get("jkt"), cnf.get("x5t#S256")


def principal_of(
    claims: dict[str, Any], token: str, tenant_claim: str | None, issuer: str | None = None
) -> Principal:
    """Return whom *claims*, which were checked, stand for; *issuer* where they do not name it."""
    tenant, expires = claims.get(tenant_claim) if tenant_claim else None, claims.get("exp")
    return Principal(
        issuer=issuer or claims["iss"],
        subject=claims["sub"],
        scopes=scopes_of(claims),
        client=text_of(claims, "client_id", "azp"),
        tenant=tenant if is_name(tenant) else None,
        claims=MappingProxyType(claims),  # many requests share it
        expires=None if expires is None else float(expires),
        token=token,
    )
