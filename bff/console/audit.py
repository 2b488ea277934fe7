"""The audit log: who did what, from where, when, and what came of it."""

from collections import deque
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, Final

from bff.events import AdminAction, Event

MOST: Final = 200
"""Actions that the console shows; the log has all of them."""


class Audit:
    """A listener that keeps the last actions.

    Args:
        wall: Seconds since the Unix epoch.
        most: How many; the oldest makes room.
    """

    def __init__(self, *, wall: Callable[[], float], most: int = MOST) -> None:
        self._wall = wall
        self._kept: deque[tuple[float, AdminAction]] = deque(maxlen=most)

    def handlers(self, kind: type[Event]) -> Sequence[Callable[[Any], None]]:
        """Return what takes events of *kind*."""
        return (self,) if kind is AdminAction else ()

    def __call__(self, event: Event) -> None:
        """Keep *event*."""
        if isinstance(event, AdminAction):
            self._kept.append((self._wall(), event))

    def told(self) -> list[dict[str, Any]]:
        """Return the actions, newest first, as JSON-ready data."""
        return [
            {
                "time": datetime.fromtimestamp(at, UTC).isoformat(timespec="milliseconds"),
                "who": one.who,
                "action": one.action,
                "detail": one.detail,
                "from": one.peer,
                "result": one.result,
                "status": one.status,
            }
            for at, one in reversed(self._kept)
        ]
