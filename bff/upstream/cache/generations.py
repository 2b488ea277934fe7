"""Which generation each tag has: what makes kept answers untrue without touching them (CA-17, CA-21)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import NamedTuple

from bff.clock import Clock
from bff.store import Store, StoreUnavailable
from bff.upstream.cache.aftermath import Aftermath

EPOCH = "epoch"
"""The tag that every forgetting renews, so that a writer can tell whether any happened meanwhile (CA-21)."""

RECHECK = 1.0
"""Seconds for which a generation is believed without asking again (CA-17)."""
_KNOWN_TAGS = 100_000


class Mark(NamedTuple):
    """What was known before a fetch: the epoch and, in a shared store, the generations themselves."""

    epoch: int
    tags: Mapping[str, int]


class Generations:
    """The generations of tags, as far as the store tells them.

    Args:
        store: Where they are.
        clock: Tells how old an answer of the store is.
        aftermath: Of failures of the store.
    """

    def __init__(self, store: Store, *, clock: Clock, aftermath: Aftermath) -> None:
        self._store = store
        self._clock = clock
        self._aftermath = aftermath
        self._known: dict[str, tuple[int, float]] = {}

    async def current(self, tags: Iterable[str]) -> dict[str, int]:
        """Return the generations of *tags*, without those that cannot be known now."""
        wanted = list(tags)
        if not self._store.shared:
            return dict(await self._store.generations(wanted))
        now = self._clock.now()
        asked = [tag for tag in wanted if now - self._known.get(tag, (0, -RECHECK * 2))[1] > RECHECK]
        if asked and not self._aftermath.lasts:
            try:
                told = await self._store.generations(asked)
            except StoreUnavailable as failure:
                self._aftermath.begin(failure)
            else:
                if len(self._known) > _KNOWN_TAGS:
                    self._known.clear()
                self._known.update({tag: (generation, now) for tag, generation in told.items()})
        return {tag: self._known[tag][0] for tag in wanted if tag in self._known}

    async def mark(self, tags: Callable[[], Sequence[str]]) -> Mark:
        """Return what is known before a fetch.

        In a store of our own every generation is a number that grows, so that the epoch alone tells which tags
        were renewed after it; a shared one is asked for each of *tags*.
        """
        if not self._store.shared:
            return Mark((await self._store.generations((EPOCH,)))[EPOCH], {})
        told = await self.current([*(names := tags()), EPOCH])
        return Mark(told.get(EPOCH, 0), {name: told.get(name, 0) for name in names})

    async def since(self, mark: Mark, tags: Sequence[str]) -> dict[str, int] | None:
        """Return what an entry that was fetched after *mark* stores of *tags*.

        None where it must not be stored, because one of them was renewed meanwhile, or may have been (CA-21).
        """
        if not self._store.shared:
            told = dict(await self._store.generations(tags))
            return told if max(told.values(), default=0) <= mark.epoch else None
        late = [tag for tag in tags if tag not in mark.tags]
        told = {**mark.tags}
        if late:
            current = await self.current([*late, EPOCH])
            if current.get(EPOCH, 0) != mark.epoch:
                return None
            told.update({tag: current.get(tag, 0) for tag in late})
        return told

    def doubt(self, tags: Iterable[str] | None = None) -> None:
        """Ask for the generations of *tags*, or of all, again before believing them."""
        if tags is None:
            self._known.clear()
            return
        for tag in tags:
            self._known.pop(tag, None)
