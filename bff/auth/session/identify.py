"""Who is calling, by the cookie of a browser: the `SessionIdentifier` of `bff.auth.authenticator`."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable
from typing import Final

from bff.auth.session import cookies, csrf
from bff.auth.session.errors import LoginUnavailable, SessionGone
from bff.auth.session.record import Session, digest
from bff.auth.session.renewal import Renewal
from bff.auth.session.vault import Vault
from bff.codes import Code
from bff.context import Principal
from bff.events import AuthenticationRefused, Notify
from bff.server.ports import Arrival
from bff.server.refusal import Refusal

Verify = Callable[[str, Arrival], Principal | Awaitable[Principal]]
"""Returns who an access token stands for; raises `Refusal` where it is not good."""

RETRY_AFTER: Final = 5
_FORGET: Final = ((b"set-cookie", cookies.drop(cookies.SESSION).encode()),)


class Sessions:
    """Identifies by cookie; asked only where a request has no other credentials (SE-3).

    Args:
        vault: Where sessions lie.
        renewal: Keeps their tokens fresh.
        verify: Judges those tokens as any others, so that a session is no wider than its token.
        origins: Whose pages may use sessions, for a request's `Host`.
        notify: Hears of refusals.
    """

    def __init__(
        self,
        vault: Vault,
        renewal: Renewal,
        verify: Verify,
        *,
        origins: Callable[[str | None], frozenset[str]],
        notify: Notify,
    ) -> None:
        self._vault = vault
        self._renewal = renewal
        self._verify = verify
        self._origins = origins
        self._notify = notify

    def judged_by(self, verify: Verify) -> "Sessions":
        """Return the same sessions with another judge of their tokens."""
        return Sessions(self._vault, self._renewal, verify, origins=self._origins, notify=self._notify)

    def identify(self, arrival: Arrival) -> Awaitable[Principal] | None:
        """Return who is calling, None where the browser sent no session cookie.

        Raises:
            Refusal: The request may have come from a page elsewhere.
        """
        field = arrival.headers.text(b"cookie")
        if not cookies.is_sent(field):
            return None
        why = csrf.objection(arrival.method, arrival.headers, self._origins(arrival.headers.text(b"host")))
        if why is not None:
            raise self._told(arrival, "request", Refusal(Code.CSRF_PREVENTED, why, detail=why))
        return self._identify(arrival, cookies.read(field, cookies.SESSION))

    async def _identify(self, arrival: Arrival, name: str | None) -> Principal:
        key = digest(name or "")
        try:
            session = await self._renewal.current(key, await self._found(key if name else None))
            try:
                return await self._judged(session, arrival)
            except Refusal as refused:
                if refused.code is not Code.UNAUTHENTICATED:
                    raise
                # Keys or policy have changed since the token was issued; the issuer may know a better one.
                return await self._judged(await self._renewal.renewed(key, session), arrival)
        except SessionGone as error:
            message = "The session has ended; log in again."
            refusal = Refusal(Code.UNAUTHENTICATED, message, headers=_FORGET, detail=str(error))
            raise self._told(arrival, "expired", refusal) from error
        except LoginUnavailable as error:
            message = "Sessions cannot be looked at now; yours may be good."
            refusal = Refusal(Code.AUTH_UNAVAILABLE, message, retry_after=RETRY_AFTER, detail=str(error))
            raise self._told(arrival, "unavailable", refusal) from error

    def _told(self, arrival: Arrival, reason: str, refusal: Refusal) -> Refusal:
        self._notify(AuthenticationRefused(arrival.request_id, "session", reason, "", refusal.detail))
        return refusal

    async def _found(self, key: str | None) -> Session:
        session = None if key is None else await self._vault.use(key)
        if session is None:
            raise SessionGone("no such session")
        return session

    async def _judged(self, session: Session, arrival: Arrival) -> Principal:
        found = self._verify(session.tokens.access, arrival)
        return await found if isawaitable(found) else found
