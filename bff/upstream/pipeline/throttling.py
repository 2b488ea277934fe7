"""What a service says about when to ask again, and the gate that keeps to it (RT-6, CB-8)."""

import re
from collections.abc import Mapping
from contextlib import suppress
from email.utils import parsedate_to_datetime

from bff.upstream.pipeline.window import Window

_REMAINING = re.compile(r"(?:^|[;,\s])r=(\d{1,15})(?=$|[;,\s])")
_RESET = re.compile(r"(?:^|[;,\s])t=(\d{1,15})(?=$|[;,\s])")
_ENOUGH_CALLS = 20
_THROTTLED_SHARE = 0.9
_SHORTEST = 1.0


def asked_wait(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that `Retry-After`, or else an exhausted `RateLimit`, asks for; None where neither does.

    Args:
        headers: Names in lower case.
        now: Seconds since the epoch, for a date in a response that has no date of its own.
    """
    if "retry-after" in headers:
        said = retry_after(headers, now)
        if said is not None:
            return said
    limit = headers.get("ratelimit")
    return exhausted(limit) if limit else None


def retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """Return the seconds that `Retry-After` asks for, None where it says nothing usable.

    A date counts from the response's own `Date`, so that clocks need not agree.
    """
    value = headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit() and len(value) <= 15:  # noqa: PLR2004 - longer is no number of seconds
        return float(value)
    try:
        until = parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError, OverflowError):
        return None
    with suppress(TypeError, ValueError, OverflowError):
        now = parsedate_to_datetime(headers.get("date", "")).timestamp()
    return max(until - now, 0.0)


def exhausted(limit: str) -> float | None:
    """Return the longest `t` of the policies in a `RateLimit` field that have `r=0`, None where none has.

    Source: draft-ietf-httpapi-ratelimit-headers-10, section 4.
    """
    waits = [
        float(reset[1])
        for policy in limit.split(",")
        if (left := _REMAINING.search(policy)) and int(left[1]) == 0 and (reset := _RESET.search(policy))
    ]
    return max(waits, default=None)


class Gate:
    """Whether one host of one endpoint group may be called, by what it said itself.

    Args:
        longest: Longest time that it stays closed, in seconds.
        window: How far back throttled calls count, in seconds.
    """

    __slots__ = ("_asked", "_count", "_longest", "_window", "until")

    def __init__(self, *, longest: float, window: float) -> None:
        self._longest = longest
        self._window = Window(window)
        self._count = self._window.count
        self._asked = 0.0
        self.until = 0.0
        """Moment at which it opens; 0 while it is open."""

    def succeeded(self, now: float) -> bool:
        """Count a call that was not throttled, and return whether that opened the gate."""
        self._count(now)
        if not self.until and not self._asked:
            return False
        was_closed, self.until, self._asked = self.until > 0, 0.0, 0.0
        return was_closed

    def failed(self, now: float) -> None:
        """Count a call that failed otherwise; it neither opens nor closes the gate."""
        self._count(now)

    def throttled(self, now: float, asked: float | None) -> bool:
        """Count a throttled call that *asked* for so many seconds, and return whether that closed an open gate.

        Without such a wish it closes when nine calls of ten are throttled, and then for a second at least (CB-8).
        """
        self._window.add(now, failed=True)
        wait = asked or 0.0
        self._asked = max(self._asked, wait)
        calls = self._window.calls
        if calls >= _ENOUGH_CALLS and self._window.failures >= _THROTTLED_SHARE * calls:
            wait = max(self._asked, _SHORTEST)
        if wait <= 0:
            return False
        was_open = self.until <= now
        self.until = max(self.until, now + min(wait, self._longest))
        return was_open

    def left(self, now: float) -> float:
        """Return the seconds that it stays closed, 0 or less when its time is over."""
        return self.until - now

    def open(self) -> None:
        """Open it, for its time is over."""
        self.until = 0.0
