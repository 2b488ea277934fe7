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
_MEMBER: Final = 16
_SHORT: Final = 256
_DEEPEST: Final = 64
_NARROW: Final = 58


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


def estimate(value: Any) -> int:
    """Return about how many bytes *value* takes as JSON; of a list at most three items are looked at.

    This is done for each answer, so a short list stands by one of its items: rows of one field are alike.
    """
    return _estimate(value, _DEEPEST)


def _estimate(value: Any, left: int) -> int:
    kind = type(value)
    if kind is dict:
        return _of_object(value, left)
    if kind is list and value:
        return _of_array(value, left)
    return len(value) + 2 if kind is str else _GUESS


def _of_object(value: dict[str, Any], left: int) -> int:
    size = len(value) * _MEMBER
    if left:
        for item in value.values():
            kind = type(item)
            if kind is str:
                size += len(item)
            elif kind is dict:
                size += _of_object(item, left - 1)
            elif kind is list and item:
                size += _of_array(item, left - 1)
    return size


def _of_array(value: list[Any], left: int) -> int:
    if not left:
        return _GUESS
    count = len(value)
    item = value[count // 2]
    size = _of_object(item, left - 1) if type(item) is dict else _estimate(item, left - 1)
    if count >= _SHORT and left > _NARROW:
        size = max(size, _estimate(value[0], left - 1), _estimate(value[-1], left - 1))
    return count * (1 + size)


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
