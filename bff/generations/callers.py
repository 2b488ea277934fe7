"""Who is calling: authentication and login as parts of a generation, each taken over where it stays the same."""

from collections.abc import Awaitable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from bff.context import Principal
from bff.generations.files import contents_of
from bff.generations.parts import Parts
from bff.generations.process import Process
from bff.policy.auth import AuthPolicy
from bff.policy.load import PolicySet
from bff.server.framework import instrumented
from bff.server.ports import Arrival, ASGIApp
from bff.store import Store
from bff.store.memory import MemoryStore

if TYPE_CHECKING:
    from bff.auth.assemble import Authentication
    from bff.auth.session.assemble import LoginParts

_SESSIONS = 400_000
"""Entries in the store of sessions: four for each session, where it lies in the process."""


@dataclass(frozen=True, slots=True, eq=False)
class Login:
    """The login of people, and the app of its routes `/auth/*`."""

    parts: "LoginParts"
    app: ASGIApp

    async def close(self) -> None:
        """End what runs in the background."""
        await self.parts.close()


@dataclass(slots=True)
class Callers:
    """Knows callers.

    Attributes:
        auth: Judges credentials; None where no policy says who may call.
        login: The login of people; None where policy describes none.
    """

    auth: "Authentication | None" = None
    login: Login | None = None

    def judge(self, token: str, arrival: Arrival) -> Principal | Awaitable[Principal]:
        """Return whom the access token of a session stands for, as if it had come in a header."""
        assert self.auth is not None, "a policy with a login has an authenticator"
        return self.auth.authenticator.identify_token("Bearer", token, arrival)

    async def close(self) -> None:
        """End what authentication does in the background, and let go of it."""
        auth, self.auth, self.login = self.auth, None, None
        if auth is not None:
            await auth.close()


def callers_of(process: Process, policies: PolicySet, parts: Parts) -> Callers:
    """Return who is known by *policies*.

    Raises:
        PolicyError: A secret, a file or a key that a policy names cannot be used.
    """
    policy = policies.auth
    if policy is None:
        return Callers()
    login = None
    if policy.login.issuer is not None:
        store = parts.get("sessions", (), lambda: _sessions(process), _close)
        inputs = (policy.login, policy.ca, contents_of([policy.ca]))
        login = parts.get("login", inputs, lambda: _login(process, policy, store), Login.close)
    return parts.get(
        "callers",
        (policy, contents_of([policy.ca]), login),
        lambda: _callers(process, policy, policies, login),
        Callers.close,
    )


def _callers(process: Process, policy: AuthPolicy, policies: PolicySet, login: Login | None) -> Callers:
    from bff.auth.assemble import open_auth  # noqa: PLC0415 - without callers to know, a start is a tenth shorter

    callers = Callers(login=login)
    sessions = login.parts.sessions if login is not None else None
    callers.auth = open_auth(
        policy,
        open_transport=process.transport,
        clock=process.clock,
        rng=process.rng,
        notify=process.notify,
        open_store=partial(process.open_shared, use="auth") if process.settings.redis_url else None,
        session=sessions.judged_by(callers.judge) if sessions is not None else None,
        document=policies.documents.get("auth"),
        replays=process.replays,
    )
    return callers


def _login(process: Process, policy: AuthPolicy, store: Store) -> Login:
    from bff.auth.session.assemble import open_login  # noqa: PLC0415 - as for `open_auth`

    settings = process.settings
    opened = open_login(
        policy.login,
        store=store,
        verify=Callers().judge,
        development=settings.development,
        workers=settings.workers,
        ca=policy.ca,
        clock=process.clock,
        notify=process.notify,
    )
    return Login(opened, instrumented(process.tracing, opened.routes))


def _sessions(process: Process) -> Store:
    if process.settings.redis_url:
        return process.open_shared(use="sessions")
    return MemoryStore(process.clock, max_entries=_SESSIONS)


async def _close(store: Store) -> None:
    await store.close()
