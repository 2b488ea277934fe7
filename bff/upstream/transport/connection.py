"""One HTTP/1.1 connection that carries one exchange at a time."""

import asyncio
import re
import select
from math import inf
from typing import Protocol, cast

from bff.clock import SystemClock
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Response
from bff.upstream.outcome import Outcome
from bff.upstream.transport import Limits
from bff.upstream.transport.familiar import FamiliarHeads
from bff.upstream.transport.patience import PUNCTUAL
from bff.upstream.transport.reader import ResponseReader

_PIECE = 64 * 1024
"""Bytes of a body written at once; the next piece follows when the socket has taken this one."""


_TICK = 0.001
"""Seconds by which a timer of uvloop may be early."""

_now = SystemClock.now
"""What timers go by: unlike the time of uvloop, it does not stand still while the loop is busy."""

_TIMEOUT = re.compile(r"timeout\s*=\s*(\d{1,9})", re.IGNORECASE)


def idle_limit(keep_alive: str) -> float:
    """Return for how many seconds a service that sent *keep_alive* may be trusted to keep an idle connection.

    One second less than it says, so that ours is the shorter patience (PY-6); without end when it says nothing.
    """
    said = _TIMEOUT.search(keep_alive)
    return float("inf") if said is None else max(0.0, int(said[1]) - 1.0)


class Owner(Protocol):
    """Who keeps connections."""

    def give_back(self, connection: "Connection") -> None:
        """Take a connection that has done its exchange and may do another."""

    def lost(self, connection: "Connection") -> None:
        """Hear that the socket of a connection is closed."""


