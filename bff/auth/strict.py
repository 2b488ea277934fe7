"""Reads what came from outside so that there is one reading of it only (AU-1, AU-2, RFC 8725 section 3).

Lenient readers disagree with one another, and whoever signs relies on one while we rely on another.
"""

import binascii
import json
import re
from typing import Any, Final, NamedTuple, NoReturn

from bff.auth.verdicts import Rejected

MAX_HEADER: Final = 2048
"""Bytes of a decoded header."""
MAX_DEPTH: Final = 8
"""Objects and lists within one another."""

_COMPACT = re.compile(rb"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")
_STANDARD: Final = bytes.maketrans(b"-_", b"+/")
_LAST: Final = {2: b"AQgw", 3: b"AEIMQUYcgkosw048"}
"""By length modulo 4: last characters whose unused bits are zero."""
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


class Jws(NamedTuple):
    """A signed message taken apart; nothing of it is verified.

    Attributes:
        header: The JOSE header.
        payload: The decoded payload.
        signature: The decoded signature.
        signed: What the signature is about.
    """

    header: dict[str, Any]
    payload: bytes
    signature: bytes
    signed: bytes


def parse(token: bytes, max_bytes: int) -> Jws:
    """Return the parts of *token*, a JWS in compact form.

    Raises:
        Rejected: Longer than *max_bytes*, not three parts of canonical base64url without padding, or a header that
            is not one JSON object in UTF-8.
    """
    if len(token) > max_bytes:
        raise Rejected("malformed", f"{len(token)} bytes are more than {max_bytes}")
    if not _COMPACT.fullmatch(token):
        raise Rejected("malformed", "not three parts of base64url")
    signed, _, signature = token.rpartition(b".")
    header, _, payload = signed.partition(b".")
    decoded = decode(header)
    if len(decoded) > MAX_HEADER:
        raise Rejected("malformed", f"a header of {len(decoded)} bytes")
    return Jws(json_object(decoded), decode(payload), decode(signature), signed)


def decode(segment: bytes) -> bytes:
    """Return what *segment*, of base64url characters only, stands for.

    Raises:
        Rejected: Nothing ends so, or something else would be spelt the same.
    """
    rest = len(segment) % 4
    if rest == 1 or (rest and segment[-1] not in _LAST[rest]):
        raise Rejected("malformed", "base64url that is not canonical")
    return binascii.a2b_base64(segment.translate(_STANDARD) + b"=="[: -rest % 4])


def json_object(data: bytes, max_depth: int = MAX_DEPTH) -> dict[str, Any]:
    """Return the JSON object that *data* is.

    Raises:
        Rejected: Not UTF-8, not JSON, no object, a member named twice, deeper than *max_depth*, a number that is
            none, or half a character.
    """
    try:
        text = data.decode("utf-8")
        found = _DECODER.decode(text)
        if _SURROGATE.search(text):
            json.dumps(found, ensure_ascii=False).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise Rejected("malformed", f"not strict JSON: {type(error).__name__}") from None
    if not isinstance(found, dict):
        raise Rejected("malformed", "JSON, but no object")
    if data.count(b"{") + data.count(b"[") > max_depth and _depth(found) > max_depth:
        raise Rejected("malformed", f"JSON deeper than {max_depth}")
    return found


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError("a member is named twice")
    return found


def _no_number(text: str) -> NoReturn:
    raise ValueError(f"{text} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number beyond all bounds")
    return number


def _depth(value: Any) -> int:
    deepest, level = 0, [value]
    while level:
        deepest += 1
        inner = (one.values() if isinstance(one, dict) else one for one in level if isinstance(one, dict | list))
        level = [part for parts in inner for part in parts if isinstance(part, dict | list)]
    return deepest


_DECODER: Final = json.JSONDecoder(object_pairs_hook=_unique, parse_constant=_no_number, parse_float=_finite)
