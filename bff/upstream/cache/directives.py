"""The `Cache-Control` field (RFC 9111, section 5.2) and dates (RFC 9110, section 5.6.7)."""

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from functools import lru_cache

_DIRECTIVE = re.compile(r'\s*([!#$%&\'*+.^_`|~0-9A-Za-z-]+)\s*(?:=\s*("(?:[^"\\]|\\.)*"|[^,]*))?\s*(?:,|$)')
_DATE = re.compile(r"[A-Za-z]+,? [0-9]{1,2}[ -][A-Za-z]{3}[ -][0-9]{2,4} [0-9]{2}:[0-9]{2}:[0-9]{2} GMT")
_ASCTIME = re.compile(r"[A-Z][a-z]{2} [A-Z][a-z]{2} [ 0-9][0-9] [0-9]{2}:[0-9]{2}:[0-9]{2} [0-9]{4}")
_MOST = 2**31
"""Largest number of seconds that means anything (RFC 9111, section 1.2.2)."""

_KNOWN = 256
_LONGEST = 128
"""A service says the same again and again; so many fields of so many characters are not read anew each time."""

Directives = Mapping[str, str | None]
"""Directives by lower-case name; the value without its quotes, None where there is none."""


def parse(field: str | None) -> Directives:
    """Return the directives of a `Cache-Control` field; nothing usable of one repeated with other values."""
    field = field or ""
    return _known(field) if len(field) <= _LONGEST else _parse(field)


def _parse(field: str) -> Directives:
    found: dict[str, str | None] = {}
    place = 0
    while place < len(field):
        match = _DIRECTIVE.match(field, place)
        if match is None:
            comma = field.find(",", place)
            place = len(field) if comma < 0 else comma + 1
            continue
        name, value = match[1].lower(), match[2]
        if value is not None:
            value = value.strip()
            value = re.sub(r"\\(.)", r"\1", value[1:-1]) if value[:1] == '"' and len(value) > 1 else value
        found[name] = "" if name in found and found[name] != value else value
        place = match.end()
    return found


_known = lru_cache(_KNOWN)(_parse)


def seconds(directives: Directives, name: str) -> float | None:
    """Return the seconds of directive *name*: None where it is absent, 0 where it is malformed (CA-5)."""
    if name not in directives:
        return None
    value = directives[name] or ""
    return float(min(int(value), _MOST)) if value.isascii() and value.isdigit() else 0.0


def date(field: str | None) -> float | None:
    """Return the seconds since the epoch that an HTTP date stands for, None where it is none."""
    if not field:
        return None
    return _known_date(field) if len(field) <= _LONGEST else _date(field)


def _date(field: str) -> float | None:
    text = field.strip()
    if not _DATE.fullmatch(text) and not _ASCTIME.fullmatch(text):
        return None
    try:
        return parsedate_to_datetime(text if text.endswith("GMT") else text + " +0000").timestamp()
    except (TypeError, ValueError, OverflowError):
        return None


_known_date = lru_cache(_KNOWN)(_date)
