"""The bodies that faults send: cut, malformed, compressed beyond reason or not at all."""

import gzip
import zlib
from collections.abc import Iterator
from typing import Literal

HTML = b"<!doctype html><html><head><title>Oops</title></head><body><h1>Something went wrong</h1></body></html>\n"
"""What a proxy in the way answers."""

_DEPTH = 10_000
_MALFORMED = {
    "nan": b'{"value": NaN}',
    "lone_surrogate": b'{"value": "\\ud800"}',
    "duplicate_keys": b'{"value": 1, "value": 2}',
    "deep": b"[" * _DEPTH + b"]" * _DEPTH,
    "huge_number": b'{"value": 1e400}',
    "not_utf8": b'{"value": "\xff\xfe"}',
}
_CONTAINERS = (b"{", b"[", b'"')
_BLOCK = 1024 * 1024
_GZIP_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\xff"


def malformed(variant: str) -> bytes:
    """Return the body of a `malformed_json` fault."""
    return _MALFORMED[variant]


def truncated(body: bytes) -> bytes:
    """Return a strict prefix of *body* that is no JSON, whatever *body* is."""
    half = body[: len(body) // 2]
    return half if half.startswith(_CONTAINERS) else b'{"truncated": '


def bad_gzip(body: bytes, variant: Literal["not_gzip", "truncated", "checksum"]) -> bytes:
    """Return *body* as a gzip file that is none, ends early, or has a wrong checksum."""
    if variant == "not_gzip":
        return body or b"not gzip"
    packed = gzip.compress(body, mtime=0)
    if variant == "truncated":
        return packed[:-8] if len(body) == 0 else packed[: 10 + (len(packed) - 18) // 2]
    return packed[:-8] + bytes(byte ^ 0xFF for byte in packed[-8:-4]) + packed[-4:]


class GzipBomb:
    """A gzip file of little more than a thousandth of what it becomes: an empty object behind many spaces.

    One block of a MiB is compressed and sent again and again, so that making the bomb costs its victim's
    machine nothing but a checksum.
    """

    def __init__(self, inflated: int) -> None:
        """Prepare a bomb of *inflated* bytes, rounded down to a whole MiB."""
        packer = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS)
        self._plain = b" " * _BLOCK
        self._packed = packer.compress(self._plain) + packer.flush(zlib.Z_FULL_FLUSH)
        self._last_plain = b" " * (_BLOCK - 2) + b"{}"
        self._last_packed = packer.compress(self._last_plain) + packer.flush(zlib.Z_FINISH)
        self._blocks = inflated // _BLOCK
        self.length = len(_GZIP_HEAD) + (self._blocks - 1) * len(self._packed) + len(self._last_packed) + 8
        """Bytes on the wire."""

    def pieces(self) -> Iterator[bytes]:
        """Yield the file, a compressed MiB at a time."""
        yield _GZIP_HEAD
        checksum = 0
        for _ in range(self._blocks - 1):
            checksum = zlib.crc32(self._plain, checksum)
            yield self._packed
        checksum = zlib.crc32(self._last_plain, checksum)
        yield self._last_packed
        yield checksum.to_bytes(4, "little") + (self._blocks * _BLOCK % 2**32).to_bytes(4, "little")
