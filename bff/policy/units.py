"""Units that policies are written in: durations (`50ms`, `2s`, `5m`, `24h`), sizes (`256KiB`), shares (`20%`).

A bare number is refused, because nobody can tell what unit its author had in mind.
"""

import re
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from bff.policy.problem import Refused

_MICROSECONDS = {"ms": 1000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "kB": 1000, "MB": 1000**2, "GB": 1000**3}
_DURATION = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,12})?)\s*(ms|s|m|h|d)")
_SIZE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,12})?)\s*(B|KiB|MiB|GiB|kB|MB|GB)")
_SHARE = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,12})?)\s*%")
_NUMBER_AND_WORD = re.compile(r"([0-9]{1,15}(?:\.[0-9]{1,12})?)\s*([A-Za-z]+)")

_MOST_DIGITS = 15
"""As in the patterns."""

_LONGEST = timedelta(days=3650)
_PROBABLY_MILLISECONDS = 50

_OTHER_SPELLINGS = {
    "ms": ("msec", "msecs", "milli", "millis", "millisecond", "milliseconds"),
    "s": ("sec", "secs", "second", "seconds"),
    "m": ("min", "mins", "minute", "minutes"),
    "h": ("hr", "hrs", "hour", "hours"),
    "d": ("day", "days"),
    "B": ("b", "byte", "bytes"),
    "KiB": ("k", "kb", "kib", "kilobyte", "kilobytes"),
    "MiB": ("m", "mb", "mib", "megabyte", "megabytes"),
    "GiB": ("g", "gb", "gib", "gigabyte", "gigabytes"),
}


def parse_duration(value: Any) -> timedelta:
    """Return the duration that *value* says, such as `50ms`, `2s`, `5m`, `24h` or `7d`, to the microsecond.

    Raises:
        Refused: No unit, not a duration, or longer than ten years.
    """
    if isinstance(value, timedelta):
        return value
    if _is_amount(value):
        raise Refused(
            f"a duration needs a unit: write {value}ms, {value}s or {value}m",
            f"{value}ms" if float(value) >= _PROBABLY_MILLISECONDS else f"{value}s",
        )
    match = _DURATION.fullmatch(str(value).strip())
    if not match:
        raise Refused(
            f"{_said(value)} is not a duration: write a number and one of ms, s, m, h, d, such as 250ms",
            _respelt(value, _MICROSECONDS),
        )
    microseconds = Decimal(match[1]) * _MICROSECONDS[match[2]]
    if microseconds > _LONGEST // timedelta(microseconds=1):
        raise Refused(f"{value!r} is longer than ten years")
    return timedelta(microseconds=round(microseconds))


def parse_size(value: Any) -> int:
    """Return the number of bytes that *value* says, such as `512B`, `256KiB` or `8MiB`.

    Raises:
        Refused: No unit, or not a size.
    """
    if _is_amount(value):
        raise Refused(
            f"a size needs a unit: write {value}B, {value}KiB or {value}MiB", format_size(int(float(value)))
        )
    match = _SIZE.fullmatch(str(value).strip())
    if not match:
        raise Refused(
            f"{_said(value)} is not a size: write a number and one of B, KiB, MiB, GiB, such as 256KiB",
            _respelt(value, _BYTES),
        )
    return int(Decimal(match[1]) * _BYTES[match[2]])


def parse_share(value: Any) -> float:
    """Return the share from 0 to 1 that *value* says, such as `20%` or `0.2`.

    Raises:
        Refused: Not a share, or above 100 %.
    """
    if _is_number(value):
        share = float(value)
    elif match := _SHARE.fullmatch(str(value).strip()):
        share = float(Decimal(match[1]) / 100)
    else:
        raise Refused(f"{_said(value)} is not a share: write a percentage such as 20%")
    if not 0 <= share <= 1:
        raise Refused(f"{value!r} is not a share: it must lie between 0% and 100%")
    return share


def format_duration(value: timedelta) -> str:
    """Return *value* as a policy would say it, in the largest unit that keeps it whole."""
    microseconds = value // timedelta(microseconds=1)
    if microseconds == 0:
        return "0s"
    for unit in ("d", "h", "m", "s"):
        if microseconds % _MICROSECONDS[unit] == 0:
            return f"{microseconds // _MICROSECONDS[unit]}{unit}"
    return f"{Decimal(microseconds) / 1000:f}ms"


def format_size(value: int) -> str:
    """Return *value* bytes as a policy would say it, in the largest unit that keeps it whole."""
    for unit in ("GiB", "MiB", "KiB"):
        if value and value % _BYTES[unit] == 0:
            return f"{value // _BYTES[unit]}{unit}"
    return f"{value}B"


def format_share(value: float) -> str:
    """Return *value*, from 0 to 1, as a policy would say it."""
    return f"{(Decimal(repr(value)) * 100).normalize():f}%"


class Bytes(int):
    """A size that is a number already; only defaults are written so."""


def bytes_of(text: str) -> int:
    """Return the size *text* says, for use as a default in a model."""
    return Bytes(parse_size(text))


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": rf"^{_DURATION.pattern}$", "examples": ["250ms", "2s", "5m"]}),
]
"""A length of time; see `parse_duration`."""

Size = Annotated[
    int,
    BeforeValidator(lambda value: value if type(value) is Bytes else parse_size(value)),
    PlainSerializer(format_size, return_type=str),
    WithJsonSchema({"type": "string", "pattern": rf"^{_SIZE.pattern}$", "examples": ["256KiB", "8MiB"]}),
]
"""A number of bytes; see `parse_size`."""

Share = Annotated[
    float,
    BeforeValidator(parse_share),
    PlainSerializer(format_share, return_type=str),
    WithJsonSchema({"type": ["string", "number"], "examples": ["20%"]}),
]
"""A part of a whole, from 0 to 1; see `parse_share`."""


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_amount(value: Any) -> bool:
    """Whether *value* would be a duration or a size if only a unit followed it; `.inf` and -3 never would."""
    if isinstance(value, str):
        return value.strip().isascii() and value.strip().isdigit() and len(value) <= _MOST_DIGITS
    return _is_number(value) and 0 <= value < 10**_MOST_DIGITS


def _said(value: Any) -> str:
    return {dict: "a mapping", list: "a list", type(None): "nothing"}.get(type(value), repr(value))


def _respelt(value: Any, units: dict[str, int]) -> str | None:
    """Return *value* with its unit spelt as policies spell it, where that unit is known by another name."""
    match = _NUMBER_AND_WORD.fullmatch(str(value).strip())
    if not match:
        return None
    word = match[2].lower()
    for unit in units:
        if word == unit.lower() or word in _OTHER_SPELLINGS.get(unit, ()):
            return f"{match[1]}{unit}"
    return None
