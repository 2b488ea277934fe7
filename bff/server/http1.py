"""uvicorn's HTTP/1.1, with requests that also ask for another protocol read to their end."""

from typing import Final

import httptools
from uvicorn._types import ASGI3Application
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol, RequestResponseCycle

from bff.server.whole import WholeAnswers

_ABOUT_UPGRADES: Final = frozenset({b"upgrade", b"http2-settings"})
_INVALID: Final = "Invalid HTTP request received."


class Http1(HttpToolsProtocol):
    """One connection. An `Upgrade` that nobody here follows is ignored (RFC 9110 7.8).

    httptools ends such a request at its header. The body would be lost (Java's client asks for h2c with its first
    request to each host), or, arriving later, be read as a request of its own: smuggled past whoever is in front.
    Such a request is therefore read again, without those fields.
    """

    _over: bool = False

    def data_received(self, data: bytes) -> None:
        """Read on."""
        if self._over:
            return
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserError:
            self.logger.warning(_INVALID)
            self.send_400_response(_INVALID)
        except httptools.HttpParserUpgrade as pause:
            self._go_on(data[pause.args[0] :])

    def on_headers_complete(self) -> None:
        """Begin to answer, unless the request is about to be read again."""
        if not self._declines():
            super().on_headers_complete()

    def on_message_complete(self) -> None:
        """Note the end of the request, unless it is about to be read again."""
        if not self._declines():
            super().on_message_complete()

    def _start_asgi_task(self, cycle: RequestResponseCycle, app: ASGI3Application) -> None:
        cycle.send = WholeAnswers(cycle).send  # type: ignore[method-assign]  # uvicorn has no other place for it
        super()._start_asgi_task(cycle, app)

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
