"""Who is calling: every kind of credential in its order, the same for every transport (AU-9 to AU-11).

A token in `Authorization` goes before a session's cookie (SE-3). What was good a moment ago is good at once.
"""

from collections.abc import Awaitable, Callable
from hashlib import sha256
from inspect import isawaitable
from typing import Final, Protocol

from bff.auth import challenges
from bff.auth.credentials import BadRequest, Presented, is_in_query, is_opaque_token, read
from bff.auth.dpop import NonceNeeded, ProofChecker
from bff.auth.mtls import Certificates, mentions_certificate
from bff.auth.seen import Seen
from bff.auth.tokens import TokenVerifier, Verified
from bff.auth.verdicts import CannotJudge, Rejected
from bff.clock import Clock
from bff.context import ANONYMOUS, Principal
from bff.events import AuthenticationRefused, Notify
from bff.server.ports import Arrival
from bff.server.refusal import Refusal

_DOTS_OF_A_JWT: Final = 2


class SessionIdentifier(Protocol):
    """Knows people by the cookie of their session."""

    def identify(self, arrival: Arrival) -> Principal | None | Awaitable[Principal | None]:
        """Return whose session the request's cookie names; None where it names none.

        Raises:
            Refusal: The request must not be made by cookie, or the session cannot be looked up now.
        """


class OpaqueTokens(Protocol):
    """Judges tokens that only their issuer can read."""

    def verify(self, token: bytes) -> Verified | Awaitable[Verified]:
        """Return whom *token* stands for; at once where that is known.

        Raises:
            Rejected: It is not good.
            CannotJudge: The issuer cannot be asked now.
        """


class KeyHolders(Protocol):
    """Knows programs by their API keys."""

    field: bytes
    """Where clients send theirs."""

    def verify(self, key: bytes) -> Principal:
        """Return whose *key* it is.

        Raises:
            Rejected: Nobody's.
        """


