"""The page at `/console`: served whole from this process, under a policy that trusts nobody else."""

from http import HTTPStatus
from pathlib import Path
from typing import Final

from fastapi import APIRouter, Request
from starlette.responses import Response

from bff.server.pages import SECURITY, Built, not_built

_HERE: Final = "console/assets/"
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
"""Stricter than GraphiQL's: the page has no inline script and no style attribute, so that it needs no nonce."""

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>bff console</title>
<link rel="icon" href="{icon}">
<link rel="stylesheet" href="{style}">
{preloads}
<script type="module" src="{script}"></script>
</head>
<body>
<div id="root"></div>
<noscript>The console needs JavaScript. What it shows is at /admin/api/snapshot, too.</noscript>
</body>
</html>
"""

_INSTEAD: Final = "What it would show is at <code>/admin/api/snapshot</code>."


def page_routes(assets: Path) -> APIRouter:
    """Return the routes of the page and its files.

    Args:
        assets: The folder that the build wrote; the page is 503 while there is nothing in it.
    """
    built = Built(assets)
    routes = APIRouter(prefix="/console")

    @routes.api_route("", methods=["GET", "HEAD"])
    def page() -> Response:
        """Return the page."""
        found = built.page("console")
        if found is None:
            return not_built("bff console", "The console", _INSTEAD)
        text = _PAGE.format(
            icon=_HERE + found.icon,
            style=_HERE + found.style,
            script=_HERE + found.script,
            preloads=found.preloads(_HERE),
        )
        headers = {**SECURITY, "Cache-Control": "no-cache", "Content-Security-Policy": _POLICY}
        return Response(text, HTTPStatus.OK, headers, "text/html")

    @routes.get("/assets/{name}")
    def asset(name: str, request: Request) -> Response:
        """Return one of the page's files."""
        return built.asset(name, request.headers)

    return routes
