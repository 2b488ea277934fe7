"""A small answer leaves in one write.

uvicorn writes the header when it starts and the body when it comes. Each write is a system call that wakes the
client, which cannot begin with half an answer: on a short answer the second one is a tenth of all work.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

_WITHOUT_BODY: Final = frozenset({204, 304})
_NOT_PLAIN: Final = frozenset({b"connection", b"transfer-encoding"})
_LINES: Final = 1024


class WholeAnswers:
    """Takes the place of a cycle's `send`: a header that states its body's length waits for this body.

    Whatever is no plain answer (a stream, HEAD, a connection that closes, a slow reader) goes uvicorn's own way,
    and what is wrong with a header field is said by uvicorn too.
    """

    __slots__ = ("_cycle", "_send", "_start")

    def __init__(self, cycle: RequestResponseCycle) -> None:
        self._cycle = cycle
        self._send = cycle.send
        self._start: Mapping[str, Any] | None = None

    async def send(self, message: Any) -> None:
        """Send *message*, an ASGI event."""
        start, self._start = self._start, None
        if message["type"] == "http.response.start" and b"content-length" in dict(message.get("headers", ())):
            self._start = message  # in place of one whose body never came: uvicorn's 500
        elif start is None:
            await self._send(message)
        elif not self._whole(start, message):
            await self._send(start)  # type: ignore[arg-type]  # a mapping with a type, as every ASGI event
            await self._send(message)

    def _whole(self, start: Mapping[str, Any], message: Mapping[str, Any]) -> bool:
        """Write both at once and return True; return False where there is more to it."""
        cycle, status = self._cycle, start["status"]
        if (
            not cycle.keep_alive
            or cycle.response_started
            or cycle.disconnected
            or cycle.access_log
            or cycle.flow.write_paused
            or cycle.scope["method"] == "HEAD"
            or status in _WITHOUT_BODY
            or message["type"] != "http.response.body"
            or message.get("more_body", False)
        ):
            return False
        body: bytes = message.get("body", b"")
        lines = [STATUS_LINE[status], *map(_line, cycle.default_headers), *map(_line, start["headers"])]
        if None in lines or b"content-length: %d\r\n" % len(body) not in lines:
            return False
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.transport.write(b"%b\r\n%b" % (b"".join(lines), body))
        cycle.message_event.set()
        cycle.on_response()
        return True


@lru_cache(maxsize=_LINES)
def _line(field: tuple[bytes, bytes]) -> Any:
    """Return a field of the header as bytes, None for one that has to be looked at more closely."""
    name, value = field
    line = b"%b: %b\r\n" % (name.lower(), value)
    plain = line.count(b"\n") == line.count(b"\r") == 1 and b"\0" not in line and name.lower() not in _NOT_PLAIN
    return line if plain else None
