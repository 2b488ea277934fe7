"""GraphiQL, the page at `/graphql` for people: served whole from this process, with no request to any other host.

The page is built by `bff/web`; this module serves it under a strict Content-Security-Policy.
"""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.responses import FileResponse, Response
from starlette.types import Receive, Scope, Send

from bff.server.pages import SECURITY, Built, not_built, problem

PAGE_PATH: Final = "/graphql"
ASSETS_PATH: Final = "/graphql/assets/"

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

_INSTEAD: Final = "The endpoint itself is up: send it a POST with a JSON body."


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
        self._built = Built(assets)
        self._nonce = nonce

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        response = self._respond(scope)
        if scope["method"] == "HEAD" and not isinstance(response, FileResponse):
            response.body = b""  # the header fields still describe what GET brings
        await response(scope, receive, send)

    def _respond(self, scope: Scope) -> Response:
        if scope["method"] not in {"GET", "HEAD"}:
            return problem(HTTPStatus.METHOD_NOT_ALLOWED, {"Allow": "GET, HEAD"})
        path: str = scope["path"]
        if path.endswith(PAGE_PATH):
            return self._page()
        _, marker, name = path.rpartition(ASSETS_PATH)
        return self._built.asset(name, Headers(scope=scope)) if marker else problem(HTTPStatus.NOT_FOUND)

    def _page(self) -> Response:
        page = self._built.page()
        fixed = {**SECURITY, "Vary": "Accept"}
        if page is None:
            return not_built("bff", "GraphiQL", _INSTEAD, {"Vary": "Accept"})
        nonce = self._nonce()
        here = ASSETS_PATH.removeprefix("/")
        text = _PAGE.format(
            icon=here + page.icon,
            style=here + page.style,
            script=here + page.script,
            preloads=page.preloads(here),
            nonce=nonce,
            config=self._config,
        )
        headers = {
            **fixed,
            "Cache-Control": "no-cache",
            "Content-Security-Policy": _PAGE_POLICY.format(nonce=nonce),
        }
        return Response(text, HTTPStatus.OK, headers, "text/html")


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
