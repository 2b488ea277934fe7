"""What callers are told whose credentials do not suffice (AU-11, RFC 6750 section 3, RFC 9449 section 7.1).

Nothing here says why: who guesses tokens must not learn how far a guess got. The reason is in the log.
"""

import math
from collections.abc import Iterable, Sequence
from typing import Final, Literal

from bff.codes import Code
from bff.server.refusal import HeaderList, Refusal

Scheme = Literal["Bearer", "DPoP"]

_CHALLENGE: Final = b"www-authenticate"
_NO_CREDENTIALS: Final = "Credentials are needed; send an access token."
_NOT_VALID: Final = "The credentials are not valid."
_ONE_WAY: Final = "Send credentials once, in the Authorization header only."
_LONGEST_WAIT: Final = 60


def missing() -> Refusal:
    """Return the refusal of a request without credentials, or with some that nobody here understands."""
    return Refusal(Code.UNAUTHENTICATED, _NO_CREDENTIALS, headers=((_CHALLENGE, b"Bearer"),), detail="none given")


def invalid_token(detail: str, *, scheme: Scheme = "Bearer", proofs: Sequence[str] = ()) -> Refusal:
    """Return the refusal of a token; *proofs* are the algorithms that DPoP proofs may use."""
    return Refusal(
        Code.UNAUTHENTICATED, _NOT_VALID, headers=_challenge(scheme, "invalid_token", proofs), detail=detail
    )


def invalid_key(detail: str) -> Refusal:
    """Return the refusal of an API key."""
    return Refusal(Code.UNAUTHENTICATED, _NOT_VALID, headers=((_CHALLENGE, b"Bearer"),), detail=detail)


def invalid_proof(detail: str, proofs: Sequence[str], nonce: str | None = None) -> Refusal:
    """Return the refusal of a DPoP proof; with *nonce* the client is to use that one and ask again."""
    error = "use_dpop_nonce" if nonce is not None else "invalid_dpop_proof"
    headers = _challenge("DPoP", error, proofs)
    if nonce is not None:
        headers = (*headers, (b"dpop-nonce", nonce.encode("ascii")))
    return Refusal(Code.UNAUTHENTICATED, _NOT_VALID, headers=headers, detail=detail)


def invalid_request(detail: str, *, scheme: Scheme = "Bearer") -> Refusal:
    """Return the refusal of credentials that were sent in a way that is not allowed."""
    return Refusal(Code.BAD_REQUEST, _ONE_WAY, headers=_challenge(scheme, "invalid_request"), detail=detail)


def insufficient_scope(scopes: Iterable[str], *, scheme: Scheme = "Bearer") -> Refusal:
    """Return the refusal of a whole request whose token does not grant *scopes*, which are told."""
    told = " ".join(sorted(scopes))
    challenge = f'{scheme} error="insufficient_scope", scope="{told}"'.encode("ascii", "ignore")
    return Refusal(
        Code.FORBIDDEN, "The token does not grant what is needed.", headers=((_CHALLENGE, challenge),), detail=told
    )


def unavailable(detail: str, retry_after: float) -> Refusal:
    """Return the answer to credentials that cannot be judged now: not 401, or clients would log their user out."""
    wait = min(_LONGEST_WAIT, max(1, math.ceil(retry_after)))
    message = "Who is calling cannot be found out at the moment."
    return Refusal(Code.AUTH_UNAVAILABLE, message, retry_after=wait, detail=detail)


def _challenge(scheme: Scheme, error: str, proofs: Sequence[str] = ()) -> HeaderList:
    algorithms = f', algs="{" ".join(proofs)}"' if scheme == "DPoP" and proofs else ""
    return ((_CHALLENGE, f'{scheme} error="{error}"{algorithms}'.encode("ascii")),)
