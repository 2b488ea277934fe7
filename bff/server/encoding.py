"""From an answer to bytes, in slices where one go would hold up everybody else (PY-15)."""

import asyncio
import json
import time
from collections.abc import Iterator
from typing import Any, Final

import orjson

AT_ONCE: Final = 1024 * 1024
"""Bytes, by estimate, that are encoded in one go: one or two milliseconds."""

_TURN: Final = 0.01
_GUESS: Final = 8
_NAME: Final = 8
_SHORT: Final = 256
_DEEPEST: Final = 64
_WIDE: Final = 6
_CONTAINERS: Final = frozenset({dict, list})


async def encode(body: Any, at_once: int = AT_ONCE) -> list[bytes]:
    """Return *body* as JSON, in pieces to be sent one after the other.

    A body of more than about *at_once* bytes is encoded slice by slice, and other tasks run in between. A thread
    would not help: the encoder keeps the interpreter's lock.

    What only the standard library encodes (numbers beyond 64 bits, keys that are numbers, lone surrogates) is left
    to it, in one go: one odd value in a JSON scalar must not cost the whole answer.

    Raises:
        TypeError: Something in it is not JSON-ready.
        ValueError: It holds itself, or beside something odd a number that is not finite.
    """
    try:
        if estimate(body) <= at_once:
            return [orjson.dumps(body)]
        return await _in_turns(body, at_once)
    except TypeError:
        return [json.dumps(body, separators=(",", ":"), allow_nan=False).encode()]


async def _in_turns(body: Any, at_once: int) -> list[bytes]:
    pieces: list[bytes] = []
    turn = time.perf_counter()
    for piece in _pieces(body, at_once // 4):
        pieces.append(piece)
        if time.perf_counter() - turn > _TURN:
            await asyncio.sleep(0)
            turn = time.perf_counter()
    return [b"".join(pieces)] if sum(map(len, pieces)) <= at_once else pieces


def estimate(value: Any, depth: int = 0) -> int:
    """Return about how many bytes *value* takes as JSON; of a list at most three items are looked at.

    This is done for each answer, so a short list stands by one of its items: rows of one field are alike.
    """
    kind = type(value)
    if kind is dict:
        if depth > _DEEPEST:
            return _GUESS
        size = len(value) * (_NAME + _GUESS)
        for item in value.values():
            inner = type(item)
            if inner is str:
                size += len(item)
            elif inner in _CONTAINERS:
                size += estimate(item, depth + 1)
        return size
    if kind is list:
        if depth > _DEEPEST or not value:
            return _GUESS
        count = len(value)
        middle = estimate(value[count // 2], depth + 1)
        if count < _SHORT or depth >= _WIDE:
            return count * (1 + middle)
        return count * (1 + max(middle, estimate(value[0], depth + 1), estimate(value[-1], depth + 1)))
    return len(value) + 2 if kind is str else _GUESS


def _pieces(value: Any, size: int, depth: int = 0) -> Iterator[bytes]:
    if value and depth < _DEEPEST and estimate(value) > size:
        if isinstance(value, dict):
            yield from _object(value, size, depth)
            return
        if isinstance(value, list):
            yield from _array(value, size, depth)
            return
    yield orjson.dumps(value)


def _object(value: dict[str, Any], size: int, depth: int) -> Iterator[bytes]:
    separator = b"{"
    for name, item in value.items():
        yield separator + orjson.dumps(name) + b":"
        yield from _pieces(item, size, depth + 1)
        separator = b","
    yield b"}"


def _array(value: list[Any], size: int, depth: int) -> Iterator[bytes]:
    each = max(1, estimate(value) // len(value))
    step = max(1, size // each)
    separator = b"["
    for start in range(0, len(value), step):
        part = value[start : start + step]
        yield separator
        if len(part) == 1:
            yield from _pieces(part[0], size, depth + 1)
        else:
            yield orjson.dumps(part)[1:-1]
        separator = b","
    yield b"]"
