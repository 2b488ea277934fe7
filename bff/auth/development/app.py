"""The issuer over HTTP: OpenID Connect discovery, login page, tokens, keys, and commands from this machine."""

import asyncio
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import httpx2
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from bff.auth.development import pages
from bff.auth.development.keys import Keys
from bff.auth.development.model import IssuerConfig
from bff.auth.development.parameters import Parameters, is_registered
from bff.auth.development.provider import EXCHANGE, OPENID, Provider, describe
from bff.auth.development.refused import NotForProduction, OAuthRefused, PageRefused
from bff.clock import Clock
from bff.policy.names import is_loopback

LOGOUT_LIMIT: Final = 3.0
"""Seconds for telling one client of a logout."""

_LARGEST_FORM: Final = 64 * 1024
_HEADERS: Final = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # with less, browsers send no Origin with the form
}
_SEALED: Final = "default-src 'none'; frame-ancestors 'none'"

Endpoint = Callable[[Request], Awaitable[Response]]


def open_issuer(
    config: IssuerConfig,
    *,
    development: bool,
    host: str,
    port: int,
    clock: Clock,
    environ: Mapping[str, str] = os.environ,
) -> Starlette:
    """Return the issuer `http://HOST:PORT` as an ASGI app.

    Args:
        config: Whom it knows.
        development: `bff.settings.Settings.development`.
        host: Where it listens.
        port: As above.
        clock: For lifetimes.
        environ: Holds the secrets of clients.

    Raises:
        NotForProduction: Not in development, not on a loopback address, or a client's secret is missing.
    """
    if not development:
        raise NotForProduction("the development issuer gives a token to whoever asks: it needs BFF_DEVELOPMENT=1")
    if not is_loopback(host):
        raise NotForProduction(f"the development issuer listens on this machine only, not on {host}")
    provider = Provider(config, f"http://{host}:{port}", _secrets(config, environ), Keys(), clock)
    return Starlette(routes=Issuer(provider).routes())


def _secrets(config: IssuerConfig, environ: Mapping[str, str]) -> dict[str, str]:
    wanted = {client.id: client.secret.removeprefix("env:") for client in config.clients if client.secret}
    missing = sorted(name for name in wanted.values() if not environ.get(name))
    if missing:
        raise NotForProduction(f"secrets of clients are missing from the environment: {', '.join(missing)}")
    return {client: environ[name] for client, name in wanted.items()}


