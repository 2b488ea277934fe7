"""Entries as bytes for a shared store: versioned, compressed, sealed, and read without trust (CA-20)."""

import zlib
from typing import Final

import msgspec

from bff.upstream.cache.entry import Entry, VarySpec
from bff.upstream.cache.seal import Broken, Seal

_MAGIC: Final = b"bff1"
_PLAIN: Final = b"-"
_ZLIB: Final = b"z"
_SEALED: Final = b"s"
_WORTH_IT: Final = 8 * 1024
"""Bytes above which compressing costs less than sending (CA-11)."""


class Unreadable(ValueError):
    """Bytes that are no entry of ours; as good as none."""


class _Entry(msgspec.Struct, array_like=True, tag="e"):
    written: float
    age: float
    made_ago: float
    ttl: float
    swr: float
    sie: float
    no_cache: bool
    private: bool
    delta: float
    tags: dict[str, int]
    status: int
    headers: dict[str, str]
    body: bytes


class _Vary(msgspec.Struct, array_like=True, tag="v"):
    names: list[str]
    variants: list[str]


_encode = msgspec.msgpack.Encoder().encode
_decode = msgspec.msgpack.Decoder(_Entry | _Vary).decode


def encode(value: Entry | VarySpec, now: float, wall: float, *, key: str = "", seal: Seal | None = None) -> bytes:
    """Return *value* as bytes; moments become ages, because other processes have other monotonic clocks.

    What is one user's is closed with *seal*, for *key* alone.
    """
    if isinstance(value, VarySpec):
        packed = _encode(_Vary(list(value.names), list(value.variants)))
    else:
        packed = _encode(
            _Entry(
                wall,
                now - value.born,
                now - value.made,
                value.ttl,
                value.swr,
                value.sie,
                value.no_cache,
                value.private,
                value.delta,
                value.tags,
                value.status,
                dict(value.headers),
                value.body,
            )
        )
    told = _ZLIB + zlib.compress(packed, 1) if len(packed) > _WORTH_IT else _PLAIN + packed
    if seal is not None and isinstance(value, Entry) and value.private:
        return _MAGIC + _SEALED + seal.close(told, key)
    return _MAGIC + told


def decode(
    data: bytes, now: float, wall: float, *, most: int, key: str = "", seal: Seal | None = None
) -> Entry | VarySpec:
    """Return what *data* stands for.

    Args:
        data: What was read from the store.
        now: Moment on the monotonic clock.
        wall: Seconds since the epoch; a clock that went back makes nothing younger than it was when written.
        most: Largest entry, in bytes; a longer one is not unpacked.
        key: Under which it was kept.
        seal: Opens what is one user's; with it, nothing of theirs is read that was not closed.

    Raises:
        Unreadable: It is not ours, of another version, broken, or too large.
    """
    head, packed = data[: len(_MAGIC) + 1], data[len(_MAGIC) + 1 :]
    sealed = head == _MAGIC + _SEALED
    try:
        if sealed:
            if seal is None:
                raise Unreadable("sealed, and there is no key")
            told = seal.open(packed, key)
            head, packed = _MAGIC + told[:1], told[1:]
        if head == _MAGIC + _ZLIB:
            unpacker = zlib.decompressobj()
            packed = unpacker.decompress(packed, most)
            if not unpacker.eof:
                raise Unreadable("larger than any entry")
        elif head != _MAGIC + _PLAIN:
            raise Unreadable("not an entry of this version")
        found = _decode(packed)
    except (Broken, zlib.error, msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise Unreadable(str(error)) from error
    if isinstance(found, _Vary):
        return VarySpec(tuple(found.names), tuple(found.variants))
    if found.private and seal is not None and not sealed:
        raise Unreadable("one user's, and not sealed")
    passed = max(0.0, wall - found.written)
    return Entry(
        status=found.status,
        headers=found.headers,
        body=found.body,
        born=now - max(0.0, found.age) - passed,
        made=now - max(0.0, found.made_ago) - passed,
        ttl=found.ttl,
        swr=found.swr,
        sie=found.sie,
        no_cache=found.no_cache,
        private=found.private,
        delta=found.delta,
        tags=found.tags,
        key=key,
    )
