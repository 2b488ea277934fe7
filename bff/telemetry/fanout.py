"""One `Notify` for several listeners."""

from bff.events import Event, Notify


def fan_out(*listeners: Notify) -> Notify:
    """Return a `Notify` that tells each of *listeners*; one that raises stops nobody.

    An exception of a listener is passed to nobody: telling of failures must not be a way to fail.
    """

    def tell(event: Event) -> None:
        for listener in listeners:
            try:
                listener(event)
            except Exception:  # noqa: BLE001, S112 - an operation never fails because a listener does
                continue

    return tell
