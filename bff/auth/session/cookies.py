"""The two cookies: the session's, and that of a login under way (SE-1)."""

import re
from typing import Final

SESSION: Final = "__Host-bff"
"""Holds the session's id. Chromium and Firefox also keep it for http://localhost and http://127.0.0.1."""

LOGIN: Final = "__Host-bff-login"
"""Binds a login under way to its browser (SE-5); `Lax`, for the issuer sends people back from another site."""

_ID: Final = re.compile(r"[A-Za-z0-9_-]{43}")


def read(field: str | None, name: str) -> str | None:
    """Return the id in the cookie *name*, None where there is none or it is said twice."""
    if not field or name not in field:
        return None
    pairs = [pair.strip().partition("=") for pair in field.split(";")]
    values = [value for known, _, value in pairs if known == name]
    return values[0] if len(values) == 1 and _ID.fullmatch(values[0]) else None


def is_sent(field: str | None) -> bool:
    """Return whether a browser sent a session cookie, good or not."""
    return bool(field) and f"{SESSION}=" in (field or "")


def keep_session(value: str) -> str:
    """Return the `Set-Cookie` field for a session; it ends with the browser, or here."""
    return f"{SESSION}={value}; Path=/; Secure; HttpOnly; SameSite=Strict"


def keep_login(value: str, seconds: float) -> str:
    """Return the `Set-Cookie` field for a login under way."""
    return f"{LOGIN}={value}; Path=/; Max-Age={int(seconds)}; Secure; HttpOnly; SameSite=Lax"


def drop(name: str) -> str:
    """Return the `Set-Cookie` field that makes a browser forget *name*."""
    return f"{name}=; Path=/; Max-Age=0; Secure; HttpOnly; SameSite=Strict"
