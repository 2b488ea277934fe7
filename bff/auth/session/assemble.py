"""Puts the parts of the login together."""

import ssl
from dataclasses import dataclass
from http import HTTPStatus
from secrets import token_bytes

from fastapi import APIRouter
from starlette.responses import Response

from bff.auth.session.identify import Sessions, Verify
from bff.auth.session.oidc import OpenID
from bff.auth.session.pages import failed
from bff.auth.session.renewal import Renewal
from bff.auth.session.routes import Routes
from bff.auth.session.sealing import SHORTEST, Sealer
from bff.auth.session.vault import Vault
from bff.clock import Clock
from bff.events import LoginRefused, Notify
from bff.policy.login import Login
from bff.policy.names import is_loopback
from bff.secrets import Secret, SecretMissing
from bff.store import Store

_ROUTES = ("/login", "/callback", "/logout", "/me", "/backchannel-logout")


@dataclass(frozen=True, slots=True)
class LoginParts:
    """What a login consists of.

    Attributes:
        routes: `/auth/*`.
        sessions: Identifies by cookie; None while something needed is missing, which `/auth/*` says.
    """

    routes: APIRouter
    sessions: Sessions | None
    renewal: Renewal | None

    async def close(self) -> None:
        """End what runs in the background; the store is left to whoever opened it."""
        if self.renewal is not None:
            await self.renewal.close()


class NotReady(Exception):
    """The login cannot work with what it was given; the message says what is missing."""


def open_login(
    policy: Login,
    *,
    store: Store,
    verify: Verify,
    development: bool,
    workers: int = 1,
    ca: str | None,
    clock: Clock,
    notify: Notify,
) -> LoginParts:
    """Return the login that *policy* describes; one that cannot work answers 503, and nothing is ever open.

    Args:
        policy: With an issuer.
        store: For sessions alone.
        verify: Judges access tokens.
        development: Whether loopback addresses are known by a request's `Host`.
        workers: Processes that share the port; several need a store that they share.
        ca: PEM file with authorities to trust instead of the system's.
        clock: For lifetimes.
        notify: Hears of logins, and of what is missing.
    """
    try:
        _check_shared(store, workers)
        outside = _Outside(store, verify, clock, notify)
        return _opened(policy, outside, Site(policy, development=development), _tls(ca))
    except (NotReady, SecretMissing, OSError) as error:
        notify(LoginRefused("login", f"nobody can log in: {error}"))
        return LoginParts(_closed(), None, None)


@dataclass(frozen=True, slots=True)
class _Outside:
    store: Store
    verify: Verify
    clock: Clock
    notify: Notify


def _opened(policy: Login, outside: _Outside, site: "Site", tls: ssl.SSLContext) -> LoginParts:
    clock, notify = outside.clock, outside.notify
    assert policy.client_secret is not None
    if policy.public_origin is None and not site.development:
        raise NotReady("login.public_origin is needed outside development")
    secret = Secret(policy.client_secret, now=clock.now)
    timeout = policy.timeout.total_seconds()
    openid = OpenID(policy, secret.value, tls=tls, clock=clock)
    sealer = _sealer(policy, outside.store, clock)
    vault = Vault(outside.store, sealer, idle=policy.idle.total_seconds(), clock=clock)
    margin = policy.expiry_margin.total_seconds()
    renewal = Renewal(vault, openid, margin=margin, timeout=timeout, clock=clock, notify=notify)
    routes = Routes(
        policy,
        openid,
        vault,
        origin=site.origin,
        origins=site.origins,
        patience=timeout,
        clock=clock,
        notify=notify,
    )
    sessions = Sessions(vault, renewal, outside.verify, origins=site.origins, notify=notify)
    return LoginParts(routes.router(), sessions, renewal)


def _check_shared(store: Store, workers: int) -> None:
    if workers > 1 and not store.shared:
        raise NotReady("several workers need a store that they share: --redis-url")


def _tls(ca: str | None) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=ca.removeprefix("file:") if ca else None)


def _sealer(policy: Login, store: Store, clock: Clock) -> Sealer:
    if not policy.keys:
        if store.shared:
            raise NotReady("login.keys is needed where sessions lie in Redis")
        own = token_bytes(SHORTEST)
        return Sealer([lambda: own])
    secrets = [Secret(reference, now=clock.now) for reference in policy.keys]
    if any(len(secret.value()) < SHORTEST for secret in secrets):
        raise NotReady(f"each of login.keys needs {SHORTEST} characters")
    return Sealer([secret.value for secret in secrets])


class Site:
    """Which origins are ours.

    Args:
        policy: Says so.
        development: Whether a loopback address in `Host` may be believed.
    """

    def __init__(self, policy: Login, *, development: bool) -> None:
        self.development = development
        self._public = policy.public_origin
        known = {policy.public_origin} | set(policy.origins)
        self._known = frozenset(one.lower() for one in known if one is not None)

    def origin(self, host: str | None) -> str | None:
        """Return what browsers call, None where nobody can say."""
        return self._public or self._loopback(host)

    def origins(self, host: str | None) -> frozenset[str]:
        """Return the origins whose pages may use sessions."""
        here = self._loopback(host)
        return self._known | {here} if here is not None and self._public is None else self._known

    def _loopback(self, host: str | None) -> str | None:
        name = (host or "").lower()
        bare = name.rpartition(":")[0] if name.rpartition(":")[2].isdigit() else name
        return f"http://{name}" if self.development and is_loopback(bare.strip("[]")) else None


def _closed() -> APIRouter:
    async def unavailable() -> Response:
        return failed(HTTPStatus.SERVICE_UNAVAILABLE)

    routes = APIRouter(prefix="/auth")
    for path in _ROUTES:
        routes.add_api_route(path, unavailable, methods=["GET", "POST"], response_model=None)
    return routes
