"""Units that policies are written in: durations (`50ms`, `2s`, `5m`, `24h`), sizes (`256KiB`), shares (`20%`).

A bare number is refused, because nobody can tell what unit its author had in mind.
"""

import re
from datetime import timedelta
from typing import Annotated, Any

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2, "GiB": 1024**3, "kB": 1000, "MB": 1000**2, "GB": 1000**3}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KiB|MiB|GiB|kB|MB|GB)")
_SHARE = re.compile(r"(\d+(?:\.\d+)?)\s*%")


def parse_duration(value: Any) -> timedelta:
    """Return the duration that *value* says, such as `50ms`, `2s`, `5m`, `24h` or `7d`.

    Raises:
        ValueError: No unit, or not a duration.
    """
    if isinstance(value, timedelta):
        return value
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"a duration needs a unit: write {value}ms, {value}s or {value}m")  # noqa: TRY004
    match = _DURATION.fullmatch(str(value).strip())
    if not match:
        raise ValueError(f"{value!r} is not a duration: write a number and one of ms, s, m, h, d, such as 250ms")
    return timedelta(seconds=float(match[1]) * _SECONDS[match[2]])


def parse_size(value: Any) -> int:
    """Return the number of bytes that *value* says, such as `512B`, `256KiB` or `8MiB`.

    Raises:
        ValueError: No unit, or not a size.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        raise ValueError(f"a size needs a unit: write {value}B, {value}KiB or {value}MiB")  # noqa: TRY004
    match = _SIZE.fullmatch(str(value).strip())
    if not match:
        raise ValueError(f"{value!r} is not a size: write a number and one of B, KiB, MiB, GiB, such as 256KiB")
    return int(float(match[1]) * _BYTES[match[2]])


def parse_share(value: Any) -> float:
    """Return the share from 0 to 1 that *value* says, such as `20%` or `0.2`.

    Raises:
        ValueError: Not a share, or above 100 %.
    """
    if isinstance(value, int | float) and not isinstance(value, bool):
        share = float(value)
    elif match := _SHARE.fullmatch(str(value).strip()):
        share = float(match[1]) / 100
    else:
        raise ValueError(f"{value!r} is not a share: write a percentage such as 20%")
    if not 0 <= share <= 1:
        raise ValueError(f"{value!r} is not a share: it must lie between 0% and 100%")
    return share


def format_duration(value: timedelta) -> str:
    """Return *value* as a policy would say it, in the largest unit that keeps it whole."""
    seconds = value.total_seconds()
    for unit in ("d", "h", "m", "s"):
        count = seconds / _SECONDS[unit]
        if count >= 1 and count == int(count):
            return f"{int(count)}{unit}"
    return f"{seconds * 1000:g}ms"


def format_size(value: int) -> str:
    """Return *value* bytes as a policy would say it, in the largest unit that keeps it whole."""
    for unit in ("GiB", "MiB", "KiB"):
        if value and value % _BYTES[unit] == 0:
            return f"{value // _BYTES[unit]}{unit}"
    return f"{value}B"


Duration = Annotated[
    timedelta,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": rf"^{_DURATION.pattern}$", "examples": ["250ms", "2s", "5m"]}),
]
Size = Annotated[
    int,
    BeforeValidator(lambda value: value if type(value) is _Bytes else parse_size(value)),
    PlainSerializer(format_size, return_type=str),
    WithJsonSchema({"type": "string", "pattern": rf"^{_SIZE.pattern}$", "examples": ["256KiB", "8MiB"]}),
]
Share = Annotated[
    float,
    BeforeValidator(parse_share),
    WithJsonSchema({"type": ["string", "number"], "examples": ["20%"]}),
]


class _Bytes(int):
    """Marks a number that is already in bytes; only defaults are written so."""


def bytes_of(text: str) -> int:
    """Return the size *text* says, for use as a default in a model."""
    return _Bytes(parse_size(text))
