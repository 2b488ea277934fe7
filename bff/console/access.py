"""Who may look and who may act: pure decisions, which fail closed."""

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final, Literal

from bff.context import Principal
from bff.policy.console import ConsolePolicy
from bff.policy.names import is_loopback

Role = Literal["none", "read", "act"]

CSRF_HEADER: Final = "x-bff-csrf"
"""A page elsewhere cannot send it without asking first (CORS), and nobody here would say yes (SE-3)."""

LOCAL: Final = "local"
"""Stands for somebody on this machine, of whom no more is known."""

_HOST: Final = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(?::[0-9]{1,5})?")
_SAFE: Final = frozenset({"GET", "HEAD", "OPTIONS"})
_BY_PROXY: Final = ("forwarded", "x-forwarded-for", "x-real-ip", "via")
_OWN_SITES: Final = frozenset({"same-origin", "none"})


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody at the admin port.

    Attributes:
        who: Whom credentials name, `local`, or empty for nobody.
        role: What they may do.
        why: Why not more, as a sentence that says what to do; empty where there is no more.
        expires: When their credentials end, in seconds of the wall clock; None where they do not.
        means: Whether credentials would help.
    """

    who: str
    role: Role
    why: str = ""
    expires: float | None = None
    means: Literal["credentials", "place"] = "place"


def is_safe(method: str) -> bool:
    """Return whether *method* only looks."""
    return method in _SAFE


def is_browser(headers: Mapping[str, str]) -> bool:
    """Return whether a page may be behind a request: browsers say so with each that could change anything."""
    return "origin" in headers or "sec-fetch-site" in headers


def wrong_host(host: str | None, known: Collection[str]) -> str | None:
    """Return why a request that names *host* is not answered; None where it is.

    A page elsewhere can make its own name resolve to this machine (DNS rebinding), but not an address.
    """
    name = (host or "").lower()
    found = _HOST.fullmatch(name)
    if found is None:
        return "The request has no usable Host."
    bare = found[1].strip("[]")
    if name in known or bare in known or is_loopback(bare) or _is_address(bare):
        return None
    return f"{bare!r} is no name of this port: list it under `hosts` in policies/console.yaml."


def objection(method: str, headers: Mapping[str, str]) -> str | None:
    """Return why a request may come from a page elsewhere; None where it does not (SE-3).

    Args:
        method: Of the request.
        headers: Names in lower case.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if site is not None and site not in _OWN_SITES:
        return "Pages of other origins may not use the admin port."
    if origin is not None and origin.partition("://")[2].lower() != headers.get("host", "").lower():
        return "Pages of other origins may not use the admin port."
    if not is_safe(method) and is_browser(headers) and not headers.get(CSRF_HEADER):
        return "A page that acts has to send the header X-BFF-CSRF: 1."
    return None


def by_scopes(policy: ConsolePolicy, principal: Principal) -> Caller:
    """Return what *policy* permits *principal*."""
    who = f"{principal.subject} ({principal.issuer})"
    if principal.scopes & policy.act:
        return Caller(who, "act", expires=principal.expires, means="credentials")
    if principal.scopes & policy.read:
        return Caller(who, "read", f"Acting needs {_one_of(policy.act)}.", principal.expires, "credentials")
    why = f"Looking needs {_one_of(policy.read | policy.act)}; {principal.subject!r} has neither."
    return Caller(who, "none", why, principal.expires, "credentials")


def by_place(peer: str | None, headers: Mapping[str, str], *, development: bool) -> Caller:
    """Return what is permitted where no policy says who may look or act.

    Whoever has a shell on this machine may do both: they could stop the process too. A page may look; it acts in
    development only, for nobody can say who sits in front of it.

    Args:
        peer: The address that the connection comes from.
        headers: Of the request, names in lower case.
        development: Whether this process is one.
    """
    if peer is None or not is_loopback(peer):
        return Caller("", "none", "Only this machine may look: policies/console.yaml says who else may.")
    if any(name in headers for name in _BY_PROXY):
        return Caller("", "none", "Nobody may look through a proxy: policies/console.yaml says who may.")
    if development or not is_browser(headers):
        return Caller(LOCAL, "act")
    return Caller(LOCAL, "read", "Nobody may act from a page: policies/console.yaml says who may.")


def _one_of(scopes: Collection[str]) -> str:
    if not scopes:
        return "a scope, and policies/console.yaml names none"
    names = " or ".join(sorted(scopes))
    return f"the scope {names}"


def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True
