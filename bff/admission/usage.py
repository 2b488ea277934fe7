"""Who asked what lately, counted for the admin port; bounded, whatever clients call themselves."""

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any, Final

from bff.events import ClientRefused, DeprecatedFieldsUsed, Event, LimiterDegraded, LimitExceeded, StoreFailed

MOST: Final = 1000
"""Different clients, or fields of clients, that are counted apart; the rest together."""

OTHERS: Final = "(others)"

_COUNTED = frozenset({ClientRefused, DeprecatedFieldsUsed, LimiterDegraded, LimitExceeded, StoreFailed})


class Usage:
    """Counts since the process began; listens to events.

    Args:
        most: How many are counted apart.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._requests: Counter[tuple[str, str]] = Counter()
        self._fields: Counter[tuple[str, str, str]] = Counter()
        self._refused: Counter[tuple[str, str, str, str]] = Counter()
        self._turned_away: Counter[str] = Counter()
        self._store_errors = 0
        self._degraded = False

    def handlers(self, kind: type[Event]) -> Sequence[Callable[[Any], None]]:
        """Return what counts events of *kind*."""
        return (self,) if kind in _COUNTED else ()

    def __call__(self, event: Event) -> None:
        """Count *event*."""
        if isinstance(event, LimitExceeded):
            how = "refused" if event.enforced else "measured"
            self._refused[event.policy, event.limit, how, event.counted] += 1
        elif isinstance(event, DeprecatedFieldsUsed):
            for field in event.fields:
                self._add(self._fields, (event.client, event.version, field), (OTHERS, "", field))
        elif isinstance(event, ClientRefused):
            self._turned_away[event.reason] += 1
        elif isinstance(event, LimiterDegraded):
            self._degraded = event.degraded
        elif isinstance(event, StoreFailed) and event.use == "ratelimit":
            self._store_errors += 1

    def came(self, name: str, version: str | None) -> None:
        """Count a request of the client *name* in *version*."""
        self._add(self._requests, (name, version or ""), (OTHERS, ""))

    def _add(self, counter: Counter[Any], key: tuple[str, ...], else_: tuple[str, ...]) -> None:
        if key not in counter and len(counter) >= self._most:
            key = else_
        counter[key] += 1

    def told(self) -> dict[str, Any]:
        """Return all counts, the largest first."""
        return {
            "clients": [
                {"client": name, "version": version, "requests": count}
                for (name, version), count in self._requests.most_common()
            ],
            "deprecatedFields": [
                {"client": name, "version": version, "field": field, "operations": count}
                for (name, version, field), count in self._fields.most_common()
            ],
            "limits": [
                {"policy": policy, "limit": limit, "decision": how, "counted": counted, "requests": count}
                for (policy, limit, how, counted), count in self._refused.most_common()
            ],
            "turnedAway": dict(self._turned_away),
            "storeErrors": self._store_errors,
            "degraded": self._degraded,
        }
