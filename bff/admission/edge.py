"""What browsers want to know: CORS, preflights, and header fields that make them careful."""

from http import HTTPStatus
from typing import Final

from bff.admission.addresses import Addresses
from bff.policy.network import NetworkPolicy
from bff.server.headers import Headers
from bff.server.known import Known
from bff.server.lines import plain_lines
from bff.server.ports import ASGIApp, Direct, Message, Receive, Scope, Send
from bff.server.problem import send_problem
from bff.server.refusal import HeaderList

REQUEST_HEADERS: Final = (
    "accept",
    "apollographql-client-name",
    "apollographql-client-version",
    "authorization",
    "content-type",
    "dpop",
    "graphql-require-preflight",
    "idempotency-key",
    "traceparent",
    "tracestate",
    "x-apollo-operation-name",
    "x-bff-csrf",
    "x-bff-ratelimit",
    "x-client-name",
    "x-client-version",
    "x-request-timeout-ms",
)
"""Request headers that the product itself knows."""

RESPONSE_HEADERS: Final = (
    "deprecation",
    "etag",
    "link",
    "ratelimit",
    "ratelimit-policy",
    "retry-after",
    "sunset",
    "www-authenticate",
    "x-bff-degraded",
    "x-client-recommended-version",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-request-id",
)
"""Response headers that the product itself sends and a page could not read otherwise."""

_METHODS: Final = b"GET, POST"
_VARY: Final = (b"vary", b"Origin, Access-Control-Request-Method, Access-Control-Request-Headers")


class Edge:
    """Stands around everything at the public port.

    Args:
        app: What is asked.
        policy: What browsers may do.
        addresses: Knows our proxies.
        path: Where the endpoint lives; only there preflights are answered.
    """

    def __init__(self, app: ASGIApp, policy: NetworkPolicy, addresses: Addresses, *, path: str) -> None:
        self._addresses = addresses
        self._app = app
        self._direct = app if isinstance(app, Direct) else None
        self.path = path
        cors, security = policy.cors, policy.security
        self._origins = frozenset(origin.encode() for origin in cors.origins)
        credentials: HeaderList = ((b"access-control-allow-credentials", b"true"),) if cors.credentials else ()
        exposed = ", ".join(sorted({*RESPONSE_HEADERS, *cors.expose})).encode()
        self._shared: HeaderList = (*credentials, (b"access-control-expose-headers", exposed))
        allowed = ", ".join(sorted({*REQUEST_HEADERS, *cors.headers})).encode()
        self._preflight: HeaderList = (
            *credentials,
            (b"access-control-allow-methods", _METHODS),
            (b"access-control-allow-headers", allowed),
            (b"access-control-max-age", b"%d" % cors.max_age.total_seconds()),
            (b"cache-control", b"no-store"),
            _VARY,
        )
        seconds = int(security.hsts.total_seconds())
        subdomains = b"; includeSubDomains" if security.hsts_subdomains else b""
        self._hsts = (b"strict-transport-security", b"max-age=%d%b" % (seconds, subdomains)) if seconds else None
        self._hsts_line = plain_lines([self._hsts] if self._hsts is not None else ()) or b""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, with the fields that belong to its origin and scheme."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = Headers(scope["headers"])
        origin = headers.raw.get(b"origin")
        fields: HeaderList = ()
        if self._hsts is not None and self._is_secure(scope, headers):
            fields = (self._hsts,)
        if origin is not None and self._origins and _asks_first(scope, headers, self.path):
            await self._answer_preflight(origin, fields, send)
            return
        if origin is not None and origin in self._origins:
            fields = (*fields, (b"access-control-allow-origin", origin), *self._shared)
        await self._app(scope, receive, _adding(fields, send) if fields else send)

    def at_once(self, known: Known, client: tuple[str, int] | None, usual: bytes) -> bytes | ASGIApp | None:
        """Answer a request that came before, unless it is of a page; see `bff.server.ports.Direct`."""
        judgement = known.judgement
        if self._direct is None or judgement is None or b"origin" in judgement.headers.raw:
            return None
        if self._hsts is None or not self._is_secure({"client": client}, judgement.headers):
            return self._direct.at_once(known, client, usual)
        answer, hsts = self._direct.at_once(known, client, usual + self._hsts_line), self._hsts
        if answer is None or isinstance(answer, bytes):
            return answer

        async def secured(scope: Scope, receive: Receive, send: Send) -> None:
            await answer(scope, receive, _adding((hsts,), send))

        return secured

    async def _answer_preflight(self, origin: bytes, fields: HeaderList, send: Send) -> None:
        if origin not in self._origins:
            await send_problem(send, HTTPStatus.FORBIDDEN, "Pages of this origin may not call.", headers=(_VARY,))
            return
        allowed = ((b"access-control-allow-origin", origin), *self._preflight, *fields)
        await send({"type": "http.response.start", "status": HTTPStatus.NO_CONTENT.value, "headers": allowed})
        await send({"type": "http.response.body", "body": b""})

    def _is_secure(self, scope: Scope, headers: Headers) -> bool:
        """Return whether the client came by https, also where a proxy of ours ended that."""
        if scope.get("scheme") == "https":
            return True
        client = scope.get("client")
        told = headers.text(b"x-forwarded-proto")
        return told is not None and told.lower() == "https" and self._addresses.is_trusted(client and client[0])


def _asks_first(scope: Scope, headers: Headers, path: str) -> bool:
    preflight = scope["method"] == "OPTIONS" and b"access-control-request-method" in headers.raw
    return preflight and scope["path"] == path


def _adding(fields: HeaderList, send: Send) -> Send:
    async def add(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], *fields]
        await send(message)

    return add
