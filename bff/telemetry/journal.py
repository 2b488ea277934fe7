"""What events said about each request while it ran, for `extensions.trace` and for whoever asks why it failed."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import msgspec

from bff.clock import Clock
from bff.events import (
    AttemptFinished,
    BreakerChanged,
    BreakerRefused,
    BreakerState,
    CacheUsed,
    CallFinished,
    CallStarted,
    Coalesced,
    Event,
    FaultInjected,
    FellBack,
    HedgeFinished,
    OperationAbandoned,
    OperationFinished,
    OperationStarted,
    PermitRefused,
    PermitWaited,
    Retrying,
    RetrySuppressed,
)

MOST_ENTRIES = 2000
"""Events of one request that are kept: more than its attempts can cause by default."""

_MOST_JOURNALS = 20_000
"""Requests at once; beyond that the oldest is forgotten, for its end was never told."""

_ABOUT_CALLS = frozenset(
    {
        AttemptFinished,
        BreakerRefused,
        CacheUsed,
        CallFinished,
        CallStarted,
        Coalesced,
        FaultInjected,
        FellBack,
        HedgeFinished,
        PermitRefused,
        PermitWaited,
        Retrying,
        RetrySuppressed,
    }
)


class Entry(msgspec.Struct, frozen=True):
    """One event, when it was told on the monotonic clock, and what its circuit breaker was in (attempts only)."""

    at: float
    event: Event
    breaker: BreakerState = "closed"


class Journal(msgspec.Struct, eq=False):
    """One request: its operation, and what was told about it since.

    Attributes:
        request_id: Names the request.
        name: Of the operation.
        began: When it began, on the monotonic clock.
        entries: What was told, in order.
        running: Operations of the request that have not ended.
    """

    request_id: str
    name: str | None
    began: float
    entries: list[Entry] = msgspec.field(default_factory=list)
    running: int = 1

    def about(self, upstream: str | None) -> Iterator[Entry]:
        """Return what was told about calls to *upstream*; None for all."""
        return (
            entry for entry in self.entries if upstream is None or getattr(entry.event, "upstream", "") == upstream
        )


class Journals:
    """A listener that keeps one `Journal` for each operation under way.

    The operations of one HTTP request that carries several have one journal together.

    Args:
        clock: Tells when.
    """

    def __init__(self, clock: Clock) -> None:
        self._open: dict[str, Journal] = {}
        self._breakers: dict[tuple[str, str], BreakerState] = {}
        self._write, self._write_attempt = self._writers(clock.now)

    def __call__(self, event: Event) -> None:
        """Write *event* down where it belongs."""
        for handle in self.handlers(type(event)):
            handle(event)

    def handlers(self, kind: type[Event]) -> Sequence[Callable[[Any], None]]:
        """Return what takes events of *kind*."""
        if kind in _ABOUT_CALLS:
            return (self._write_attempt if kind is AttemptFinished else self._write,)
        if kind is OperationStarted:
            return (self._begin,)
        if kind in {OperationFinished, OperationAbandoned}:
            return (self._end,)
        return (self._note,) if kind is BreakerChanged else ()

    def of(self, request_id: str) -> Journal | None:
        """Return the journal of a request under way, None where there is none."""
        return self._open.get(request_id)

    def _begin(self, event: OperationStarted) -> None:
        request_id = event.request_id
        if request_id in self._open:
            self._open[request_id].running += 1
            return
        if len(self._open) >= _MOST_JOURNALS:
            del self._open[next(iter(self._open))]
        self._open[request_id] = Journal(request_id, event.name, event.began)

    def _end(self, event: OperationFinished | OperationAbandoned) -> None:
        journal = self._open.get(event.request_id)
        if journal is None:
            return
        journal.running -= 1
        if not journal.running:
            del self._open[event.request_id]

    def _writers(self, now: Callable[[], float]) -> tuple[Callable[[Any], None], Callable[[Any], None]]:
        """Return what writes down events about calls, and attempts; closures, for each call has several."""
        journals, breakers = self._open, self._breakers

        def write(event: Any) -> None:
            try:
                entries = journals[event.request_id].entries
            except KeyError:
                return
            if len(entries) < MOST_ENTRIES:
                entries.append(Entry(now(), event))

        def write_attempt(event: AttemptFinished) -> None:
            try:
                entries = journals[event.request_id].entries
            except KeyError:
                return
            if len(entries) < MOST_ENTRIES:
                breaker = breakers.get((event.upstream, event.group), "closed") if breakers else "closed"
                entries.append(Entry(now(), event, breaker))

        return write, write_attempt

    def _note(self, event: BreakerChanged) -> None:
        place = (event.upstream, event.group)
        if event.after == "closed":
            self._breakers.pop(place, None)
        else:
            self._breakers[place] = event.after
