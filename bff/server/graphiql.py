"""GraphiQL, the page at `/graphql` for people: served whole from this process, with no request to any other host.

The page is built by `bff/web`; this module serves it under a strict Content-Security-Policy.
"""

import hashlib
import json
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final, Self

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

PAGE_PATH: Final = "/graphql"
ASSETS_PATH: Final = "/graphql/assets/"

_MEDIA_TYPES: Final = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml"}

_NEVER: Final = re.compile(r"q=0(\.0*)?")

_SECURITY: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}

_SEALED: Final = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
"""For everything but the page; a worker lives under the policy of its own script, so it may connect to nobody."""

_PAGE_DIRECTIVES: Final = {
    "default-src": "'none'",
    "script-src": "'self'",
    "worker-src": "'self'",
    "style-src": "'self' 'nonce-{nonce}'",
    # Monaco writes positions as style attributes through innerHTML, and an attribute can carry no nonce.
    "style-src-attr": "'unsafe-inline'",
    "connect-src": "'self'",
    "img-src": "'self' data:",
    "font-src": "'self' data:",
    "frame-ancestors": "'none'",
    "base-uri": "'none'",
    "form-action": "'none'",
}
_PAGE_POLICY: Final = "; ".join(f"{name} {sources}" for name, sources in _PAGE_DIRECTIVES.items())

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>bff</title>
<link rel="icon" href="{icon}">
<link rel="stylesheet" href="{style}">
{preloads}
<script id="bff-config" type="application/json" nonce="{nonce}">{config}</script>
<script type="module" src="{script}"></script>
</head>
<body>
<div id="root"></div>
<noscript>GraphiQL needs JavaScript. The endpoint does not: send it a POST with a JSON body.</noscript>
</body>
</html>
"""

_NOT_BUILT: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>bff</title>
</head>
<body>
<h1>GraphiQL is not built yet</h1>
<p>Run <code>make web</code> in the checkout, then load this page again.</p>
<p>The endpoint itself is up: send it a POST with a JSON body.</p>
</body>
</html>
"""


@dataclass(frozen=True, slots=True)
class Tab:
    """An operation that is ready to run when the page opens.

    Attributes:
        query: The GraphQL document; the page names the tab after its operation.
        variables: None where the operation takes none.
    """

    query: str
    variables: Mapping[str, Any] | None = None


def read_tabs(directory: Path, *, first: str = "home") -> list[Tab]:
    """Return a tab for each `NAME.graphql` in *directory*, in the order of their names.

    `NAME.variables.json` beside it holds the operation's variables.

    Args:
        directory: Where to look; one that does not exist gives no tabs.
        first: The NAME that comes before all others.

    Raises:
        ValueError: A file with variables is not a JSON object; the message names the file.
        OSError: A file cannot be read.
    """
    documents = sorted(directory.glob("*.graphql"), key=lambda path: (path.stem != first, path.stem))
    return [
        Tab(path.read_text("utf-8"), _read_variables(path.with_suffix(".variables.json"))) for path in documents
    ]


def _read_variables(path: Path) -> dict[str, Any] | None:
    if not path.exists():
        return None
    try:
        variables = json.loads(path.read_text("utf-8"))
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    if not isinstance(variables, dict):
        raise ValueError(f"{path}: variables are a JSON object, got {type(variables).__name__}")  # noqa: TRY004 - bad data, not a bad call
    return variables


@dataclass(frozen=True, slots=True)
class _Bundle:
    """What the build left: the names that the page loads first, and all files that may be sent."""

    script: str
    style: str
    icon: str
    preload: Sequence[str]
    files: Mapping[str, Path]

    @classmethod
    def read(cls, directory: Path) -> Self:
        """Read the manifest in *directory*; raises FileNotFoundError where nothing was built."""
        manifest = json.loads((directory / "manifest.json").read_text("utf-8"))
        files = {path.name: path for path in (directory / "assets").iterdir() if path.suffix in _MEDIA_TYPES}
        return cls(**manifest, files=files)


