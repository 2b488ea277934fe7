"""Where two answers differ: places and kinds, never values, so that nobody's data ends up in a log."""

import re
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec

from bff.upstream.message import Response

MOST: Final = 20
"""Differences of one pair of answers that are told."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z_-]{0,39}")
"""A name that a program gave; others, such as ids that are keys, may be somebody's data."""


class Difference(NamedTuple):
    """One difference.

    Attributes:
        path: Such as `items[].price`; empty for the whole body. Names that look like data are `*`.
        kind: `status`, `missing` or `added` (a member), `type`, `value`, `length` (of a list), or `body` where
            bytes were compared.
    """

    path: str
    kind: str


def differences(
    real: Response, other: Response, *, ignore: Sequence[str] = (), most_bytes: int = 256 * 1024
) -> tuple[Difference, ...]:
    """Return where *other* differs from *real*, each place and kind once, at most `MOST` of them.

    Args:
        real: What was answered.
        other: What was answered to the copy.
        ignore: Places that may differ, with all below them.
        most_bytes: Longer bodies are compared byte by byte.
    """
    if real.status != other.status:
        return (Difference("", "status"),)
    if real.body == other.body:
        return ()
    if max(len(real.body), len(other.body)) > most_bytes:
        return (Difference("", "body"),)
    try:
        one, two = msgspec.json.decode(real.body), msgspec.json.decode(other.body)
    except (msgspec.DecodeError, RecursionError):
        return (Difference("", "body"),)
    found: dict[Difference, None] = {}
    ignored = [_steps(path) for path in ignore]
    for steps, kind in _walk(one, two, ()):
        if any(_covers(path, steps) for path in ignored):
            continue
        found[Difference(_text(steps), kind)] = None
        if len(found) >= MOST:
            break
    return tuple(found)


def _walk(one: Any, two: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(one, dict) and isinstance(two, dict):
        for name in one.keys() | two.keys():
            below = (*path, name)
            if name not in two:
                yield below, "missing"
            elif name not in one:
                yield below, "added"
            else:
                yield from _walk(one[name], two[name], below)
    elif isinstance(one, list) and isinstance(two, list):
        below = (*path, "[]")
        if len(one) != len(two):
            yield path, "length"
        for first, second in zip(one, two, strict=False):
            yield from _walk(first, second, below)
    elif _kind(one) is not _kind(two):
        yield path, "type"
    elif one != two:
        yield path, "value"


def _kind(value: Any) -> type:
    return float if type(value) is int else type(value)


def _steps(path: str) -> tuple[str, ...]:
    return tuple(step for step in path.replace("[]", ".[]").split(".") if step)


def _covers(pattern: tuple[str, ...], path: tuple[str, ...]) -> bool:
    """Return whether *path* is the place *pattern*, or below it; `*` in a pattern is any name."""
    if len(path) < len(pattern):
        return False
    return all(want == have or (want == "*" and have != "[]") for want, have in zip(pattern, path, strict=False))


def _text(steps: tuple[str, ...]) -> str:
    shown = [step if step == "[]" or _NAME.fullmatch(step) else "*" for step in steps]
    return ".".join(shown).replace(".[]", "[]")
