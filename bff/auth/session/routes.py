"""`/auth/*` for browsers: login, its return, logout, who is logged in, and the issuer's word of a logout."""

import hmac
import secrets
from collections.abc import Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import parse_qsl

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from bff.auth.session import cookies, csrf
from bff.auth.session.errors import LoginFailed, LoginUnavailable
from bff.auth.session.oidc import Granted, OpenID
from bff.auth.session.pages import HEADERS, failed
from bff.auth.session.record import Attempt, Session, digest
from bff.auth.session.vault import ATTEMPT_LIFE, Vault
from bff.clock import Clock
from bff.codes import Code
from bff.events import LoginRefused, Notify, SessionEnded, SessionOpened
from bff.policy.login import Login, is_local_path

CALLBACK: Final = "/auth/callback"
_LARGEST_FORM: Final = 32 * 1024
_MOST_FIELDS: Final = 50
_STEP_UP: Final = ("acr_values", "max_age", "prompt", "login_hint", "ui_locales")
"""What a page may add to its request for a login."""


class Routes:
    """Answers them.

    Args:
        policy: Lives and places.
        openid: The issuer.
        vault: Where sessions lie.
        origin: Returns what browsers call, for a request's `Host`; None where that is not known.
        origins: Whose pages may use sessions, likewise.
        patience: Seconds that a logout waits for a renewal under way.
        clock: Tells what time it is.
        notify: Hears of logins and refusals.
    """

    def __init__(
        self,
        policy: Login,
        openid: OpenID,
        vault: Vault,
        *,
        origin: Callable[[str | None], str | None],
        origins: Callable[[str | None], frozenset[str]],
        patience: float,
        clock: Clock,
        notify: Notify,
    ) -> None:
        self._policy = policy
        self._openid = openid
        self._vault = vault
        self._origin = origin
        self._origins = origins
        self._patience = patience
        self._clock = clock
        self._notify = notify

    def router(self) -> APIRouter:
        """Return the routes."""
        routes = APIRouter(prefix="/auth")
        routes.add_api_route("/login", self.login, methods=["GET"], response_model=None)
        routes.add_api_route("/callback", self.callback, methods=["GET"], response_model=None)
        routes.add_api_route("/logout", self.logout, methods=["POST"], response_model=None)
        routes.add_api_route("/me", self.me, methods=["GET"], response_model=None)
        routes.add_api_route("/backchannel-logout", self.backchannel, methods=["POST"], response_model=None)
        return routes

    async def login(self, request: Request) -> Response:
        """Send a person to the issuer."""
        query = request.query_params
        return_to = query.get("return_to", self._policy.after_login)
        if not is_local_path(return_to):
            self._notify(LoginRefused("login", "return_to leads elsewhere (SE-6)"))
            return failed(HTTPStatus.BAD_REQUEST)
        origin = self._origin(request.headers.get("host"))
        if origin is None:
            return failed(HTTPStatus.SERVICE_UNAVAILABLE)
        sent = request.headers.get("cookie")
        browser = cookies.read(sent, cookies.LOGIN) or secrets.token_urlsafe(32)
        before = cookies.read(sent, cookies.SESSION)
        attempt = Attempt(
            browser=digest(browser),
            verifier=secrets.token_urlsafe(48),
            nonce=secrets.token_urlsafe(32),
            return_to=return_to,
            redirect_uri=origin + CALLBACK,
            replaces=digest(before) if before else None,
        )
        state = secrets.token_urlsafe(32)
        try:
            url = await self._openid.authorization_url(
                attempt, state, {name: query[name] for name in _STEP_UP if name in query}
            )
            await self._vault.begin(state, attempt)
        except LoginUnavailable as error:
            return self._unavailable("login", error)
        return _redirect(url, cookies.keep_login(browser, ATTEMPT_LIFE))

    async def callback(self, request: Request) -> Response:
        """Take a person back from the issuer."""
        query = dict(request.query_params)
        if len(query) != len(request.query_params.multi_items()):
            return self._refused("a parameter is said twice")
        try:
            attempt = await self._attempt(query.get("state", ""), request.headers.get("cookie"))
            name = await self._open(await self._redeemed(query, attempt), attempt)
        except LoginFailed as error:
            return self._refused(str(error))
        except LoginUnavailable as error:
            return self._unavailable("callback", error)
        self._notify(SessionOpened())
        return _redirect(attempt.return_to, cookies.keep_session(name), cookies.drop(cookies.LOGIN))

    async def _redeemed(self, query: Mapping[str, str], attempt: Attempt) -> Granted:
        await self._openid.check_sender(query.get("iss"))
        if "error" in query or not query.get("code"):
            raise LoginFailed(f"the issuer says {query.get('error', 'nothing')[:60]!r}")
        return await self._openid.redeem(query["code"], attempt)

    async def _attempt(self, state: str, sent: str | None) -> Attempt:
        """Return the login *state*, once, to the browser that began it (SE-5).

        Raises:
            LoginFailed: It is none, or another browser's.
        """
        attempt = await self._vault.look_up(state) if state else None
        if attempt is None:
            raise LoginFailed("there is no such login under way")
        browser = cookies.read(sent, cookies.LOGIN) or ""
        if not hmac.compare_digest(digest(browser), attempt.browser):
            raise LoginFailed("this login began in another browser (SE-5)")
        if not await self._vault.claim(state):
            raise LoginFailed("this login was finished before")
        return attempt

    async def _open(self, granted: Granted, attempt: Attempt) -> str:
        claims = granted.claims or {}
        now, name = self._clock.wall(), secrets.token_urlsafe(32)
        session = Session(
            issuer=self._openid.issuer,
            subject=claims["sub"],
            created=now,
            ends=now + self._policy.absolute.total_seconds(),
            tokens=granted.tokens,
            identity=granted.identity or "",
            sid=_text(claims.get("sid")),
            name=_text(claims.get("name")),
            email=_text(claims.get("email")),
        )
        await self._vault.open(digest(name), session)
        if attempt.replaces is not None:
            await self._vault.retire(attempt.replaces)
        return name

    async def logout(self, request: Request) -> Response:
        """End the session, and say where the person's login at the issuer ends."""
        refusal = self._objection(request)
        if refusal is not None:
            return refusal
        name = cookies.read(request.headers.get("cookie"), cookies.SESSION)
        location: str | None = self._policy.after_logout
        try:
            session = await self._vault.find(digest(name)) if name else None
            if name is not None and session is not None:
                await self._vault.end(digest(name), patience=self._patience)
                self._notify(SessionEnded("logout", 1))
                location = await self._end_session(session, request) or location
        except LoginUnavailable as error:
            self._notify(LoginRefused("logout", str(error)))
            return _problem(
                Code.AUTH_UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE, "The session could not be ended."
            )
        return _json({"location": location}, cookies.drop(cookies.SESSION))

    async def _end_session(self, session: Session, request: Request) -> str | None:
        origin = self._origin(request.headers.get("host"))
        if origin is None:
            return None
        back = origin + self._policy.after_logout
        try:
            return await self._openid.end_session_url(session.identity, back, secrets.token_urlsafe(16))
        except LoginUnavailable:
            return None

    async def me(self, request: Request) -> Response:
        """Say who is logged in."""
        sent = request.headers.get("cookie")
        if not cookies.is_sent(sent):
            return _json({"authenticated": False})
        refusal = self._objection(request)
        if refusal is not None:
            return refusal
        name = cookies.read(sent, cookies.SESSION)
        try:
            session = await self._vault.find(digest(name)) if name else None
        except LoginUnavailable as error:
            self._notify(LoginRefused("session", str(error)))
            message = "Sessions cannot be looked at now."
            return _problem(Code.AUTH_UNAVAILABLE, HTTPStatus.SERVICE_UNAVAILABLE, message)
        if session is None:
            return _json({"authenticated": False}, cookies.drop(cookies.SESSION))
        return _json(
            {
                "authenticated": True,
                "subject": session.subject,
                "name": session.name,
                "email": session.email,
                "endsInSeconds": max(0, int(session.ends - self._clock.wall())),
            }
        )

    async def backchannel(self, request: Request) -> Response:
        """End sessions because the issuer says so (OpenID Connect Back-Channel Logout)."""
        try:
            ended = await self._end_all(await _logout_token(request))
        except LoginFailed as error:
            self._notify(LoginRefused("logout", str(error)))
            return _json({"error": "invalid_request"}, status=HTTPStatus.BAD_REQUEST)
        except LoginUnavailable as error:
            self._notify(LoginRefused("logout", str(error)))
            return _json({"error": "temporarily_unavailable"}, status=HTTPStatus.SERVICE_UNAVAILABLE)
        self._notify(SessionEnded("back-channel", ended))
        return Response(None, HTTPStatus.OK, HEADERS)

    async def _end_all(self, token: str | None) -> int:
        """End what the logout token *token* names, once; return how many sessions that were."""
        if token is None:
            raise LoginFailed("there is no logout_token")
        claims = await self._openid.logout_claims(token)
        if not await self._vault.is_new(f"logout {claims['jti']}", ATTEMPT_LIFE):
            raise LoginFailed("this logout token was used before")
        sid, subject = _text(claims.get("sid")), _text(claims.get("sub"))
        return await self._vault.end_all(self._openid.issuer, sid=sid, subject=subject, patience=self._patience)

    def _objection(self, request: Request) -> Response | None:
        origins = self._origins(request.headers.get("host"))
        why = csrf.objection(request.method, request.headers, origins)
        if why is None:
            return None
        self._notify(LoginRefused("session", why))
        return _problem(Code.CSRF_PREVENTED, HTTPStatus.FORBIDDEN, why)

    def _refused(self, detail: str) -> Response:
        self._notify(LoginRefused("callback", detail))
        return failed(HTTPStatus.BAD_REQUEST)

    def _unavailable(self, step: Any, error: LoginUnavailable) -> Response:
        self._notify(LoginRefused(step, str(error)))
        return failed(HTTPStatus.SERVICE_UNAVAILABLE, {"Retry-After": "5"})