class Issuer:
    """Its routes."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider
        own = urlsplit(provider.issuer)
        self._hosts = {own.netloc, f"localhost:{own.port}"}
        self._background: set[asyncio.Task[None]] = set()

    def routes(self) -> list[Route]:
        """Return all of them."""
        served: Sequence[tuple[str, str, Endpoint]] = (
            ("GET", "/", self._front),
            ("GET", "/.well-known/openid-configuration", self._discovery),
            ("GET", "/.well-known/oauth-authorization-server", self._discovery),
            ("GET", "/jwks.json", self._jwks),
            ("GET", "/authorize", self._authorize),
            ("POST", "/authorize", self._chosen),
            ("POST", "/token", self._token),
            ("POST", "/introspect", self._introspect),
            ("GET", "/end-session", self._end_session),
            ("POST", "/end-session", self._end_session),
            ("POST", "/rotate", self._rotate),
            ("GET", "/people", self._people),
        )
        return [Route(path, self._guarded(answer), methods=[method]) for method, path, answer in served]

    def _guarded(self, answer: Endpoint) -> Endpoint:
        """Answer only under our own name, so that no page elsewhere reaches us by a name of its own."""

        async def guarded(request: Request) -> Response:
            if request.headers.get("host") not in self._hosts:
                return _error("invalid_request", "this host is not served here", HTTPStatus.MISDIRECTED_REQUEST)
            try:
                return await answer(request)
            except OAuthRefused as refused:
                return _error(refused.error, refused.description, refused.status)
            except PageRefused as refused:
                return _page(pages.message_page("This does not work", str(refused)), status=HTTPStatus.BAD_REQUEST)

        return guarded

    async def _front(self, _request: Request) -> Response:
        text = f"This is {self._provider.issuer}. It begins at /.well-known/openid-configuration."
        return _page(pages.message_page("Development issuer", text))

    async def _discovery(self, _request: Request) -> Response:
        issuer, config = self._provider.issuer, self._provider.config
        scopes = OPENID.union(
            *(person.scopes for person in config.people), *(one.scopes for one in config.clients)
        )
        proofs = ["client_secret_basic", "client_secret_post", "none"]
        return _json(
            {
                "issuer": issuer,
                "authorization_endpoint": f"{issuer}/authorize",
                "token_endpoint": f"{issuer}/token",
                "introspection_endpoint": f"{issuer}/introspect",
                "end_session_endpoint": f"{issuer}/end-session",
                "jwks_uri": f"{issuer}/jwks.json",
                "scopes_supported": sorted(scopes),
                "response_types_supported": ["code"],
                "response_modes_supported": ["query"],
                "grant_types_supported": ["authorization_code", "refresh_token", "client_credentials", EXCHANGE],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "ES256"],
                "token_endpoint_auth_methods_supported": proofs,
                "introspection_endpoint_auth_methods_supported": proofs[:2],
                "code_challenge_methods_supported": ["S256"],
                "authorization_response_iss_parameter_supported": True,
                "backchannel_logout_supported": True,
                "backchannel_logout_session_supported": True,
                "prompt_values_supported": ["none", "login"],
            }
        )

    async def _jwks(self, _request: Request) -> Response:
        headers = {**_HEADERS, "Cache-Control": "public, max-age=60"}
        return JSONResponse(self._provider.keys.document(), headers=headers)

    async def _authorize(self, request: Request) -> Response:
        try:
            asked = Parameters(request.url.query)
        except OAuthRefused as refused:
            raise PageRefused(refused.description) from refused
        try:
            login, wish = self._provider.begin(asked)
        except OAuthRefused as refused:
            told = {"error": refused.error, "error_description": refused.description, "state": asked.get("state")}
            return self._back_to(asked["redirect_uri"], told)
        return _page(pages.login_page(login, wish, self._provider.config.people), form_to=wish.redirect_uri)

    async def _chosen(self, request: Request) -> Response:
        self._refuse_foreign(request)
        form = await _form(request)
        wish, code = self._provider.finish(form.get("login", ""), form.get("person", ""))
        return self._back_to(wish.redirect_uri, {"code": code, "state": wish.state})

    def _back_to(self, uri: str, told: Mapping[str, str | None]) -> Response:
        """Send the person back, with the name of this issuer (RFC 9207)."""
        known = {
            name: value for name, value in {**told, "iss": self._provider.issuer}.items() if value is not None
        }
        joined = f"{uri}{'&' if urlsplit(uri).query else '?'}{urlencode(known)}"
        return RedirectResponse(joined, HTTPStatus.SEE_OTHER, _HEADERS)

    async def _token(self, request: Request) -> Response:
        return _json(self._provider.token(await _form(request), request.headers.get("authorization")))

    async def _introspect(self, request: Request) -> Response:
        form = await _form(request)
        client = self._provider.authenticate(request.headers.get("authorization"), form)
        if client.secret is None:
            raise OAuthRefused("invalid_client", "who introspects needs a secret", HTTPStatus.UNAUTHORIZED)
        return _json(self._provider.introspect(form))

    async def _end_session(self, request: Request) -> Response:
        asked = Parameters(request.url.query) if request.method == "GET" else await _form(request)
        client, told = self._provider.end(asked.get("id_token_hint", ""))
        for address, token in told:
            task = asyncio.create_task(_tell(address, token))
            self._background.add(task)
            task.add_done_callback(self._background.discard)
        uri = asked.get("post_logout_redirect_uri", "")
        if client is None or not is_registered(uri, client.post_logout_redirect_uris):
            return _page(pages.message_page("You are logged out", "You can close this page."))
        state = (
            f"{'&' if urlsplit(uri).query else '?'}{urlencode({'state': asked['state']})}"
            if "state" in asked
            else ""
        )
        return RedirectResponse(uri + state, HTTPStatus.SEE_OTHER, _HEADERS)

    async def _rotate(self, request: Request) -> Response:
        self._refuse_foreign(request)
        if request.client is None or not is_loopback(request.client.host):
            raise OAuthRefused("access_denied", "only from this machine", HTTPStatus.FORBIDDEN)
        form = await _form(request)
        ids = await asyncio.to_thread(self._provider.keys.rotate, forget=form.get("forget") == "true")
        return _json({"keys": list(ids)})

    async def _people(self, _request: Request) -> Response:
        return _json({"people": [describe(person) for person in self._provider.config.people]})

    def _refuse_foreign(self, request: Request) -> None:
        """Refuse what a page elsewhere made a browser send."""
        origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site", "same-origin")
        foreign = origin is not None and urlsplit(origin).netloc not in self._hosts
        if foreign or site not in {"same-origin", "none"}:
            raise OAuthRefused("access_denied", "only from this issuer's own pages", HTTPStatus.FORBIDDEN)


async def _form(request: Request) -> Parameters:
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    body = await request.body() if int(request.headers.get("content-length") or 0) <= _LARGEST_FORM else None
    if body is None or (body and kind != "application/x-www-form-urlencoded"):
        raise OAuthRefused("invalid_request", "send a small form, application/x-www-form-urlencoded")
    try:
        return Parameters(body.decode("utf-8"))
    except UnicodeDecodeError as error:
        raise OAuthRefused("invalid_request", "the form is not UTF-8") from error


async def _tell(address: str, token: str) -> None:
    """Tell one client of a logout; one that does not listen is not told again."""
    async with httpx2.AsyncClient(timeout=LOGOUT_LIMIT, trust_env=False) as client:
        try:
            await client.post(address, data={"logout_token": token})
        except httpx2.HTTPError:
            return


def _json(content: Any) -> Response:
    return JSONResponse(content, headers={**_HEADERS, "Content-Security-Policy": _SEALED})


def _page(content: str, *, form_to: str | None = None, status: HTTPStatus = HTTPStatus.OK) -> Response:
    return HTMLResponse(content, status, {**_HEADERS, "Content-Security-Policy": pages.policy(form_to)})


def _error(error: str, description: str, status: HTTPStatus) -> Response:
    headers = dict(_HEADERS)
    if status == HTTPStatus.UNAUTHORIZED:
        headers["WWW-Authenticate"] = 'Basic realm="issuer"'
    return JSONResponse({"error": error, "error_description": description}, status, headers)
