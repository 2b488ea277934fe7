"""Acting once for one `Idempotency-Key`, however often it comes (draft-ietf-httpapi-idempotency-key-header)."""

import hashlib
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import msgspec

from bff.testing.http_message import Reply, Request
from upstreams.simulation.web import Problem

_KEY: Final = re.compile(r'[\x21\x23-\x7e]{1,255}|"[\x20-\x21\x23-\x5b\x5d-\x7e]{1,255}"', re.ASCII)


@dataclass
class _Entry:
    fingerprint: bytes
    reply: Reply | None = None


class Idempotency:
    """The keys of one service, kept until it restarts; each customer has their own."""

    def __init__(self) -> None:
        self._entries: dict[tuple[int, str], _Entry] = {}

    async def once(self, request: Request, user: int, act: Callable[[], Awaitable[Reply]]) -> Reply:
        """Return what *act* answers, or answered the first time; without a key, *act* just runs.

        A refusal is not kept: the key stays free for a better request.

        Raises:
            Problem: 400, the key is malformed; 409, its first request still runs; 422, it came with another body.
        """
        key = _key(request)
        if key is None:
            return await act()
        fingerprint = _fingerprint(request)
        known = self._entries.get((user, key))
        if known is not None:
            return _replayed(known, fingerprint)
        entry = self._entries[user, key] = _Entry(fingerprint)
        try:
            entry.reply = await act()
        finally:
            if entry.reply is None:
                del self._entries[user, key]
        return entry.reply


def _replayed(known: _Entry, fingerprint: bytes) -> Reply:
    if known.fingerprint != fingerprint:
        raise Problem(422, "this Idempotency-Key was used with another body")
    if known.reply is None:
        raise Problem(
            409, "the first request with this Idempotency-Key still runs", headers=[("retry-after", "1")]
        )
    return known.reply.with_headers(("idempotency-replayed", "true"))


def _key(request: Request) -> str | None:
    """Return the key; quoted, as a structured field, and bare are the same."""
    field = request.headers.get("idempotency-key")
    if field is None:
        return None
    if not _KEY.fullmatch(field):
        raise Problem(400, "an Idempotency-Key has 1 to 255 visible ASCII characters")
    return field.strip('"')


def _fingerprint(request: Request) -> bytes:
    try:
        body = msgspec.json.encode(msgspec.json.decode(request.body), order="sorted")
    except (msgspec.DecodeError, UnicodeDecodeError):
        body = request.body
    return hashlib.sha256(request.path.encode() + b"\n" + body).digest()