async def _logout_token(request: Request) -> str | None:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    length = request.headers.get("content-length", "")
    if kind != "application/x-www-form-urlencoded" or not length.isdigit() or int(length) > _LARGEST_FORM:
        return None
    try:
        fields = parse_qsl((await request.body()).decode("utf-8"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        return None
    values = [value for name, value in fields if name == "logout_token"]
    return values[0] if len(values) == 1 else None


def _redirect(url: str, *set_cookies: str) -> Response:
    response = RedirectResponse(url, HTTPStatus.SEE_OTHER, HEADERS)
    for field in set_cookies:
        response.headers.append("set-cookie", field)
    return response


def _json(content: Mapping[str, Any], *set_cookies: str, status: HTTPStatus = HTTPStatus.OK) -> Response:
    response = JSONResponse(content, status, HEADERS)
    for field in set_cookies:
        response.headers.append("set-cookie", field)
    return response


def _problem(code: Code, status: HTTPStatus, detail: str) -> Response:
    """Return a failure as problem details (RFC 9457, PD-9)."""
    content = {
        "type": "about:blank",
        "title": status.phrase,
        "status": status.value,
        "detail": detail,
        "code": code.value,
    }
    headers = {**HEADERS, "Retry-After": "5"} if status == HTTPStatus.SERVICE_UNAVAILABLE else HEADERS
    return JSONResponse(content, status, headers, "application/problem+json")


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value else None
