"""A journal as data for `extensions.trace`, and as sentences for whoever asks why something failed."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from bff.events import (
    AttemptFinished,
    BreakerRefused,
    CacheUsed,
    CallFinished,
    CallStarted,
    Coalesced,
    Event,
    FaultInjected,
    FellBack,
    HedgeFinished,
    PermitRefused,
    PermitWaited,
    Retrying,
    RetrySuppressed,
)
from bff.telemetry.journal import Entry
from bff.upstream.message import Origin

Alias = Callable[[str], str]
"""Public name of an upstream."""

HostAlias = Callable[[Origin | None], str]
"""Public name of a host, such as `catalog-1`."""


class Calls:
    """Puts calls together from the entries of one journal.

    Args:
        began: When the operation began; all offsets count from there.
        now: When the story is told: calls that have not ended are told as running until then.
        alias: Public name of an upstream.
        host: Public name of a host.
    """

    def __init__(self, began: float, now: float, *, alias: Alias, host: HostAlias) -> None:
        self._began = began
        self._now = now
        self._alias = alias
        self._host = host
        self._calls: dict[tuple[str, int], dict[str, Any]] = {}
        self._starts: dict[tuple[str, int], float] = {}
        self._wave = 0

    def of(self, entries: Iterable[Entry]) -> list[dict[str, Any]]:
        """Return the calls in *entries*, in the order in which they began."""
        for entry in entries:
            self._take(entry)
        for key, call in self._calls.items():
            if call["ms"] is None:
                call["ms"] = _ms(self._now - self._starts[key])
        return list(self._calls.values())

    def _take(self, entry: Entry) -> None:
        event: Any = entry.event
        key = (event.upstream, event.call)
        if isinstance(event, CallStarted):
            self._begin(key, entry.at, event)
            return
        call = self._calls.get(key)
        if call is None:
            return
        if isinstance(event, CallFinished):
            call["ms"], call["outcome"] = _ms(event.seconds), event.outcome.value
            # What was waited for is what lets the next wave begin; what was at hand opens none.
            if call["attempts"] or "joined" in call:
                self._wave = call["wave"]
        elif isinstance(event, AttemptFinished):
            call["attempts"].append(self._attempt(entry.at, event))
            call["breaker"] = entry.breaker
        else:
            _DETAILS[type(event)](call, event)

    def _begin(self, key: tuple[str, int], at: float, event: CallStarted) -> None:
        self._starts[key] = at
        self._calls[key] = {
            "upstream": self._alias(event.upstream),
            "endpoint": event.endpoint,
            "wave": self._wave + 1,
            "startMs": _ms(at - self._began),
            "ms": None,
            "outcome": "RUNNING",
            "attempts": [],
        }

    def _attempt(self, at: float, event: AttemptFinished) -> dict[str, Any]:
        told = {
            "host": self._host(event.origin),
            "startMs": _ms(at - event.seconds - self._began),
            "ms": _ms(event.seconds),
            "outcome": event.outcome.value,
        }
        return told if event.status is None else {**told, "status": event.status}


def _cache(call: dict[str, Any], event: CacheUsed) -> None:
    cache = call.setdefault("cache", {})
    cache[event.result] = cache.get(event.result, 0) + event.items


def _retry(call: dict[str, Any], event: Retrying) -> None:
    call.setdefault("retries", []).append({"afterMs": _ms(event.delay), "reason": event.reason.value})


def _put(name: str, value: Callable[[Any], Any]) -> Callable[[dict[str, Any], Any], None]:
    def put(call: dict[str, Any], event: Event) -> None:
        call[name] = value(event)

    return put


_DETAILS: Mapping[type[Event], Callable[[dict[str, Any], Any], None]] = {
    CacheUsed: _cache,
    Retrying: _retry,
    RetrySuppressed: _put("notRetried", lambda event: event.reason),
    HedgeFinished: _put("hedge", lambda event: "won" if event.won else "lost"),
    Coalesced: _put("joined", lambda event: event.joined),
    FellBack: _put("fallback", lambda event: event.reason),
    FaultInjected: _put("fault", lambda event: event.fault),
    BreakerRefused: _put("breaker", lambda event: event.state),
    PermitRefused: _put("refused", lambda event: event.reason),
    PermitWaited: _put("queueMs", lambda event: _ms(event.waited)),
}
"""What each event adds to its call."""


def sentences(entries: Iterable[Entry], began: float) -> list[str]:
    """Return one line for each of *entries* that says anything, with its milliseconds since *began*."""
    return [
        f"{_ms(entry.at - began):9.1f} ms  {said}"
        for entry in entries
        if (said := _said(entry.event, entry.breaker)) is not None
    ]


def _said(event: Any, breaker: str) -> str | None:
    words = _WORDS.get(type(event))
    if words is None:
        return None
    said = f"{event.upstream}.{event.endpoint}: {words(event)}"
    return said if breaker == "closed" else f"{said} (breaker {breaker})"


def _attempted(event: AttemptFinished) -> str:
    status = "" if event.status is None else f", status {event.status}"
    seconds = f"{_ms(event.seconds)} ms"
    place = "" if event.origin is None else f" at {event.origin}"
    return f"attempt {event.attempt}{place}: {event.outcome.value}{status}, after {seconds}"


def _asker(event: FaultInjected) -> str:
    return f"experiment {event.experiment}" if event.experiment else "the request asked for it"


_WORDS: Mapping[type[Event], Callable[[Any], str]] = {
    CallStarted: lambda event: f"call {event.call} begins",
    CallFinished: lambda event: f"call {event.call} ends: {event.outcome.value}, after {_ms(event.seconds)} ms",
    AttemptFinished: _attempted,
    Retrying: lambda event: f"sent again in {_ms(event.delay)} ms, because of {event.reason.value}",
    RetrySuppressed: lambda event: f"not sent again: {event.reason}",
    HedgeFinished: lambda event: f"a second send {'won' if event.won else 'lost'}",
    BreakerRefused: lambda event: f"not sent: circuit breaker {event.group} is {event.state}",
    CacheUsed: lambda event: f"cache {event.result}" + (f", {event.items} keys" if event.items > 1 else ""),
    Coalesced: lambda event: f"waits for the equal call of request {event.joined}",
    FellBack: lambda event: f"falls back: {event.reason}",
    FaultInjected: lambda event: f"fault on purpose: {event.fault}, {_asker(event)}",
    PermitRefused: lambda event: f"not sent: {event.reason}, after {_ms(event.waited)} ms in the queue",
    PermitWaited: lambda event: f"waited {_ms(event.waited)} ms in the queue",
}


def _ms(seconds: float) -> float:
    return round(seconds * 1000, 1)
