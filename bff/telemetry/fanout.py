"""One `Notify` for several listeners."""

from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, Protocol, runtime_checkable

from bff.events import Event, Notify


@runtime_checkable
class Choosy(Protocol):
    """A listener that says beforehand which events it hears, so that the others cost nothing."""

    def handlers(self, kind: type[Event]) -> Sequence[Callable[[Any], None]]:
        """Return what takes events of *kind*."""


class Only:
    """A listener that hears events of *kinds* and no others."""

    def __init__(self, kinds: Collection[type[Event]], listener: Notify) -> None:
        self._kinds = frozenset(kinds)
        self._listener = listener

    def handlers(self, kind: type[Event]) -> Sequence[Callable[[Any], None]]:
        """Return what takes events of *kind*."""
        return (self._listener,) if kind in self._kinds else ()


class Hearing(dict[type[Event], tuple[Callable[[Any], None], ...]]):
    """What takes events of each kind, found out at the first of them."""

    def __init__(self, listeners: Iterable[Notify | Choosy]) -> None:
        super().__init__()
        self._listeners = list(listeners)

    def add(self, listener: Notify | Choosy) -> None:
        """Let *listener* hear, too, after all others."""
        self._listeners.append(listener)
        self.clear()

    def __missing__(self, kind: type[Event]) -> tuple[Callable[[Any], None], ...]:
        found: list[Callable[[Any], None]] = []
        for listener in self._listeners:
            if isinstance(listener, Choosy):
                found += listener.handlers(kind)
            else:
                found.append(listener)
        self[kind] = tuple(found)
        return self[kind]


def fan_out(*listeners: Notify | Choosy) -> Notify:
    """Return a `Notify` that tells each of *listeners*, in their order; one that raises stops nobody.

    An exception of a listener is passed to nobody: telling of failures must not be a way to fail.
    """
    return telling(Hearing(listeners))


def telling(hearing: Hearing) -> Notify:
    """Return what tells all of *hearing*, also those that join it later; otherwise as `fan_out`."""

    def tell(event: Event) -> None:
        for handle in hearing[type(event)]:
            try:
                handle(event)
            except Exception:  # noqa: BLE001, S112 - an operation never fails because a listener does
                continue

    return tell
