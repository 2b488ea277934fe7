"""Undoing content codings while a body arrives, never past a cap (fault 15: a gzip bomb)."""

import zlib

from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome

ACCEPT_ENCODING = "gzip"
"""What requests ask for; `deflate` is understood as well, for services that send it anyway."""

_GZIP = 16 + zlib.MAX_WBITS
_ZLIB = zlib.MAX_WBITS
_RAW_DEFLATE = -zlib.MAX_WBITS
_PIECE = 256 * 1024


def too_large(cap: int) -> UpstreamError:
    """Return the error for a body of more than *cap* bytes."""
    return UpstreamError(Outcome.TOO_LARGE, f"body exceeds {cap} bytes")


def decoder_for(content_encoding: str, cap: int) -> "Inflater | None":
    """Return what undoes *content_encoding*, None when there is nothing that we could undo.

    A coding that was not asked for stays on the body and in its header field: whoever reads the payload refuses
    it, and asking again would bring the same.

    Args:
        content_encoding: Value of the header field, "" when absent.
        cap: Most decoded bytes.

    Source: RFC 9110, section 8.4.1.
    """
    coding = content_encoding.strip().lower()
    if coding in {"gzip", "x-gzip"}:
        return Inflater(_GZIP, cap)
    if coding == "deflate":
        return Inflater(_ZLIB, cap)
    return None


class Inflater:
    """Decodes one gzip or deflate body piece by piece."""

    __slots__ = ("_cap", "_left", "_started", "_stream", "_wbits")

    def __init__(self, wbits: int, cap: int) -> None:
        self._wbits = wbits
        self._cap = cap
        self._left = cap
        self._started = False
        self._stream = zlib.decompressobj(wbits)

    def feed(self, data: bytes) -> bytes:
        """Return what *data* adds to the decoded body.

        Raises:
            UpstreamError: TOO_LARGE past the cap, BODY_BROKEN when *data* is not in the coding.
        """
        decoded = self._inflate(data)
        while self._stream.eof and self._stream.unused_data:
            decoded += self._next_member(self._stream.unused_data)
        return decoded

    def finish(self) -> None:
        """Check that the body was whole; one without any byte is.

        Raises:
            UpstreamError: BODY_BROKEN, the coding was cut short.
        """
        if self._started and not self._stream.eof:
            raise UpstreamError(Outcome.BODY_BROKEN, "compressed body ends too early")

    def _inflate(self, data: bytes) -> bytes:
        """Return *data* decoded, piece by piece, so that a bomb is known before all of it is unpacked."""
        pieces: list[bytes] = []
        while True:
            # One byte more than allowed is enough to know that there is too much.
            most = min(_PIECE, self._left + 1)
            try:
                decoded = self._stream.decompress(data, most)
            except zlib.error as error:
                if self._wbits == _ZLIB and not self._started:
                    return self._without_zlib_header(data)
                raise UpstreamError(Outcome.BODY_BROKEN, f"compressed body is broken: {error}") from error
            self._started = True
            self._left -= len(decoded)
            if self._left < 0:
                pieces.clear()  # the error's traceback holds on to them until the next full garbage collection
                raise too_large(self._cap)
            data = self._stream.unconsumed_tail
            if not data and len(decoded) < most:
                return b"".join([*pieces, decoded]) if pieces else decoded
            pieces.append(decoded)

    def _without_zlib_header(self, data: bytes) -> bytes:
        """Some services send bare deflate data under the name `deflate` (RFC 9110, section 8.4.1.2)."""
        self._wbits = _RAW_DEFLATE
        self._stream = zlib.decompressobj(_RAW_DEFLATE)
        return self._inflate(data)

    def _next_member(self, data: bytes) -> bytes:
        """A gzip body may consist of several members (RFC 1952, section 2.2); deflate has only one."""
        if self._wbits != _GZIP:
            raise UpstreamError(Outcome.BODY_BROKEN, "bytes follow the compressed body")
        self._stream = zlib.decompressobj(_GZIP)
        return self._inflate(data)
