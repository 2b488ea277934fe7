"""What operators did to a running process."""

from typing import Literal

from bff.events.base import Event


class AdminAction(Event, frozen=True):
    """Somebody changed something through the admin port, or tried to.

    Attributes:
        who: Whom credentials name, or `local` for somebody on this machine.
        action: Which one, such as `breakers`, `cache/purge` or `DELETE experiments/7`.
        detail: What was asked for, in the request's own words.
        peer: The address that the request came from.
        result: Whether it was done, was not permitted, or could not be done.
        status: Of the answer.
    """

    who: str
    action: str
    detail: str
    peer: str
    result: Literal["done", "refused", "failed"]
    status: int
