"""A small answer leaves in one write.

uvicorn writes the header when it starts and the body when it comes. Each write is a system call that wakes the
client, which cannot begin with half an answer: on a short answer the second one is a tenth of all work.
"""

from collections.abc import Mapping
from typing import Any

from uvicorn.protocols.http.httptools_impl import STATUS_LINE, RequestResponseCycle

from bff.server.lines import WITHOUT_BODY, in_one, plain_line, plain_lines
from bff.server.replies import Reply


class Usual:
    """The header fields that a server adds to all answers, as lines."""

    def __init__(self) -> None:
        self._fields: object = None
        self._lines: bytes | None = None

    def lines(self, fields: list[tuple[bytes, bytes]]) -> bytes | None:
        """Return *fields* as lines, None where they say more than an answer that stays on its connection may."""
        if fields is not self._fields:  # uvicorn makes the list anew with each second's date
            self._fields, self._lines = fields, plain_lines(fields)
        return self._lines


class WholeAnswers:
    """Takes the place of a cycle's `send`: a header that states its body's length waits for this body.

    Whatever is no plain answer (a stream, HEAD, a connection that closes, a slow reader) goes uvicorn's own way,
    and what is wrong with a header field is said by uvicorn too.
    """

    __slots__ = ("_cycle", "_send", "_start", "_usual")

    def __init__(self, cycle: RequestResponseCycle, usual: Usual) -> None:
        self._cycle = cycle
        self._send = cycle.send
        self._usual = usual
        self._start: Mapping[str, Any] | None = None

    async def __call__(self, message: Any) -> None:
        """Send *message*, an ASGI event."""
        start, self._start = self._start, None
        if message["type"] == "http.response.start" and b"content-length" in dict(message.get("headers", ())):
            self._start = message  # in place of one whose body never came: uvicorn's 500
        elif start is None:
            await self._send(message)
        elif not self._both(start, message):
            await self._send(start)  # type: ignore[arg-type]  # a mapping with a type, as every ASGI event
            await self._send(message)

    def whole(self, reply: Reply) -> bool:
        """Write *reply* and return True; return False where it has to be sent as ASGI events."""
        usual = self._usual.lines(self._cycle.default_headers)
        data = None if usual is None or self._start is not None or not self._is_plain() else in_one(reply, usual)
        if data is None:
            return False
        self._write(data)
        return True

    def _both(self, start: Mapping[str, Any], message: Mapping[str, Any]) -> bool:
        """Write both at once and return True; return False where there is more to it."""
        status = start["status"]
        if (
            not self._is_plain()
            or status in WITHOUT_BODY
            or message["type"] != "http.response.body"
            or message.get("more_body", False)
        ):
            return False
        body: bytes = message.get("body", b"")
        lines = [*map(plain_line, self._cycle.default_headers), *map(plain_line, start["headers"])]
        if None in lines or b"content-length: %d\r\n" % len(body) not in lines:
            return False
        self._write(b"%b%b\r\n%b" % (STATUS_LINE[status], b"".join(lines), body))
        return True

    def _is_plain(self) -> bool:
        cycle = self._cycle
        return cycle.keep_alive and not (
            cycle.response_started
            or cycle.disconnected
            or cycle.access_log
            or cycle.flow.write_paused
            or cycle.scope["method"] == "HEAD"
        )

    def _write(self, data: bytes) -> None:
        cycle = self._cycle
        cycle.response_started = cycle.response_complete = True
        cycle.waiting_for_100_continue = False
        cycle.transport.write(data)
        cycle.message_event.set()
        cycle.on_response()
