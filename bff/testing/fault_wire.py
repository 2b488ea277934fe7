"""Does what a fault says, byte by byte, on the wire of one request."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from typing import Any

from bff.testing import fault_bodies as bodies
from bff.testing import fault_kinds as kinds
from bff.testing.http_message import Reply, Request, discard, head, may_have_body, pairs
from bff.testing.http_server import Handler, reply_of
from bff.testing.wire import Wire, chunk

_PIECE = 64 * 1024
_FRAMING = frozenset({"content-length", "transfer-encoding", "content-encoding", "etag"})


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request that a fault hits, and all that is needed to answer it badly."""

    request: Request
    wire: Wire
    handler: Handler
    rng: Random
    replies: list[Reply] = field(default_factory=list)

    async def reply(self) -> Reply:
        """Let the service act, and return what it would have answered."""
        reply = await reply_of(self.handler, self.request)
        self.replies.append(reply)
        return reply

    async def whole(self) -> tuple[Reply, bytes]:
        """Let the service act; return its reply and its body, which for a stream is the first chunk."""
        reply = await self.reply()
        if isinstance(reply.body, bytes):
            return reply, reply.body
        with self.wire.waiting():
            return reply, await anext(aiter(reply.body), b"")

    def head(self, reply: Reply, *framing: tuple[str, str]) -> bytes:
        """Return the head of *reply* with *framing* instead of what the server would say of the body."""
        given = [(name, value) for name, value in pairs(reply.headers) if name.lower() != "content-length"]
        plain = Reply(reply.status, given)
        return head(reply.status, [*self.wire.fields(plain, self.request), *framing])

    async def send(self, reply: Reply) -> None:
        """Send *reply* as HTTP has it."""
        await self.wire.reply(self.request, reply)


async def apply(kind: kinds.Kind, exchange: Exchange) -> None:
    """Answer the request of *exchange* as *kind* says.

    Raises:
        PeerGone: The client went away, which for most kinds is how it ends.
    """
    try:
        await _APPLY[type(kind)](kind, exchange)
    finally:
        for reply in exchange.replies:
            await discard(reply)


async def _latency(kind: kinds.Latency, exchange: Exchange) -> None:
    reply = await exchange.reply()
    seconds = exchange.rng.uniform(kind.seconds - kind.jitter, kind.seconds + kind.jitter)
    await exchange.wire.pause(max(0.0, seconds))
    await exchange.send(reply)


async def _status(kind: kinds.Status, exchange: Exchange) -> None:
    headers = () if kind.retry_after is None else (("retry-after", str(kind.retry_after)),)
    await exchange.send(Reply.problem(kind.status, "a fault was asked for", headers))


async def _flapping(kind: kinds.Flapping, exchange: Exchange) -> None:
    if kind.status is None:
        exchange.wire.reset()
    else:
        await exchange.send(Reply.problem(kind.status, "down for now: a fault was asked for"))


async def _hang_before_headers(kind: kinds.HangBeforeHeaders, exchange: Exchange) -> None:
    if kind.acts:
        await exchange.reply()
    await exchange.wire.hang()


async def _black_hole(_: kinds.BlackHole, exchange: Exchange) -> None:
    await exchange.wire.hang()


async def _hang_after_headers(_: kinds.HangAfterHeaders, exchange: Exchange) -> None:
    reply, body = await exchange.whole()
    await exchange.wire.send(exchange.head(reply, ("content-length", str(max(1, len(body))))))
    await exchange.wire.hang()


async def _reset_before_response(kind: kinds.ResetBeforeResponse, exchange: Exchange) -> None:
    if kind.acts:
        await exchange.reply()
    exchange.wire.reset()


async def _eof_before_response(kind: kinds.EofBeforeResponse, exchange: Exchange) -> None:
    if kind.acts:
        await exchange.reply()
    exchange.wire.close()


async def _part_of_body(count: int | None, exchange: Exchange) -> None:
    reply, body = await exchange.whole()
    sent = len(body) // 2 if count is None else count
    length = max(len(body), sent + 1)
    await exchange.wire.send(exchange.head(reply, ("content-length", str(length))) + body[:sent].ljust(sent))


async def _reset_mid_body(kind: kinds.ResetMidBody, exchange: Exchange) -> None:
    await _part_of_body(kind.bytes, exchange)
    await exchange.wire.flushed()
    exchange.wire.reset()


async def _short_body(kind: kinds.ShortBody, exchange: Exchange) -> None:
    await _part_of_body(kind.bytes, exchange)
    exchange.wire.close()


async def _missing_terminator(_: kinds.MissingTerminator, exchange: Exchange) -> None:
    reply, body = await exchange.whole()
    sent = chunk(body) if body else b""
    await exchange.wire.send(exchange.head(reply, ("transfer-encoding", "chunked")) + sent)
    exchange.wire.close()


async def _truncated_json(_: kinds.TruncatedJson, exchange: Exchange) -> None:
    reply, body = await exchange.whole()
    await exchange.send(Reply(reply.status, reply.headers, bodies.truncated(body)))


async def _wrong_content_type(kind: kinds.WrongContentType, exchange: Exchange) -> None:
    headers = (("content-type", "text/html; charset=utf-8"),)
    await exchange.send(Reply(kind.status, headers, bodies.HTML))


