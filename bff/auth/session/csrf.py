"""Whether a request with a session cookie was meant: no page elsewhere could have sent it (SE-3)."""

from collections.abc import Mapping
from typing import Final

HEADERS: Final = ("graphql-require-preflight", "x-bff-csrf")
"""A page elsewhere cannot send one of these without asking first (CORS)."""

_WRITES: Final = frozenset({"POST", "PUT", "PATCH", "DELETE"})
_OWN_SITES: Final = frozenset({"same-origin", "none"})


def objection(method: str, headers: Mapping[str, str], origins: frozenset[str]) -> str | None:
    """Return why the request is refused, for its sender; None when it may use the session.

    Args:
        method: Of the request.
        headers: Names in lower case.
        origins: Whose pages may use the session.
    """
    if not any(headers.get(name) for name in HEADERS):
        return "A request with a session cookie needs the header X-BFF-CSRF: 1."
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    if origin is not None:
        if origin.lower() not in origins:
            return "Pages of this origin may not use the session."
    elif site is not None and site not in _OWN_SITES:
        return "Pages of other origins may not use the session."
    if method in _WRITES and "content-type" in headers:
        kind = headers["content-type"].partition(";")[0].strip().lower()
        if kind != "application/json":
            return "With a session cookie the body must be application/json."
    return None
