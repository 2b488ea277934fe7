"""One `Notify` for several listeners."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, runtime_checkable

from bff.events import Event, Notify


@runtime_checkable
class Choosy(Protocol):
    """A listener that says beforehand which events it hears, so that the others cost nothing."""

    def handlers(self, kind: type[Event]) -> Sequence[Callable[[Any], None]]:
        """Return what takes events of *kind*."""


def fan_out(*listeners: Notify | Choosy) -> Notify:
    """Return a `Notify` that tells each of *listeners*, in their order; one that raises stops nobody.

    An exception of a listener is passed to nobody: telling of failures must not be a way to fail.
    """
    hearing = _Hearing(listeners)

    def tell(event: Event) -> None:
        for handle in hearing[type(event)]:
            try:
                handle(event)
            except Exception:  # noqa: BLE001, S112 - an operation never fails because a listener does
                continue

    return tell


class _Hearing(dict[type[Event], tuple[Callable[[Any], None], ...]]):
    """What takes events of each kind, found out at the first of them."""

    def __init__(self, listeners: Sequence[Notify | Choosy]) -> None:
        super().__init__()
        self._listeners = listeners

    def __missing__(self, kind: type[Event]) -> tuple[Callable[[Any], None], ...]:
        found: list[Callable[[Any], None]] = []
        for listener in self._listeners:
            if isinstance(listener, Choosy):
                found += listener.handlers(kind)
            else:
                found.append(listener)
        self[kind] = tuple(found)
        return self[kind]
