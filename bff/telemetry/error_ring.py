"""The last errors that clients read, each with what happened to its request; `bff why` asks for them."""

from collections import Counter, OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import islice
from typing import Any

import msgspec

from bff.events import ErrorsTold, ErrorTold, Event
from bff.telemetry.journal import Entry, Journals
from bff.telemetry.redaction import redact
from bff.telemetry.story import sentences
from bff.telemetry.wording import text_of

_MOST_ENTRIES = 100
"""Events kept with one error."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One error, and what was told about its service until then.

    Attributes:
        told: The error; without its exception, which would keep a whole operation alive.
        exception: Kind and text of that exception.
        wall: When, in seconds since the Unix epoch.
        operation: Name of the operation.
        began: When that began, on the monotonic clock.
        entries: What events said.
        codes: All errors of the same answer, by code.
    """

    told: ErrorTold
    exception: str | None
    wall: float
    operation: str | None
    began: float
    entries: tuple[Entry, ...]
    codes: dict[str, int]

    def head(self) -> dict[str, Any]:
        """Return what fits into one line of a list, as JSON-ready data."""
        told = self.told
        return {
            "errorId": told.error_id,
            "time": datetime.fromtimestamp(self.wall, UTC).isoformat(timespec="milliseconds"),
            "operation": self.operation,
            "code": told.code.value,
            "path": None if told.path is None else ".".join(map(str, told.path)),
            "upstream": told.upstream,
        }

    def report(self) -> dict[str, Any]:
        """Return it as JSON-ready data, without anybody's credentials."""
        told = self.told
        return {
            **self.head(),
            "requestId": told.request_id,
            "detail": redact(told.detail),
            "exception": redact(self.exception) if self.exception else None,
            "story": sentences(self.entries, self.began),
            "errorsOfAnswer": self.codes,
        }


class ErrorRing:
    """A listener that keeps the last errors.

    Args:
        journals: What events said; has to hear of events before this does.
        wall: Seconds since the Unix epoch.
        most: How many errors; the oldest makes room.
    """

    def __init__(self, journals: Journals, *, wall: Callable[[], float], most: int = 1000) -> None:
        self._journals = journals
        self._wall = wall
        self._most = most
        self._kept: OrderedDict[str, Kept] = OrderedDict()

    def handlers(self, kind: type[Event]) -> Sequence[Callable[[Any], None]]:
        """Return what takes events of *kind*."""
        return (self,) if kind is ErrorsTold else ()

    def __call__(self, event: ErrorsTold) -> None:
        """Keep the errors of one answer."""
        journal = self._journals.of(event.request_id)
        codes = dict(Counter(error.code.value for error in event.errors))
        about: dict[str | None, tuple[Entry, ...]] = {}
        for error in event.errors[-self._most :]:
            if error.upstream not in about:
                found = () if journal is None else tuple(journal.about(error.upstream))[-_MOST_ENTRIES:]
                about[error.upstream] = found
            self._kept[error.error_id] = Kept(
                msgspec.structs.replace(error, exception=None),
                text_of(error.exception) if error.exception else None,
                self._wall(),
                journal.name if journal else None,
                journal.began if journal else 0.0,
                about[error.upstream],
                codes,
            )
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def __len__(self) -> int:
        """Return how many errors are kept."""
        return len(self._kept)

    def last_of(self, upstream: str) -> tuple[str, float] | None:
        """Return the code of the last error about *upstream* and its age in seconds, None where none is kept."""
        found = next((one for one in reversed(self._kept.values()) if one.told.upstream == upstream), None)
        return None if found is None else (found.told.code.value, max(0.0, self._wall() - found.wall))

    def latest(self, most: int) -> list[Kept]:
        """Return the last errors, newest first, *most* of them."""
        return list(islice(reversed(self._kept.values()), most))

    def find(self, error_id: str) -> Kept | None:
        """Return the error *error_id*, None where it was never told here or has made room."""
        return self._kept.get(error_id)
