"""What all events are, and who hears them."""

from collections.abc import Callable

import msgspec


class Event(msgspec.Struct, frozen=True):
    """Base of all events: facts that nobody changes, made in C, for a small request tells a dozen."""


Notify = Callable[[Event], None]


def ignore(event: Event) -> None:
    """Do nothing with *event*."""
