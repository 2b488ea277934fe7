"""What a field or type may require of its caller; pure decisions."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from bff.codes import Code
from bff.context import Principal
from bff.errors import PublicError


class FieldDenied(PublicError):
    """A field is null because its caller may not see or do it.

    Args:
        code: UNAUTHENTICATED, FORBIDDEN, STEP_UP_REQUIRED or AUTH_UNAVAILABLE.
        message: Shown to clients as it is.
        detail: For the log.
        extensions: As of `PublicError`.
    """

    def __init__(self, code: Code, message: str, /, *, detail: str, **extensions: Any) -> None:
        super().__init__(code, message, **extensions)
        self.detail = detail

    def __str__(self) -> str:
        """Return what a log needs."""
        return self.detail


def unauthenticated(detail: str) -> FieldDenied:
    """Return the denial of somebody who said nothing about themselves."""
    return FieldDenied(Code.UNAUTHENTICATED, "This needs a login.", detail=detail)


def forbidden(detail: str) -> FieldDenied:
    """Return the denial of somebody who is known, and may not."""
    return FieldDenied(Code.FORBIDDEN, "You may not see or do this.", detail=detail)


def unavailable(detail: str) -> FieldDenied:
    """Return the denial where nobody can tell whether somebody may; never open."""
    message = "Whether you may see or do this cannot be found out at the moment."
    return FieldDenied(Code.AUTH_UNAVAILABLE, message, detail=detail)


def is_anonymous(principal: Principal) -> bool:
    """Return whether nobody vouches for *principal*."""
    return not (principal.issuer or principal.subject)


@dataclass(frozen=True, slots=True)
class Authenticated:
    """The caller is known."""

    rank: ClassVar[int] = 0

    def denial(self, principal: Principal, wall: Callable[[], float]) -> FieldDenied | None:  # noqa: ARG002 - as all
        """Return why *principal* is denied, None where it is not."""
        return unauthenticated("needs a login") if is_anonymous(principal) else None


@dataclass(frozen=True, slots=True)
class Scopes:
    """All scopes of at least one of `alternatives` were granted."""

    alternatives: frozenset[frozenset[str]]
    rank: ClassVar[int] = 1

    def denial(self, principal: Principal, wall: Callable[[], float]) -> FieldDenied | None:  # noqa: ARG002 - as all
        """Return why *principal* is denied, None where it is not."""
        granted = principal.scopes
        if any(needed <= granted for needed in self.alternatives) and not is_anonymous(principal):
            return None
        wanted = " or ".join(sorted("+".join(sorted(needed)) for needed in self.alternatives))
        detail = f"needs scope {wanted}"
        return unauthenticated(detail) if is_anonymous(principal) else forbidden(detail)


@dataclass(frozen=True, slots=True)
class Policy:
    """A function of the application, found by `name`, says yes."""

    name: str
    rank: ClassVar[int] = 2


@dataclass(frozen=True, slots=True)
class StepUp:
    """The caller has logged in strongly enough, and lately enough (RFC 9470, SU-1).

    Attributes:
        acr: Values of the `acr` claim that are good, the best first; empty for any.
        max_age: Longest time since the login, in seconds; None for any.
    """

    acr: tuple[str, ...]
    max_age: int | None
    rank: ClassVar[int] = 3

    def denial(self, principal: Principal, wall: Callable[[], float]) -> FieldDenied | None:
        """Return why *principal* is denied, None where it is not."""
        if is_anonymous(principal):
            return unauthenticated("needs a login")
        claims = principal.claims
        if self.acr and claims.get("acr") not in self.acr:
            return self._denied(f"needs acr {' or '.join(self.acr)}, has {claims.get('acr')!r}")
        if self.max_age is None:
            return None
        age = _age(claims, wall())
        if age is None:
            return self._denied("needs a recent login, and auth_time is not known")
        return self._denied(f"needs a login of the last {self.max_age} s") if age > self.max_age else None

    def _denied(self, detail: str) -> FieldDenied:
        told: dict[str, Any] = {"acrValues": list(self.acr)} if self.acr else {}
        if self.max_age is not None:
            told["maxAge"] = self.max_age
        message = "Log in again, or more strongly, to see or do this."
        return FieldDenied(Code.STEP_UP_REQUIRED, message, detail=detail, **told)


Requirement = Authenticated | Scopes | Policy | StepUp
"""What is asked of a caller; equal ones are decided once for each operation."""


def _age(claims: Mapping[str, Any], now: float) -> float | None:
    """Return the seconds since the login, None where the token does not say."""
    at = claims.get("auth_time")
    return now - at if isinstance(at, int | float) and not isinstance(at, bool) else None