class Connection(asyncio.Protocol):
    """Sends a request, reads its response, and then goes back to its owner or closes.

    Attributes:
        origin: Where it leads.
        expires: Time of the owner's clock after which it carries no further request.
        idle_since: Time of the owner's clock since when it waits for one.
        idle_limit: Seconds for which it may wait.
        closed: It is closed or being closed.
    """

    __slots__ = (
        "_answer",
        "_due",
        "_grace",
        "_heard",
        "_limits",
        "_loop",
        "_owner",
        "_patience",
        "_paused",
        "_poll",
        "_reader",
        "_transport",
        "_unsent",
        "_until",
        "_watch",
        "closed",
        "expires",
        "idle_limit",
        "idle_since",
        "origin",
    )

    def __init__(
        self, origin: Origin, limits: Limits, owner: Owner, heads: FamiliarHeads | None = None, *, expires: float
    ) -> None:
        self.origin = origin
        self.expires = expires
        self.idle_since = 0.0
        self.idle_limit = limits.keepalive_expiry
        self.closed = False
        self._limits = limits
        self._owner = owner
        self._loop = asyncio.get_running_loop()
        self._reader = ResponseReader(limits, heads)
        self._poll = select.poll()
        self._answer: asyncio.Future[Response] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._unsent: memoryview | None = None
        self._paused = False
        self._patience = min(limits.read_idle, limits.write_idle)
        self._heard = 0.0
        self._due = inf
        self._until = inf
        self._grace = 0.0

    def exchange(
        self, head: bytes, body: bytes | None, *, for_head: bool, seconds: float = inf
    ) -> "asyncio.Future[Response]":
        """Send a request and return the future of its response, which fails with an `UpstreamError`.

        Args:
            head: Request line and header section.
            body: None for no body.
            for_head: The method is HEAD.
            seconds: After so long, it fails with `TimeoutError`: as fair as `FairTimeout`, and without a timer.
        """
        answer = self._answer = self._loop.create_future()
        self._reader.begin(for_head=for_head)
        now = self._heard = _now()
        until = self._until = now + seconds
        self._grace = seconds
        if until < self._due or self._watch is None:
            self._look_at(min(until, now + self._patience), now)
        if not body:
            self._transport.write(head)
        elif len(body) <= _PIECE:
            self._transport.write(head + body)
        else:
            self._transport.write(head)
            self._unsent = memoryview(body)
            self._send_more()
        return answer

    def abandon(self, answer: "asyncio.Future[Response] | None") -> None:
        """Close the socket if *answer* is still to come, or was never promised; nobody waits for it (DL-10)."""
        if answer is None or self._answer is answer:
            self._answer = None
            self.abort()
        elif answer.done() and not answer.cancelled():
            answer.exception()  # otherwise asyncio logs that nobody looked at it

    def abort(self) -> None:
        """Close the socket at once."""
        self.closed = True
        self._transport.abort()

    def is_ready(self) -> bool:
        """Return whether a request may be sent: open, and nothing to read, neither bytes nor the peer's end."""
        return not self.closed and not self._transport.is_closing() and not self._poll.poll(0)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by asyncio when the connection stands."""
        self._transport = cast("asyncio.Transport", transport)  # uvloop's are of a class of their own
        self._transport.set_write_buffer_limits(_PIECE)
        self._poll.register(transport.get_extra_info("socket").fileno(), select.POLLIN | select.POLLRDHUP)

    def data_received(self, data: bytes) -> None:
        """Called by asyncio with each read."""
        if self._answer is None:
            self.abort()  # nothing was asked: no later byte could be trusted
            return
        self._heard = _now()
        try:
            complete = self._reader.feed(data)
        except UpstreamError as error:
            self._fail(error)
            return
        if complete:
            self._finish()

    def eof_received(self) -> None:
        """Called by asyncio when the peer sends nothing more; the connection is closed in any case."""
        self.closed = True
        if self._answer is None:
            return
        try:
            self._reader.end()
        except UpstreamError as error:
            self._fail(error)
        else:
            self._finish()

    def connection_lost(self, exc: Exception | None) -> None:
        """Called by asyncio once the socket is closed, for whatever reason."""
        self.closed = True
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._answer is not None:
            reason = "connection lost" if exc is None else f"connection lost: {exc}"
            outcome = Outcome.BODY_BROKEN if self._reader.started else Outcome.RESET
            self._fail(UpstreamError(outcome, reason))
        self._reader.drop()
        self._owner.lost(self)

    def pause_writing(self) -> None:
        """Called by asyncio when the peer reads more slowly than we write."""
        self._paused = True

    def resume_writing(self) -> None:
        """Called by asyncio when the peer has caught up."""
        self._paused = False
        self._heard = _now()
        self._send_more()

    def _send_more(self) -> None:
        while self._unsent is not None and not self._paused and not self.closed:
            piece, rest = self._unsent[:_PIECE], self._unsent[_PIECE:]
            self._unsent = rest or None
            self._transport.write(piece)

    def _finish(self) -> None:
        answer, self._answer = self._answer, None
        assert answer is not None
        response = self._reader.response()
        hint = response.headers.get("keep-alive")
        if hint is not None:
            self.idle_limit = min(self._limits.keepalive_expiry, idle_limit(hint))
        if self._reader.reusable and self._unsent is None and not self.closed:
            self._owner.give_back(self)
        else:
            self.abort()
        if not answer.done():
            answer.set_result(response)

    def _fail(self, error: UpstreamError | TimeoutError) -> None:
        answer, self._answer = self._answer, None
        self.abort()
        if answer is not None and not answer.done():
            answer.set_exception(error)

    def _look_at(self, due: float, now: float) -> None:
        if self._watch is not None:
            self._watch.cancel()
        self._due = due
        self._watch = self._loop.call_later(max(0.0, due - now), self._check)

    def _check(self) -> None:
        """Runs about once in a patience; a timer for every request or read would cost more than reading (DL-6)."""
        self._watch = None
        if self._answer is None or self.closed:
            return
        now = _now()
        end = self._end_of_patience(now)
        until = self._end_of_exchange(now)
        if until - now < _TICK:
            self._fail(TimeoutError())
        elif end - now < _TICK:
            self._fail(self._stalled())
        else:
            self._look_at(min(until, end), now)

    def _end_of_exchange(self, now: float) -> float:
        """Return until when the exchange may last; what came while we stood still is read first (fault 31)."""
        late = now - self._until
        if late > PUNCTUAL:
            self._until, self._grace = now + min(late, self._grace), 0.0
        return self._until

    def _end_of_patience(self, now: float) -> float:
        """Return until when nothing need come; what came while we stood still is read first (fault 31)."""
        end = self._heard + self._patience_now()
        late = now - self._due
        return now + min(late, self._patience_now()) if end <= now and late > PUNCTUAL else end

    def _patience_now(self) -> float:
        return self._limits.write_idle if self._is_writing() else self._limits.read_idle

    def _is_writing(self) -> bool:
        return self._unsent is not None or self._transport.get_write_buffer_size() > 0

    def _stalled(self) -> UpstreamError:
        writing, seconds = self._is_writing(), self._patience_now()
        detail = f"nothing {'sent' if writing else 'received'} for {seconds:g} s"
        return UpstreamError(Outcome.READ_TIMEOUT, detail, phase="write" if writing else "read")