async def _malformed_json(kind: kinds.MalformedJson, exchange: Exchange) -> None:
    headers = (("content-type", "application/json"),)
    await exchange.send(Reply(200, headers, bodies.malformed(kind.variant)))


async def _drip(kind: kinds.Drip, exchange: Exchange) -> None:
    reply, body = await exchange.whole()
    start = exchange.head(reply, ("content-length", str(len(body))))
    shown = body if may_have_body(exchange.request, reply.status) else b""
    for data, slow in ((start, kind.part != "body"), (shown, kind.part != "headers")):
        if slow:
            await _slowly(exchange.wire, data, kind.bytes, kind.interval)
        elif data:
            await exchange.wire.send(data)


async def _slowly(wire: Wire, data: bytes, size: int, interval: float) -> None:
    for start in range(0, len(data), size):
        if start:
            await wire.pause(interval)
        await wire.send(data[start : start + size])


async def _bandwidth(kind: kinds.Bandwidth, exchange: Exchange) -> None:
    exchange.wire.bytes_per_second = kind.bytes_per_second
    try:
        await exchange.send(await exchange.reply())
    finally:
        exchange.wire.bytes_per_second = None


async def _huge_body(kind: kinds.HugeBody, exchange: Exchange) -> None:
    framing = ("transfer-encoding", "chunked") if kind.endless else ("content-length", str(kind.bytes))
    await exchange.wire.send(exchange.head(_json_reply(), framing))
    piece, left = b"1" * _PIECE, kind.bytes
    while kind.endless:
        await exchange.wire.send_and_yield(chunk(piece))
    while left:
        await exchange.wire.send_and_yield(piece[:left])
        left -= min(left, _PIECE)


async def _gzip_bomb(kind: kinds.GzipBomb, exchange: Exchange) -> None:
    bomb = bodies.GzipBomb(kind.inflated)
    framing = (("content-encoding", "gzip"), ("content-length", str(bomb.length)))
    await exchange.wire.send(exchange.head(_json_reply(), *framing))
    for piece in bomb.pieces():
        await exchange.wire.send_and_yield(piece)


async def _bad_gzip(kind: kinds.BadGzip, exchange: Exchange) -> None:
    reply, body = await exchange.whole()
    kept = [(name, value) for name, value in pairs(reply.headers) if name.lower() not in _FRAMING]
    headers = [*kept, ("content-encoding", "gzip")]
    await exchange.send(Reply(reply.status, headers, bodies.bad_gzip(body, kind.variant)))


async def _invalid_status_line(kind: kinds.InvalidStatusLine, exchange: Exchange) -> None:
    await exchange.wire.send(f"{kind.line}\r\ncontent-length: 0\r\n\r\n".encode("latin-1", "replace"))
    exchange.wire.close()


async def _huge_headers(kind: kinds.HugeHeaders, exchange: Exchange) -> None:
    reply = await exchange.reply()
    value = "h" * kind.bytes
    await exchange.send(reply.with_headers(*((f"x-huge-{n}", value) for n in range(kind.count))))


async def _redirect(kind: kinds.Redirect, exchange: Exchange) -> None:
    await exchange.send(Reply(kind.status, (("location", kind.location),)))


async def _set_cookie(kind: kinds.SetCookie, exchange: Exchange) -> None:
    await exchange.send((await exchange.reply()).with_headers(("set-cookie", kind.cookie)))


async def _informational(kind: kinds.Informational, exchange: Exchange) -> None:
    reply = await exchange.reply()
    await exchange.wire.send(head(103, [("link", "</style.css>; rel=preload")]) * kind.count)
    await exchange.send(reply)


async def _close_after_reply(_: kinds.CloseAfterReply, exchange: Exchange) -> None:
    await exchange.send(await exchange.reply())
    exchange.wire.close()


def _json_reply() -> Reply:
    return Reply(200, (("content-type", "application/json"),))


_APPLY: dict[type[kinds.Kind], Callable[[Any, Exchange], Awaitable[None]]] = {
    kinds.Latency: _latency,
    kinds.Status: _status,
    kinds.HangBeforeHeaders: _hang_before_headers,
    kinds.HangAfterHeaders: _hang_after_headers,
    kinds.ResetBeforeResponse: _reset_before_response,
    kinds.EofBeforeResponse: _eof_before_response,
    kinds.ResetMidBody: _reset_mid_body,
    kinds.ShortBody: _short_body,
    kinds.MissingTerminator: _missing_terminator,
    kinds.TruncatedJson: _truncated_json,
    kinds.WrongContentType: _wrong_content_type,
    kinds.MalformedJson: _malformed_json,
    kinds.Drip: _drip,
    kinds.Bandwidth: _bandwidth,
    kinds.HugeBody: _huge_body,
    kinds.GzipBomb: _gzip_bomb,
    kinds.BadGzip: _bad_gzip,
    kinds.InvalidStatusLine: _invalid_status_line,
    kinds.HugeHeaders: _huge_headers,
    kinds.Redirect: _redirect,
    kinds.Flapping: _flapping,
    kinds.SetCookie: _set_cookie,
    kinds.Informational: _informational,
    kinds.CloseAfterReply: _close_after_reply,
    kinds.BlackHole: _black_hole,
}
