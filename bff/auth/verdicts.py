"""How credentials can fail: they are not good, or nobody can say now whether they are.

Neither text reaches a client; `bff.auth.challenges` words what clients see.
"""

from typing import Literal

Reason = Literal[
    "malformed",
    "algorithm",
    "issuer",
    "type",
    "unknown key",
    "signature",
    "audience",
    "expired",
    "not yet valid",
    "claims",
    "inactive",
    "api key",
    "binding",
    "proof",
    "replayed",
    "nonce",
]
"""Why credentials were rejected: a closed set, for metrics."""


class Rejected(Exception):
    """The credentials are not good.

    Attributes:
        reason: Of the closed set.
        detail: What exactly, for logs; never a part of the credentials that is secret.
        issuer: Whose they claim to be, where that is one we know.
    """

    def __init__(self, reason: Reason, detail: str, *, issuer: str | None = None) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason: Reason = reason
        self.detail = detail
        self.issuer = issuer


class CannotJudge(Exception):
    """Somebody whom we would have to ask does not answer; the credentials may be good.

    Attributes:
        detail: Who, and what went wrong, for logs.
        retry_after: Seconds after which it may be better.
    """

    def __init__(self, detail: str, *, retry_after: float) -> None:
        super().__init__(detail)
        self.detail = detail
        self.retry_after = retry_after
