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
    hearing: dict[type[Event], tuple[Callable[[Any], None], ...]] = {}

    def tell(event: Event) -> None:
        kind = type(event)
        handlers = hearing.get(kind)
        if handlers is None:
            handlers = hearing[kind] = tuple(_handlers(listeners, kind))
        for handle in handlers:
            try:
                handle(event)
            except Exception:  # noqa: BLE001, S112 - an operation never fails because a listener does
                continue

    return tell


def _handlers(listeners: Sequence[Notify | Choosy], kind: type[Event]) -> list[Callable[[Any], None]]:
    found: list[Callable[[Any], None]] = []
    for listener in listeners:
        if isinstance(listener, Choosy):
            found += listener.handlers(kind)
        else:
            found.append(listener)
    return found
