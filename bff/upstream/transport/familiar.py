"""Response heads that came before, byte for byte: what the parser made of them is still true.

A service says the same again and again (`Date` changes once a second), and reading a head costs most of reading a
small response.
"""

from collections.abc import Callable
from typing import NamedTuple

LONGEST = 2048
"""Bytes of a head that is worth keeping; longer ones hold what is said only once, such as cookies."""

MOST = 256
"""Heads kept for one transport: a megabyte at the worst."""


class Familiar(NamedTuple):
    """What a head says.

    Attributes:
        status: The HTTP status.
        headers: As of the response; to be copied.
        length: Bytes of the body that follows.
    """

    status: int
    headers: dict[str, str]
    length: int


class FamiliarHeads:
    """The heads of one transport's responses that announce a body of known length, not coded, and no end.

    What they mean depends on the limits that they were read with, so that no two transports share them.
    """

    __slots__ = ("_heads", "get")

    def __init__(self) -> None:
        self._heads: dict[bytes, Familiar] = {}
        self.get: Callable[[bytes], Familiar | None] = self._heads.get

    def __len__(self) -> int:
        return len(self._heads)

    def learn(self, head: bytes, meaning: Familiar) -> None:
        """Keep what *head*, with the empty line at its end, means; when there are too many, begin anew."""
        if len(head) > LONGEST:
            return
        if len(self._heads) >= MOST:
            self._heads.clear()
        self._heads[head] = meaning
