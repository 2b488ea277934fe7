"""Keeps the access token of a session fresh: ahead of its end, and once however many ask (SE-4)."""

import asyncio
from typing import Final

import msgspec

from bff.auth.session.errors import GrantRefused, LoginFailed, LoginUnavailable, SessionGone
from bff.auth.session.oidc import OpenID
from bff.auth.session.record import Session
from bff.auth.session.vault import Vault
from bff.clock import Clock
from bff.events import Notify, SessionEnded, SessionRenewed

PAUSE: Final = 5.0
"""Seconds between two tries to renew one session where the issuer does not answer."""

_SLACK: Final = 2.0
_LOOK_AGAIN: Final = 0.05
_MOST_PAUSES: Final = 10_000


class Renewal:
    """Renews sessions.

    Args:
        vault: Where they lie.
        openid: The issuer.
        margin: Seconds before its end in which a token is not used any more.
        timeout: Seconds that a renewal may take.
        clock: Tells what time it is.
        notify: Hears of renewals.
    """

    def __init__(
        self, vault: Vault, openid: OpenID, *, margin: float, timeout: float, clock: Clock, notify: Notify
    ) -> None:
        self._vault = vault
        self._openid = openid
        self._margin = margin
        self._patience = timeout + _SLACK
        self._clock = clock
        self._notify = notify
        self._running: dict[str, asyncio.Task[Session]] = {}
        self._paused: dict[str, float] = {}

    async def current(self, key: str, session: Session) -> Session:
        """Return *session* with a token that can be used now; one that is nearly old is renewed meanwhile.

        Raises:
            SessionGone: The issuer has ended it, or it had nothing to renew itself with.
            LoginUnavailable: Its token is old, and the issuer does not answer.
        """
        now, tokens = self._clock.wall(), session.tokens
        if tokens.refresh is None:
            if now >= tokens.expires:
                await self._vault.end(key)
                raise SessionGone("the access token is old and there is no refresh token")
            return session
        if now < tokens.refresh_at:
            return session
        usable = now < tokens.expires - self._margin
        if self._paused.get(key, 0.0) > self._clock.now():
            if now < tokens.expires:
                return session
            raise LoginUnavailable("the issuer did not answer a moment ago")
        task = self._start(key, session)
        return session if usable else await self._outcome(task, session)

    async def renewed(self, key: str, session: Session) -> Session:
        """Return *session* with a new token, whatever the time.

        Raises:
            SessionGone: As `current`.
            LoginUnavailable: The issuer does not answer.
        """
        if session.tokens.refresh is None:
            raise SessionGone("there is no refresh token")
        return await asyncio.shield(self._start(key, session))

    async def close(self) -> None:
        """End what runs."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _start(self, key: str, session: Session) -> "asyncio.Task[Session]":
        task = self._running.get(key)
        if task is None:
            task = self._running[key] = asyncio.create_task(self._renew(key, session))
            task.add_done_callback(lambda done: self._finished(key, done))
        return task

    def _finished(self, key: str, task: "asyncio.Task[Session]") -> None:
        self._running.pop(key, None)
        if task.cancelled():
            return
        error = task.exception()
        if isinstance(error, LoginUnavailable | LoginFailed):
            if len(self._paused) >= _MOST_PAUSES:
                self._paused.clear()
            self._paused[key] = self._clock.now() + PAUSE
        elif error is None:
            self._paused.pop(key, None)
        if not isinstance(error, SessionGone):
            self._notify(SessionRenewed(ok=error is None, reason=str(error) if error else ""))

    async def _outcome(self, task: "asyncio.Task[Session]", session: Session) -> Session:
        """Return what *task* brings; the old session where the issuer is away and its token is still good."""
        try:
            return await asyncio.shield(task)
        except (LoginUnavailable, LoginFailed) as error:
            if self._clock.wall() < session.tokens.expires:
                return session
            raise LoginUnavailable(str(error)) from error

    async def _renew(self, key: str, session: Session) -> Session:
        until = self._clock.now() + self._patience
        while True:
            lease = await self._vault.lease(key, self._patience)
            if lease is not None:
                break
            newer = await self._vault.find(key)
            if newer is None:
                raise SessionGone("it ended while another replica renewed it")
            if newer.version != session.version:
                return newer
            if self._clock.now() >= until:
                raise LoginUnavailable("another replica renews it and does not finish")
            await self._clock.sleep(_LOOK_AGAIN)
        try:
            return await self._with_lease(key, session)
        finally:
            await self._vault.release(key, lease)

    async def _with_lease(self, key: str, session: Session) -> Session:
        latest = await self._vault.find(key)
        if latest is None:
            raise SessionGone("it has ended")
        if latest.version != session.version or latest.tokens.refresh is None:
            return latest
        try:
            granted = await self._openid.renew(latest.tokens.refresh)
        except GrantRefused as error:
            await self._vault.end(key)
            self._notify(SessionEnded("refused", 1))
            raise SessionGone(str(error)) from error
        if granted.claims is not None and granted.claims.get("sub") != latest.subject:
            await self._vault.end(key)
            self._notify(SessionEnded("refused", 1))
            raise SessionGone("the issuer renewed it for somebody else")
        tokens = granted.tokens
        if tokens.refresh is None:
            tokens = msgspec.structs.replace(tokens, refresh=latest.tokens.refresh)
        newer = msgspec.structs.replace(
            latest, tokens=tokens, identity=granted.identity or latest.identity, version=latest.version + 1
        )
        await self._vault.replace(key, newer)
        return newer
