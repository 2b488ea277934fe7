"""Failures that have nothing to do with GraphQL, as `application/problem+json` (RFC 9457, PD-9)."""

from http import HTTPStatus
from typing import Final

import orjson

from bff.server.ports import Send

SECURITY: Final = (
    (b"x-content-type-options", b"nosniff"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
)
"""On every answer that is not a page."""


async def send_problem(
    send: Send, status: HTTPStatus, detail: str, *, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> None:
    """Answer with *status* and one sentence that names no host and no version (HE-4)."""
    body = orjson.dumps({"type": "about:blank", "title": status.phrase, "status": status.value, "detail": detail})
    fields = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", b"%d" % len(body)),
        (b"cache-control", b"no-store"),
        *SECURITY,
        *headers,
    ]
    await send({"type": "http.response.start", "status": status.value, "headers": fields})
    await send({"type": "http.response.body", "body": body})
