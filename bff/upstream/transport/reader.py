"""Responses out of bytes: the reading side of one HTTP/1.1 connection, without any input or output.

How the bytes are split must not matter, and nothing a service sends may take more memory than the limits say.
"""

from httptools import HttpParserCallbackError, HttpParserError, HttpResponseParser

from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from bff.upstream.transport import Limits
from bff.upstream.transport.body import Inflater, decoder_for, too_large
from bff.upstream.transport.familiar import Familiar, FamiliarHeads

_SWITCHING_PROTOCOLS = 101
_WITHOUT_BODY = frozenset({204, 304})
_END = b"\r\n\r\n"


def broken(detail: str) -> UpstreamError:
    """Return the error for bytes that are no HTTP/1.1 response within the limits."""
    return UpstreamError(Outcome.BODY_BROKEN, detail)


class ResponseReader:
    """Reads one response after the other from one connection.

    A response that comes in one piece and begins with a familiar head goes past the parser, which then never
    learns of it; any other goes through the parser from its first byte to its last.

    Args:
        limits: Bounds of a response.
        heads: Those that are familiar, to all that read with the same *limits*.

    Attributes:
        complete: The response is whole; `response` returns it.
        started: At least the header section of the response has arrived.
        reusable: The connection may carry another request; known once `complete`.
    """

    __slots__ = (
        "_barren",
        "_body",
        "_decoder",
        "_familiar",
        "_for_head",
        "_header_count",
        "_headers",
        "_heads",
        "_interim",
        "_interim_came",
        "_limits",
        "_more",
        "_parser",
        "_response",
        "_room",
        "_size",
        "_status",
        "_until_close",
        "_untouched",
        "complete",
        "reusable",
        "started",
    )

    _status: int
    _headers: dict[str, str]
    _body: bytes
    _decoder: Inflater | None
    _more: bytearray | None

    def __init__(self, limits: Limits, heads: FamiliarHeads | None = None) -> None:
        self._limits = limits
        self._heads = FamiliarHeads() if heads is None else heads
        self._familiar = self._heads.get
        self._parser: HttpResponseParser | None = None
        self._response: Response | None = None
        self.reusable = False
        self.begin(for_head=False)

    def begin(self, *, for_head: bool) -> None:
        """Expect a response; *for_head* says that it has no body whatever its header says."""
        self._for_head = for_head
        self._untouched = True
        self.started = False
        self.complete = False

    def feed(self, data: bytes) -> bool:
        """Take *data* in; return whether the response is complete now.

        Raises:
            UpstreamError: BODY_BROKEN or TOO_LARGE; the connection is of no more use.
        """
        if not self._untouched:
            return self._feed_parser(data)
        self._untouched = False
        body = data.find(_END) + 4
        familiar = self._familiar(data[:body])
        if familiar is not None and familiar.length == len(data) - body and not self._for_head:
            self._response = Response(familiar.status, familiar.headers.copy(), data[body:])
            self.started = self.reusable = self.complete = True
            return True
        self._prepare()
        if self._feed_parser(data) and self.reusable and self._size == len(data) - body:
            self._learn(data[:body])
        return self.complete

    def end(self) -> bool:
        """Return whether the end of the connection completes the response (RFC 9112, section 6.3).

        Raises:
            UpstreamError: RESET before the header section was whole, BODY_BROKEN within the body.
        """
        if not self.started:
            raise UpstreamError(Outcome.RESET, "connection closed before a response")
        if not self._until_close:
            raise broken("connection closed within the body")
        self._finish()
        return True

    def response(self) -> Response:
        """Return the complete response and forget it."""
        response, self._response = self._response, None
        if response is None:
            body = self._body if self._more is None else bytes(self._more)
            response = Response(self._status, self._headers, body)
            self._headers, self._body, self._more, self._decoder = {}, b"", None, None
        return response

    def drop(self) -> None:
        """Let go of the parser, which refers back to this object, and of the body.

        An error's traceback may hold on to this object until the next full garbage collection.
        """
        self._parser = None
        self._response = None
        self._body, self._more = b"", None

    def _prepare(self) -> None:
        """Make the parser and what it tells ready for another response."""
        if self._parser is None:
            self._parser = HttpResponseParser(self)
        self._headers = {}
        self._header_count = 0
        self._room = self._limits.max_header_bytes
        self._barren = 0
        self._interim = self._interim_came = False
        self._until_close = False
        self._decoder = None
        self._body = b""
        self._more = None
        self._size = 0
        self._status = 0
        self.reusable = False

    def _feed_parser(self, data: bytes) -> bool:
        if not self.started:
            if len(data) > self._room:
                return self._feed_around_cap(data)
            self._room -= len(data)
        self._parse(data)
        return self.complete

    def _learn(self, head: bytes) -> None:
        """Keep *head*, which began the complete response, if all that follows from it is known."""
        headers = self._headers
        if self._for_head or self._interim_came or self._status in _WITHOUT_BODY:
            return
        if self._decoder is None and "content-length" in headers:
            self._heads.learn(head, Familiar(self._status, headers.copy(), self._size))

    def _feed_around_cap(self, data: bytes) -> bool:
        """Split where the header section must have ended, so that the cap does not depend on how bytes arrive."""
        room, self._room = self._room, 0
        self._parse(data[:room])
        if not self.started:
            raise broken(f"header section exceeds {self._limits.max_header_bytes} bytes")
        if self._parser is None:
            self.reusable = False  # bytes follow a response that has no body
        else:
            self._parse(data[room:])
        return self.complete

    def _parse(self, data: bytes) -> None:
        assert self._parser is not None
        self._barren += len(data)
        try:
            self._parser.feed_data(data)
        except HttpParserCallbackError as error:
            if isinstance(error.__context__, UpstreamError):
                raise error.__context__ from None
            raise
        except HttpParserError as error:
            if not self.complete:
                raise broken(f"not an HTTP/1.1 response: {error}") from error
            self.reusable = False
        if self.started and self._barren > self._limits.max_header_bytes and not self.complete:
            # Chunk extensions and trailers are without bound in HTTP; no service of good will sends this much.
            raise broken("too many bytes around the chunks of the body")

    def on_message_begin(self) -> None:
        """Called by the parser at the first byte of a message."""
        if self.complete:
            self.reusable = False

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser for each header or trailer field."""
        self._header_count += 1
        if self._header_count > self._limits.max_header_count:
            raise broken(f"more than {self._limits.max_header_count} header fields")
        if self.started:
            return  # trailers are not used (RFC 9110, section 6.5.1)
        key = name.decode("latin-1").lower()
        if key == "set-cookie":
            return  # cookies of one user must not reach the next (F5)
        headers = self._headers
        text = value.decode("latin-1")
        headers[key] = f"{headers[key]}, {text}" if key in headers else text

    def on_headers_complete(self) -> None:
        """Called by the parser after the header section."""
        if self.complete:
            return
        assert self._parser is not None
        status = self._status = self._parser.get_status_code()
        if 100 <= status < 200 and status != _SWITCHING_PROTOCOLS:  # noqa: PLR2004 - bounds of a class of statuses
            self._interim = self._interim_came = True
            return
        if not 200 <= status < 600:  # noqa: PLR2004
            raise broken(f"unusable status {status}")
        self.started = True
        self._barren = 0
        if self._for_head:
            self.reusable = self._may_stay_open()
            self.complete = True
            self._parser = None  # it would wait for the body that the header announces
        elif status not in _WITHOUT_BODY:
            self._expect_body()

    def on_chunk_header(self) -> None:
        """Called by the parser for the size of each chunk; a response to HEAD has none, not even an empty one."""
        if self.complete:
            self.reusable = False

    def on_body(self, data: bytes) -> None:
        """Called by the parser for each piece of the body."""
        if self.complete:
            self.reusable = False
            return
        self._barren = 0
        self._size += len(data)
        if self._size > self._limits.max_response_bytes:
            raise too_large(self._limits.max_response_bytes)
        if self._decoder is not None:
            data = self._decoder.feed(data)
        if self._more is not None:
            self._more += data
        elif self._body:
            self._more = bytearray(self._body)
            self._more += data
        else:
            self._body = data

    def on_message_complete(self) -> None:
        """Called by the parser at the end of a message."""
        if self._interim:
            self._interim = False
            self._headers = {}
        elif not self.complete:
            assert self._parser is not None
            self.reusable = self._parser.should_keep_alive()
            self._finish()

    def _expect_body(self) -> None:
        headers = self._headers
        framing = headers.get("transfer-encoding")
        length = headers.get("content-length")
        if framing is not None and framing.lower() != "chunked":
            raise broken(f"transfer coding {framing[:50]!r} was not asked for")
        if length is not None and int(length) > self._limits.max_response_bytes:
            raise too_large(self._limits.max_response_bytes)
        self._until_close = framing is None and length is None
        coding = headers.get("content-encoding")
        if coding is not None:
            self._decoder = decoder_for(coding, self._limits.max_response_bytes)

    def _finish(self) -> None:
        if self._decoder is not None:
            self._decoder.finish()
            self._headers.pop("content-encoding", None)
            self._headers.pop("content-length", None)
        self.complete = True

    def _may_stay_open(self) -> bool:
        assert self._parser is not None
        tokens = {token.strip() for token in self._headers.get("connection", "").lower().split(",")}
        return self._parser.get_http_version() == "1.1" and "close" not in tokens