class CallerAuthenticator:
    """Says who is calling; implements `bff.server.ports.Authenticator`.

    Args:
        tokens: Judges JWTs.
        seen: Remembers those that were good.
        certificates: Knows which certificate a client has.
        anonymous: Whether requests without credentials are let in.
        max_token_bytes: Longest token.
        clock: For lifetimes.
        notify: Hears of whoever was not let in.
        opaque: Judges all other tokens; None refuses them.
        keys: API keys; None for none.
        proofs: Checks DPoP proofs; None refuses tokens that need one.
        session: Knows people by cookie; None for nobody.
    """

    def __init__(
        self,
        tokens: TokenVerifier,
        seen: Seen,
        certificates: Certificates,
        *,
        anonymous: bool,
        max_token_bytes: int,
        clock: Clock,
        notify: Notify,
        opaque: OpaqueTokens | None = None,
        keys: KeyHolders | None = None,
        proofs: ProofChecker | None = None,
        session: SessionIdentifier | None = None,
    ) -> None:
        self._tokens = tokens
        self._seen = seen
        self._certificates = certificates
        self._anonymous = anonymous
        self._max_token_bytes = max_token_bytes
        self._wall: Callable[[], float] = clock.wall
        self._notify = notify
        self._opaque = opaque
        self._keys = keys
        self._key_field = keys.field if keys is not None else b""
        self._proofs = proofs
        self._session = session

    def identify(self, arrival: Arrival) -> Principal | Awaitable[Principal]:
        """Return who is calling: at once where that is known already, else later.

        Raises:
            Refusal: The credentials are not good (401), malformed (400), or cannot be judged now (503).
        """
        raw = arrival.headers.raw
        if mentions_certificate(arrival):
            self._certificates.strip(arrival)
        if arrival.query and is_in_query(arrival.query):
            raise self._malformed(arrival, "an access token in the URL")
        authorization = raw.get(b"authorization")
        if authorization is None:
            return self._without_token(arrival)
        if self._key_field and self._key_field in raw:
            raise self._malformed(arrival, "a token and an API key")
        return self._with_token(arrival, authorization)

    def identify_token(self, scheme: str, token: str, arrival: Arrival) -> Principal | Awaitable[Principal]:
        """Return whom *token* stands for, however it came, such as in `connection_init` of a WebSocket.

        *arrival* is the request that opened the connection.

        Raises:
            Refusal: As for `identify`.
        """
        return self._with_token(arrival, f"{scheme} {token}".encode("utf-8", "surrogatepass"))

    def _without_token(self, arrival: Arrival) -> Principal | Awaitable[Principal]:
        if self._keys is not None:
            key = arrival.headers.raw.get(self._key_field)
            if key is not None:
                return self._with_key(self._keys, arrival, key)
        if self._session is not None and b"cookie" in arrival.headers.raw:
            found = self._session.identify(arrival)
            if isawaitable(found):
                return self._by_session(arrival, found)
            if found is not None:
                return found
        return self._nobody(arrival)

    async def _by_session(self, arrival: Arrival, found: Awaitable[Principal | None]) -> Principal:
        principal = await found
        return self._nobody(arrival) if principal is None else principal

    def _nobody(self, arrival: Arrival) -> Principal:
        if self._anonymous:
            return ANONYMOUS
        self._notify(AuthenticationRefused(arrival.request_id, "none", "missing", "", ""))
        raise challenges.missing()

    def _with_key(self, keys: KeyHolders, arrival: Arrival, key: bytes) -> Principal:
        try:
            return keys.verify(key)
        except Rejected as error:
            self._notify(AuthenticationRefused(arrival.request_id, "api key", error.reason, "", error.detail))
            raise challenges.invalid_key(str(error)) from error

    def _with_token(self, arrival: Arrival, authorization: bytes) -> Principal | Awaitable[Principal]:
        digest = sha256(authorization).digest()
        principal = self._seen.get(digest, self._wall())
        if principal is not None:
            return principal
        try:
            presented = read(authorization)
        except BadRequest as error:
            raise self._malformed(arrival, str(error)) from error
        if presented.scheme is None:
            self._notify(AuthenticationRefused(arrival.request_id, "none", "missing", "", "another scheme"))
            raise challenges.missing()
        try:
            found = self._verify(presented.token)
            if isinstance(found, Verified) and found.jkt is None:
                return self._accept(arrival, presented, digest, found)
        except (Rejected, CannotJudge) as error:
            raise self._refusal(arrival, presented, error) from error
        return self._finish(arrival, presented, digest, found)

    def _verify(self, token: bytes) -> Verified | Awaitable[Verified]:
        if self._opaque is None or token.count(b".") == _DOTS_OF_A_JWT:
            return self._tokens.verify(token)
        if len(token) > self._max_token_bytes or not is_opaque_token(token):
            raise Rejected("malformed", f"{len(token)} bytes that are no token")
        return self._opaque.verify(token)

    async def _finish(
        self, arrival: Arrival, presented: Presented, digest: bytes, found: Verified | Awaitable[Verified]
    ) -> Principal:
        try:
            verified = await found if isawaitable(found) else found
            if verified.jkt is not None and presented.scheme == "dpop":
                await self._prove(arrival, presented.token, verified.jkt)
            return self._accept(arrival, presented, digest, verified)
        except (Rejected, CannotJudge, NonceNeeded) as error:
            raise self._refusal(arrival, presented, error) from error

    async def _prove(self, arrival: Arrival, token: bytes, thumbprint: str) -> None:
        if self._proofs is None:
            raise Rejected("binding", "proofs are not accepted here: dpop.public_origin is not set")
        await self._proofs.check(arrival, token, thumbprint)

    def _accept(self, arrival: Arrival, presented: Presented, digest: bytes, verified: Verified) -> Principal:
        if (verified.jkt is None) != (presented.scheme == "bearer"):
            what = (
                "scheme DPoP with a token that is not bound to a key" if verified.jkt is None else "without proof"
            )
            raise Rejected("binding", what)
        if verified.x5t is not None:
            self._certificates.check(arrival, verified.x5t)
        if verified.key is not None and not verified.bound:
            self._seen.put(digest, verified.principal, verified.key, self._wall())
        return verified.principal

    def _refusal(
        self, arrival: Arrival, presented: Presented, error: Rejected | CannotJudge | NonceNeeded
    ) -> Refusal:
        proofs = self._proofs.algorithms if self._proofs is not None else ()
        if isinstance(error, CannotJudge):
            reason, issuer = "unavailable", ""
            refusal = challenges.unavailable(error.detail, error.retry_after)
        elif isinstance(error, NonceNeeded):
            reason, issuer = "nonce", ""
            refusal = challenges.invalid_proof(str(error), proofs, error.nonce)
        else:
            reason, issuer = error.reason, error.issuer or ""
            if error.reason in {"proof", "replayed"}:
                refusal = challenges.invalid_proof(str(error), proofs)
            else:
                scheme: challenges.Scheme = "DPoP" if presented.scheme == "dpop" else "Bearer"
                refusal = challenges.invalid_token(str(error), scheme=scheme, proofs=proofs)
        self._notify(AuthenticationRefused(arrival.request_id, "token", reason, issuer, refusal.detail))
        return refusal

    def _malformed(self, arrival: Arrival, detail: str) -> Refusal:
        self._notify(AuthenticationRefused(arrival.request_id, "token", "request", "", detail))
        return challenges.invalid_request(detail)
