"""Reading a request body under its cap (PY-17)."""

from bff.codes import Code
from bff.server.headers import Headers
from bff.server.ports import Receive
from bff.server.refusal import Refusal


class Disconnected(Exception):
    """The client went away before its request was complete."""


async def read_body(receive: Receive, headers: Headers, limit: int) -> bytes:
    """Return the whole body of at most *limit* bytes; nothing more is read once it is longer.

    Raises:
        Disconnected: The client went away.
        Refusal: The body is longer than *limit*, by its own account or in fact.
    """
    declared = headers.raw.get(b"content-length", b"0")
    if len(declared) > 15 or (declared.isdigit() and int(declared) > limit):  # noqa: PLR2004 - a petabyte
        raise _too_large(limit)
    message = await receive()
    if message["type"] != "http.request":
        raise Disconnected
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False) and len(body) <= limit:
        return body
    return await _rest(receive, body, limit)


async def _rest(receive: Receive, first: bytes, limit: int) -> bytes:
    parts, length = [first], len(first)
    while length <= limit:
        message = await receive()
        if message["type"] != "http.request":
            raise Disconnected
        part: bytes = message.get("body", b"")
        parts.append(part)
        length += len(part)
        if not message.get("more_body", False) and length <= limit:
            return b"".join(parts)
    raise _too_large(limit)


def _too_large(limit: int) -> Refusal:
    return Refusal(Code.PAYLOAD_TOO_LARGE, f"The body exceeds {limit} bytes.", unread=True)
