"""Takes credentials out of text that goes into a log (PD-10)."""

import re

_HIDDEN = "[redacted]"
_RULES = (
    (
        re.compile(r"\b(Bearer|Basic|DPoP|Digest|Token)(\s+)[A-Za-z0-9+/=._~-]{4,}", re.IGNORECASE),
        rf"\1\2{_HIDDEN}",
    ),
    (
        re.compile(
            r"""(['"]?\b(?:proxy-)?authorization['"]?\s*[:=]\s*b?['"]?)(?!\s*(?:Bearer|Basic|DPoP|Digest|Token)\s)"""
            r"""[^\s'",;}]+""",
            re.IGNORECASE,
        ),
        rf"\1{_HIDDEN}",
    ),
    (
        re.compile(
            r"""(['"]?\b(?:access_token|refresh_token|id_token|client_secret|password|passwd|secret|api[_-]?key|"""
            r"""x-api-key|set-cookie|cookie|session)['"]?\s*[:=]\s*b?['"]?)[^\s'"&,;}]+""",
            re.IGNORECASE,
        ),
        rf"\1{_HIDDEN}",
    ),
    (re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*){1,3}"), _HIDDEN),
    (re.compile(r"\b[a-z][a-z0-9]{0,15}_[A-Za-z0-9]{8,32}\.[A-Za-z0-9_-]{43}"), _HIDDEN),
    (re.compile(r"(://[^/\s:@]+:)[^/\s@]+@"), rf"\1{_HIDDEN}@"),
)


_MARKS = (
    "bearer", "basic", "dpop", "digest", "token", "authorization", "secret", "passw", "api", "cookie", "session",
    "eyj", "@",
)  # fmt: skip
"""Of these, in small letters, all that is redacted holds one; but for keys, which end like `_KEY_END`."""

_KEY_END = re.compile(r"\.[A-Za-z0-9_-]{43}")


def redact(text: str) -> str:
    """Return *text* without what looks like a token, a password or a key.

    It errs towards taking too much: a log line that lost a word still helps, one with a token in it harms.
    """
    if is_innocent(text):
        return text
    for pattern, replacement in _RULES:
        text = pattern.sub(replacement, text)
    return text


def is_innocent(text: str) -> bool:
    """Return whether nothing in *text* can be a credential, at a tenth of what looking for them costs."""
    small = text.casefold()  # as the rules do, for which a long s is an s
    return not (any(map(small.__contains__, _MARKS)) or _KEY_END.search(text))
