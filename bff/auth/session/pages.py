"""What people see when a login does not work: a page without scripts, and nothing that an attacker could use."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.responses import HTMLResponse, Response

HEADERS: Final[Mapping[str, str]] = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
}
"""On every answer below `/auth/`; codes and states in addresses are told to nobody."""

_PAGE: Final = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Log in</title>
</head>
<body>
<h1>{title}</h1>
<p>{text}</p>
<p><a href="login">Log in again</a></p>
</body>
</html>
"""


def failed(status: HTTPStatus, headers: Mapping[str, str] | None = None) -> Response:
    """Return the page for a login that came to nothing; why is in the log."""
    unavailable = status == HTTPStatus.SERVICE_UNAVAILABLE
    title = "Nobody can log in now" if unavailable else "This login did not work"
    text = (
        "The place where people log in does not answer. Try again in a moment."
        if unavailable
        else "It is too old, was used before, or began in another browser."
    )
    page = _PAGE.format(title=title, text=text)
    return HTMLResponse(page, status, {**HEADERS, **(headers or {})})
