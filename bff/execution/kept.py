"""Whole answers, kept while every part of them is fresh: what clients and CDNs may keep, their server may, too.

Only what nobody was looked at for: an answer that depends on who asks is made anew, from parts that may be kept.
"""

import math
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, NamedTuple

from msgspec.structs import replace

from bff.clock import Clock
from bff.execution.messages import Answer

_LARGEST: Final = 256 * 1024
"""Bytes of an answer that is kept: making a large one anew costs little beside sending it."""


class Kept(NamedTuple):
    """One answer, which request it was made for, when its parts were looked at, and until when they are fresh."""

    answer: Answer
    request_id: str
    since: float
    until: float


class KeptAnswers:
    """The least recently used go first.

    Args:
        most: How many are kept; 0 for none.
        clock: Tells when they grow old.
        unchecked_for: For how many seconds an answer is good without asking the store that processes share whether
            anything was forgotten (CA-17).
    """

    def __init__(self, most: int, *, clock: Clock, unchecked_for: Callable[[], float] = lambda: math.inf) -> None:
        self._most = most
        self._now = clock.now
        self._unchecked_for = unchecked_for
        self._kept: OrderedDict[object, Kept] = OrderedDict()
        self.epoch = 0
        """Renewed whenever something is forgotten: what was begun before is not kept (CA-21)."""

    def now(self) -> float:
        """Return the time by which an answer that is begun now grows old."""
        return self._now()

    def get(self, key: object) -> Kept | None:
        """Return what is kept under *key*, with the time that is left; None where nothing is fresh any more."""
        kept = self._kept.get(key)
        if kept is None:
            return None
        now = self._now()
        left = int(kept.until - now)
        if left < 1 or now - kept.since > self._unchecked_for() or _size(kept.answer) > _LARGEST:
            del self._kept[key]
            return None
        self._kept.move_to_end(key)
        if left != kept.answer.max_age:  # its bytes go along
            kept = self._kept[key] = kept._replace(answer=replace(kept.answer, max_age=left))
        return kept

    def put(self, key: object, answer: Answer, request_id: str, *, since: float, epoch: int) -> None:
        """Keep *answer*, whose execution began at *since* in *epoch*, if it may be kept at all."""
        if not self._most or epoch != self.epoch or not may_be_kept(answer):
            return
        self._kept[key] = Kept(replace(answer, story=None), request_id, since, since + answer.max_age)
        if len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def forget(self) -> None:
        """Forget all: parts of them may have changed."""
        self.epoch += 1
        self._kept.clear()


def may_be_kept(answer: Answer) -> bool:
    """Return whether *answer* is whole and anybody's (CA-23)."""
    return answer.max_age > 0 and not (answer.private or answer.degraded or "errors" in answer.body)


def _size(answer: Answer) -> int:
    return sum(map(len, answer.pieces)) if answer.pieces is not None else 0
