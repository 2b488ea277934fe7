"""Where credentials of calls come from: one source an upstream, and a class for each mode without an endpoint."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from bff.context import Principal
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.call import Call

ReadSecret = Callable[[], str]
"""Returns a secret as it is now.

Raises:
    UpstreamError: There is none.
"""


@dataclass(frozen=True, slots=True)
class Grant:
    """What one attempt carries.

    Attributes:
        headers: Set on the request, whatever it had of these names.
        token: The token among them that may be renewed; None where there is none.
    """

    headers: Mapping[str, str] = field(repr=False)
    token: str | None = field(default=None, repr=False)


class Source(Protocol):
    """Gives calls of one upstream their credentials."""

    def grant(self, call: Call) -> Grant | Awaitable[Grant]:
        """Return what *call* carries: at once where that is known already.

        Raises:
            UpstreamError: AUTH; there are no credentials for it, and nothing was sent.
        """

    def renew(self, call: Call, refused: Grant) -> Grant | Awaitable[Grant] | None:
        """Return other credentials than those that the service *refused*; None where there are none."""

    async def close(self) -> None:
        """End what runs in the background, and close connections."""


def no_credentials(detail: str) -> UpstreamError:
    """Return the outcome of a call for which there are no credentials; nothing was sent."""
    return UpstreamError(Outcome.AUTH, detail, sent=False)


def access_token(principal: Principal | None) -> str | None:
    """Return the access token that *principal* came with, None where there is none."""
    return principal.token if principal is not None else None


def subject_of(call: Call) -> str:
    """Return whom *call* is made for, as a header carries it; empty for nobody.

    Raises:
        UpstreamError: AUTH; it has characters that no header has.
    """
    subject = call.principal.subject if call.principal is not None else ""
    if subject and not (subject.isascii() and subject.isprintable()):
        raise no_credentials("the caller's subject does not fit into a header")
    return subject


class Still:
    """Base of sources that have nothing to renew and nothing to close."""

    def renew(self, call: Call, refused: Grant) -> None:
        """Return nothing: other credentials than these do not exist."""

    async def close(self) -> None:
        """Do nothing."""


class Static(Still):
    """One secret in one header.

    Args:
        header: Its name.
        scheme: The word before the secret; empty for none.
        secret: Reads it.
    """

    def __init__(self, header: str, scheme: str, secret: ReadSecret) -> None:
        self._header = header
        self._prefix = f"{scheme} " if scheme else ""
        self._secret = secret

    def grant(self, call: Call) -> Grant:  # noqa: ARG002 - as all sources
        """Return the secret in its header."""
        return Grant({self._header: self._prefix + self._secret()})


class Forward(Still):
    """The caller's own token, if it is meant for the service, too.

    Args:
        audience: What the service calls itself.
        anonymous: Whether callers without a token go without.
    """

    def __init__(self, audience: str, *, anonymous: bool) -> None:
        self._audience = audience
        self._anonymous = anonymous

    def grant(self, call: Call) -> Grant:
        """Return the caller's token.

        Raises:
            UpstreamError: There is none, it is meant for others, or it only works with a key of the client's.
        """
        principal = call.principal
        token = access_token(principal)
        if principal is None or token is None:
            if self._anonymous:
                return Grant({})
            raise no_credentials("the caller has no access token to forward")
        meant_for = principal.claims.get("aud")
        if self._audience != meant_for and not (isinstance(meant_for, list) and self._audience in meant_for):
            raise no_credentials(f"the caller's token is not meant for {self._audience!r}: aud is {meant_for!r}")
        if principal.claims.get("cnf"):
            raise no_credentials("the caller's token is bound to a key of the client's; exchange it instead")
        return Grant({"authorization": f"Bearer {token}"})


class Nothing(Still):
    """No header at all: the connection proves who we are (mtls)."""

    def grant(self, call: Call) -> Grant:  # noqa: ARG002 - as all sources
        """Return nothing."""
        return Grant({})


class WithSubject:
    """Tells the service who calls, beside the credentials of another source.

    Args:
        inner: Gives the credentials.
        header: Carries the subject.
    """

    def __init__(self, inner: Source, header: str) -> None:
        self._inner = inner
        self._header = header

    def grant(self, call: Call) -> Grant | Awaitable[Grant]:
        """Return the inner credentials and the subject.

        Raises:
            UpstreamError: There are no credentials, or the subject does not fit into a header.
        """
        granted = self._inner.grant(call)
        return self._add(granted, call) if isinstance(granted, Grant) else self._later(granted, call)

    def renew(self, call: Call, refused: Grant) -> Grant | Awaitable[Grant] | None:
        """Return the inner credentials, renewed, and the subject."""
        granted = self._inner.renew(call, refused)
        if granted is None:
            return None
        return self._add(granted, call) if isinstance(granted, Grant) else self._later(granted, call)

    async def close(self) -> None:
        """Close the inner source."""
        await self._inner.close()

    async def _later(self, granted: Awaitable[Grant], call: Call) -> Grant:
        return self._add(await granted, call)

    def _add(self, granted: Grant, call: Call) -> Grant:
        subject = subject_of(call)
        return Grant({**granted.headers, self._header: subject}, granted.token) if subject else granted
