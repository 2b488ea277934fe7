"""The request as it goes over the wire, up to its body."""

from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Request
from bff.upstream.outcome import Outcome
from bff.upstream.transport.body import ACCEPT_ENCODING

_DEFAULT_PORT = {"http": 80, "https": 443}
_EXPECT_BODY = frozenset({"POST", "PUT", "PATCH"})


def host_field(origin: Origin) -> str:
    """Return the value of `Host` for *origin* (RFC 9110, section 7.2)."""
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return host if origin.port == _DEFAULT_PORT[origin.scheme] else f"{host}:{origin.port}"


def encode(request: Request, host: str) -> bytes:
    """Return request line and header section of *request*.

    Args:
        request: What to send.
        host: Value of `Host`.

    Raises:
        UpstreamError: LOCAL_BUG; a line break, a blank in the target or a character outside of Latin-1 would let a
            value pass for something else.
    """
    target, headers, body = request.target, request.headers, request.body
    lines = [
        f"{request.method} {target} HTTP/1.1\r\nhost: {host}\r\naccept-encoding: {ACCEPT_ENCODING}",
        *map(": ".join, headers.items()),
    ]
    if body is not None:
        lines.append(f"content-length: {len(body)}")
    elif request.method in _EXPECT_BODY:
        lines.append("content-length: 0")
    text = "\r\n".join(lines)
    breaks = len(lines) + 1
    if text.count("\n") != breaks or text.count("\r") != breaks or "\0" in text or " " in target:
        raise UpstreamError(Outcome.LOCAL_BUG, "request target or header holds a control character", sent=False)
    try:
        return f"{text}\r\n\r\n".encode("latin-1")
    except UnicodeEncodeError as error:
        detail = f"request target or header is not Latin-1: {error.reason}"
        raise UpstreamError(Outcome.LOCAL_BUG, detail, sent=False) from error
