"""uvicorn's HTTP/1.1. Requests that also ask for another protocol are read to their end, known ones not again."""

import asyncio
from contextvars import copy_context
from typing import Any, Final

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from bff.server.known import KNOWN, LONGEST, Known, Memory
from bff.server.ports import Direct
from bff.server.whole import Usual, WholeAnswers

_ABOUT_UPGRADES: Final = frozenset({b"upgrade", b"http2-settings"})
_INVALID: Final = "Invalid HTTP request received."


class Http1(HttpToolsProtocol):
    """One connection. An `Upgrade` that nobody here follows is ignored (RFC 9110 7.8).

    httptools ends such a request at its header. The body would be lost (Java's client asks for h2c with its first
    request to each host), or, arriving later, be read as a request of its own: smuggled past whoever is in front.
    Such a request is therefore read again, without those fields.

    A request whose bytes came before, all at once and between two others, is not parsed again; one that its app
    can answer without waiting needs neither a task nor the app's ASGI interface.

    Attributes:
        memory: Requests that came before, on any connection of the server.
        usual: Header fields of all answers of the server.
    """

    memory: Memory
    usual: Usual
    _over: bool = False
    _within: bool = False
    _begun: int = 0
    _used: float = 0.0

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._over:
            return
        between = not self._within and (self.cycle is None or self.cycle.response_complete)
        if between:
            known = self.memory.of(data)
            if known is not None and not self.transport.is_closing():
                self._again(known)
                return
        self._begun = 0
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.logger.warning(_INVALID)
            self.send_400_response(_INVALID)
        except httptools.HttpParserUpgrade as pause:
            self._go_on(data[pause.args[0] :])
        else:
            if between and self._begun == 1 and not self._within and len(data) <= LONGEST:
                self._remember(data)

    def on_message_begin(self) -> None:
        """Note that a request has begun."""
        self._within = True
        self._begun += 1
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the request is about to be read again."""
        if not self._declines():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note the end of the request, unless it is about to be read again."""
        if not self._declines():
            self._within = False
            super().on_message_complete()

    @property
    def resting(self) -> bool:
        """Whether a request was answered and the next one has not begun."""
        return self.timeout_keep_alive_task is not None and not self._within

    def on_response_complete(self) -> None:
        """Begin the next request, or wait for it."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        else:
            self._rest()

    def timeout_keep_alive_handler(self) -> None:
        """Close the connection if nothing has come for as long as it may be idle."""
        busy = self._within or not (self.cycle is None or self.cycle.response_complete)
        left = self.timeout_keep_alive - (0 if busy else self.loop.time() - self._used)
        if left > 0:
            self.timeout_keep_alive_task = self.loop.call_later(left, self.timeout_keep_alive_handler)
        else:
            super().timeout_keep_alive_handler()

    def _rest(self) -> None:
        """Wait for the next request; one timer for many, because most connections have the next one soon."""
        self._used = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self.timeout_keep_alive_task = self.loop.call_later(
                self.timeout_keep_alive, self.timeout_keep_alive_handler
            )

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        cycle.send = WholeAnswers(cycle, self.usual)  # type: ignore[method-assign]  # uvicorn has no other place for it
        super()._start_asgi_task(cycle, app)

    def _remember(self, data: bytes) -> None:
        """Note the request that has just been read from *data*, the whole of it."""
        cycle, app = self.cycle, self.app
        if (
            isinstance(app, Direct)
            and cycle.scope["path"] == app.path
            and cycle.scope["method"] == "POST"
            and cycle.scope["http_version"] == "1.1"
            and cycle.keep_alive
            and not (cycle.more_body or self.expect_100_continue)
        ):
            known = self.memory.note(data, cycle.scope, bytes(cycle.body))
            if known is not None:
                cycle.scope["extensions"] = {KNOWN: known}  # type: ignore[dict-item]  # uvicorn's own are dicts

    def _again(self, known: Known) -> None:
        """Answer a request that came before: at once if its app can, else as uvicorn would."""
        app: Any = self.app
        usual = self.usual.lines(self.server_state.default_headers)
        if usual is not None and not self.flow.write_paused:
            context = copy_context()
            answer = context.run(app.at_once, known, self.client, usual)
            if isinstance(answer, bytes):
                self.transport.write(answer)
                self.server_state.total_requests += 1
                self._rest()
            else:
                context.run(self._begin, known, answer or app)
        else:
            self._begin(known, app)

    def _begin(self, known: Known, app: ASGI3Application) -> None:
        """Begin to answer *known* as a request that has just been read."""
        scope: Any = known.scope
        if app is self.app:
            connection = {"client": self.client, "server": self.server, "scheme": self.scheme}
            state = {"state": self.app_state.copy(), "extensions": {KNOWN: known}}
            scope = {**known.scope, **connection, **state}
        self.scope, self.headers = scope, scope["headers"]
        self.cycle = RequestResponseCycle(
            scope=self.scope,
            transport=self.transport,
            flow=self.flow,
            logger=self.logger,
            access_logger=self.access_logger,
            access_log=self.access_log,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=False,
            keep_alive=True,
            on_response=self.on_response_complete,
        )
        self.cycle.body += known.body
        self.cycle.more_body = False
        self.cycle.message_event.set()
        self._start_asgi_task(self.cycle, app)

    def _declines(self) -> bool:
        """Whether the request asks for a protocol that it will not get; CONNECT has no other."""
        asked = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        return asked and not self._should_upgrade()

    def _go_on(self, rest: bytes) -> None:
        if self._declines():
            head = _plain(self.parser, self.url, self.headers)
            self.parser = httptools.HttpRequestParser(self)
            self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn has it
            self.data_received(head + rest)
        elif self._should_upgrade():
            self.handle_websocket_upgrade()
        else:
            self._over = True  # what follows a CONNECT is not HTTP


def _plain(parser: httptools.HttpRequestParser, url: bytes, headers: list[tuple[bytes, bytes]]) -> bytes:
    """Return the head of a request without what it says about other protocols."""
    lines = [b"%s %s HTTP/%s" % (parser.get_method(), url, parser.get_http_version().encode())]
    for name, value in headers:
        if name == b"connection":
            tokens = [token.strip() for token in value.split(b",")]
            value = b", ".join(token for token in tokens if token.lower() not in _ABOUT_UPGRADES)  # noqa: PLW2901 - same field
        if name not in _ABOUT_UPGRADES and (value or name != b"connection"):
            lines.append(name + b": " + value)
    return b"\r\n".join(lines) + b"\r\n\r\n"
