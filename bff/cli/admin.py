"""Asking the admin port of a running process, for commands that need one."""

import json
import os
from collections.abc import Collection
from typing import Annotated, Any
from urllib.error import HTTPError, URLError
from urllib.request import Request, urlopen

import typer

from bff.cli.output import Unusable

DEFAULT = "http://127.0.0.1:8001"
"""Where the admin port is unless told otherwise."""

TOKEN = "BFF_ADMIN_TOKEN"  # noqa: S105 - a name, not a token
"""Environment variable with the access token that `policies/console.yaml` asks for."""

_TIMEOUT = 30.0
_UNAUTHORIZED = 401
_NOT_FOUND = 404

AdminOption = Annotated[
    str | None, typer.Option("--admin", metavar="URL", help=f"Admin port of a running process, {DEFAULT}.")
]


class NotThere(Unusable):
    """The process answers, and knows no such thing."""


def ask(
    admin: str | None,
    path: str,
    body: dict[str, Any] | None = None,
    *,
    otherwise: str = "",
    answers: Collection[int] = (),
) -> dict[str, Any]:
    """Return what the admin port answers to a GET of *path*, or to a POST of *body*.

    Args:
        admin: Its base URL; the usual one where None.
        path: Begins with a slash.
        body: JSON.
        otherwise: What to do instead, where nobody answers.
        answers: Further statuses whose body is an answer.

    Raises:
        NotThere: It answers 404.
        Unusable: It cannot be asked, or answers anything else but a success.
    """
    base = (admin or DEFAULT).rstrip("/")
    if not base.startswith(("http://", "https://")):
        raise Unusable(f"--admin {base!r}: write a URL such as {DEFAULT}")
    data = None if body is None else json.dumps(body).encode()
    headers = {"content-type": "application/json"}
    if token := os.environ.get(TOKEN):
        headers["authorization"] = f"Bearer {token}"
    request = Request(f"{base}{path}", data=data, headers=headers)  # noqa: S310 - checked above
    try:
        with urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310 - as above
            found: dict[str, Any] = json.load(answer)
            return found
    except HTTPError as error:
        if error.code in answers:
            told: dict[str, Any] = json.load(error)
            return told
        refusal = NotThere if error.code == _NOT_FOUND else Unusable
        why = _detail(error) or "is it the admin port of a bff?"
        raise refusal(f"{base} answered {error.code}: {why}") from error
    except (URLError, OSError, ValueError) as error:
        instead = f", or {otherwise}" if otherwise else ""
        raise Unusable(f"no bff answers at {base} ({error}): say which with --admin URL{instead}") from error


def _detail(error: HTTPError) -> str:
    """Return what a refusal says of itself, and how to show who one is where that is asked; empty for nothing."""
    try:
        said = json.load(error).get("detail", "")
    except (OSError, ValueError, AttributeError):
        return ""
    hint = f" Set {TOKEN} to an access token." if error.code == _UNAUTHORIZED else ""
    return f"{said}{hint}" if said else ""
