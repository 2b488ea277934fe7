"""What clients and CDNs may keep of an answer (CA-22 to CA-25): pure decisions over header fields."""

from hashlib import sha256
from typing import Final

from bff.execution.messages import Answer

VARY: Final = b"Accept, Authorization, Cookie, Origin"
REVALIDATE: Final = b"private, no-cache"
NEVER: Final = b"no-store"


def is_whole(answer: Answer, status: int) -> bool:
    """Return whether nothing is missing, stale or replaced in *answer* (CA-23)."""
    return status == 200 and not answer.degraded and "errors" not in answer.body  # noqa: PLR2004 - OK


def cache_control(answer: Answer, status: int) -> bytes:
    """Return the `Cache-Control` of *answer*: its parts' shortest time, `private` if any part is."""
    if not is_whole(answer, status):
        return NEVER
    if answer.max_age < 1:
        return REVALIDATE
    return b"max-age=%d, %s" % (answer.max_age, b"private" if answer.private else b"public")


def etag(label: str, pieces: list[bytes]) -> bytes:
    """Return the strong validator of a body and its media type (RFC 9110, section 8.8.3)."""
    hasher = sha256(label.encode())
    for piece in pieces:
        hasher.update(piece)
    return b'"%s"' % hasher.hexdigest()[:32].encode()


def matches(field: str | None, tag: bytes) -> bool:
    """Return whether `If-None-Match` *field* names *tag*, compared weakly (RFC 9110, section 13.1.2)."""
    if not field:
        return False
    names = [name.strip().removeprefix("W/") for name in field.split(",")]
    return "*" in names or tag.decode() in names
