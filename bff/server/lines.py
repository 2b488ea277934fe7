"""An answer as bytes of HTTP/1.1, header and body together (RFC 9112)."""

from collections.abc import Iterable
from functools import lru_cache
from http import HTTPStatus
from typing import Any, Final

from bff.server.replies import CHUNK, Reply

WITHOUT_BODY: Final = frozenset({204, 304})
_NOT_PLAIN: Final = frozenset({b"connection", b"transfer-encoding"})
_KNOWN: Final = frozenset(HTTPStatus)
_REMEMBERED: Final = 1024


def in_one(reply: Reply, usual: bytes) -> bytes | None:
    """Return *reply* as it goes over the wire, with the *usual* lines; None where it takes more than one write."""
    body = reply.pieces[0]
    if len(reply.pieces) > 1 or len(body) > CHUNK or reply.linger or reply.status in WITHOUT_BODY:
        return None
    further = plain_lines(reply.headers) if reply.headers else b""
    if further is None:
        return None
    return b"%b%b%bcontent-length: %d\r\nx-request-id: %b\r\n%b\r\n%b" % (
        status_line(reply.status),
        usual,
        reply.kind.lines,
        len(body),
        reply.request_id.encode("latin-1"),
        further,
        body,
    )


def plain_lines(fields: Iterable[tuple[bytes, bytes]]) -> bytes | None:
    """Return *fields* of a header as lines; None where one of them has to be looked at more closely."""
    lines = list(map(plain_line, fields))
    return None if None in lines else b"".join(lines)


@lru_cache
def status_line(status: int) -> bytes:
    """Return the first line of an answer with *status*, which may be one that only we use (PD-6)."""
    phrase = HTTPStatus(status).phrase if status in _KNOWN else ""
    return b"HTTP/1.1 %d %b\r\n" % (status, phrase.encode())


@lru_cache(maxsize=_REMEMBERED)
def plain_line(field: tuple[bytes, bytes]) -> Any:
    """Return a field of the header as bytes, None for one that has to be looked at more closely."""
    name, value = field
    line = b"%b: %b\r\n" % (name.lower(), value)
    plain = line.count(b"\n") == line.count(b"\r") == 1 and b"\0" not in line and name.lower() not in _NOT_PLAIN
    return line if plain else None