class GraphiQL:
    """ASGI application for the page and its assets: GET and HEAD of `/graphql` and `/graphql/assets/*`.

    Whoever routes to it has found that the client prefers `text/html`. What comes before `/graphql` in the
    path does not matter, and the page uses relative addresses only, so it works behind a proxy's prefix.

    Args:
        operations: The tabs that a first visitor sees.
        headers: What a fresh tab sends, such as a development token. Everybody who may load the page sees them.
        assets: The folder that the build wrote, `bff/web/dist`; the page is 503 while there is nothing in it.
        trace_header: The request header that asks for `extensions.trace`; None where nobody gets it.
        nonce: Returns an unguessable text for each page.
        login: Whether people can log in below `/auth/`, which the page then offers.
        faults: The header that breaks services for one's own operations, for how long at most, and which services
            there are; None where nobody may.
    """

    def __init__(
        self,
        *,
        operations: Sequence[Tab],
        headers: Mapping[str, str],
        assets: Path,
        trace_header: str | None = None,
        nonce: Callable[[], str] = secrets.token_urlsafe,
        login: bool = False,
        faults: Mapping[str, object] | None = None,
    ) -> None:
        self._config = _config(operations, headers, trace_header, login=login, faults=faults)
        self._assets = assets
        self._nonce = nonce
        self._built_at = 0
        self._bundle: _Bundle | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        response = self._respond(scope)
        if scope["method"] == "HEAD" and not isinstance(response, FileResponse):
            response.body = b""  # the header fields still describe what GET brings
        await response(scope, receive, send)

    def _respond(self, scope: Scope) -> Response:
        if scope["method"] not in {"GET", "HEAD"}:
            return _problem(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"})
        path: str = scope["path"]
        if path.endswith(PAGE_PATH):
            return self._page()
        _, marker, name = path.rpartition(ASSETS_PATH)
        return self._asset(name, Headers(scope=scope)) if marker else _problem(HTTPStatus.NOT_FOUND)

    def _current_bundle(self) -> _Bundle | None:
        """Return what was built last, also when that was after we started."""
        try:
            built_at = (self._assets / "manifest.json").stat().st_mtime_ns
            if built_at != self._built_at:
                self._bundle, self._built_at = _Bundle.read(self._assets), built_at
        except FileNotFoundError:
            return None
        return self._bundle

    def _page(self) -> Response:
        bundle = self._current_bundle()
        fixed = {**_SECURITY, "Vary": "Accept"}
        if bundle is None:
            headers = {**fixed, "Cache-Control": "no-store", "Content-Security-Policy": _SEALED}
            return Response(_NOT_BUILT, HTTPStatus.SERVICE_UNAVAILABLE, headers, "text/html")
        nonce = self._nonce()
        here = ASSETS_PATH.removeprefix("/")
        page = _PAGE.format(
            icon=here + bundle.icon,
            style=here + bundle.style,
            script=here + bundle.script,
            preloads="\n".join(f'<link rel="modulepreload" href="{here}{name}">' for name in bundle.preload),
            nonce=nonce,
            config=self._config,
        )
        headers = {
            **fixed,
            "Cache-Control": "no-cache",
            "Content-Security-Policy": _PAGE_POLICY.format(nonce=nonce),
        }
        return Response(page, HTTPStatus.OK, headers, "text/html")

    def _asset(self, name: str, request: Headers) -> Response:
        bundle = self._bundle or self._current_bundle()
        path = bundle.files.get(name) if bundle else None
        if path is None:
            return _problem(HTTPStatus.NOT_FOUND)
        headers = {
            **_SECURITY,
            "Cache-Control": "public, max-age=31536000, immutable",
            "Content-Security-Policy": _SEALED,
            "Vary": "Accept-Encoding",
            "ETag": f'"{name}"',
        }
        compressed = path.with_name(f"{name}.gz")
        if _accepts_gzip(request) and compressed.exists():
            path = compressed
            headers |= {"Content-Encoding": "gzip", "ETag": f'"{compressed.name}"'}
        if _matches(request, headers["ETag"]):
            headers.pop("Content-Encoding", None)
            return Response(None, HTTPStatus.NOT_MODIFIED, headers)
        return FileResponse(path, headers=headers, media_type=_MEDIA_TYPES[Path(name).suffix])


def _config(
    operations: Sequence[Tab],
    headers: Mapping[str, str],
    trace_header: str | None,
    *,
    login: bool,
    faults: Mapping[str, object] | None,
) -> str:
    """Return what the page's script reads, as JSON that no parser of HTML mistakes for markup."""
    tabs = [
        {"query": tab.query, "variables": None if tab.variables is None else _indented(tab.variables)}
        for tab in operations
    ]
    version = hashlib.sha256(json.dumps(tabs).encode()).hexdigest()[:12]
    config = {
        "endpoint": PAGE_PATH.removeprefix("/"),
        "operations": tabs,
        "headers": _indented(headers) if headers else "",
        "traceHeader": trace_header,
        "version": version,
        "login": "auth" if login else None,
        "faults": faults,
    }
    return json.dumps(config).replace("&", r"\u0026").replace("<", r"\u003c").replace(">", r"\u003e")


def _indented(value: Mapping[str, Any]) -> str:
    return json.dumps(dict(value), indent=2, ensure_ascii=False)


def _accepts_gzip(request: Headers) -> bool:
    """Whether `Accept-Encoding` names gzip with a quality above 0 (RFC 9110, 12.5.3)."""
    for element in request.get("accept-encoding", "").lower().split(","):
        coding, *parameters = (part.strip() for part in element.split(";"))
        if coding == "gzip":
            return not any(_NEVER.fullmatch(parameter) for parameter in parameters)
    return False


def _matches(request: Headers, etag: str) -> bool:
    """Whether `If-None-Match` names *etag*, weakly compared (RFC 9110, 13.1.2)."""
    tags = [tag.strip().removeprefix("W/") for tag in request.get("if-none-match", "").split(",")]
    return etag in tags or tags == ["*"]


def _problem(status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Response:
    """Return *status* as problem details (RFC 9457)."""
    content = json.dumps({"type": "about:blank", "title": status.phrase, "status": int(status)})
    fields = {**_SECURITY, "Content-Security-Policy": _SEALED, "Cache-Control": "no-store", **(headers or {})}
    return Response(content, status, fields, "application/problem+json")
