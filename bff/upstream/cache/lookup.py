"""What the cache knew of a call before it was sent; travels with it to the stages below."""

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

import msgspec

from bff.policy.caching import CacheRules
from bff.upstream.cache import keys as naming
from bff.upstream.cache.entry import Entry

if TYPE_CHECKING:
    from bff.upstream.pipeline.call import Call


class Lookup(msgspec.Struct):
    """Where an answer would be kept, and what is there.

    Attributes:
        rules: What holds for the endpoint.
        public: Key for everybody; None where policy keeps nothing for everybody.
        user: Key for this user; None where the call tells nobody apart or policy keeps nothing for one user.
        credentials: Whether the call carried anything that tells users apart.
        entry: An old answer.
        items: Old answers of a batch, by its keys.
    """

    rules: CacheRules
    public: str | None
    user: str | None
    credentials: bool
    entry: Entry | None = None
    items: Mapping[str, Entry] = msgspec.field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        """Where to look, in this order."""
        return [key for key in (self.public, self.user) if key is not None]

    def about(self, keys: Collection[str]) -> "Lookup":
        """Return what is known of these *keys* of the batch."""
        return msgspec.structs.replace(
            self, items={key: entry for key, entry in self.items.items() if key in keys}
        )


def lookup_of(call: "Call", rules: CacheRules, version: str) -> Lookup:
    """Return where the answer to *call* would be kept by *rules*, for types of *version*."""
    part = naming.partition(call, rules)
    alone = None
    if part is not None and rules.scope != "public":
        alone = naming.primary(version, call, rules, part)
    if rules.scope == "user" and part is not None:
        return Lookup(rules, None, alone, credentials=True)
    return Lookup(rules, naming.primary(version, call, rules, None), alone, part is not None)


class Prospects:
    """Which endpoints of one upstream give answers that may be kept, as far as is known.

    An endpoint whose first answers may not be kept is not looked for until one may: no key, no read and no lease.
    Once something of it was kept it stays worth looking for.
    """

    __slots__ = ("_hopeless", "_kept")

    def __init__(self) -> None:
        self._kept: set[str] = set()
        self._hopeless: set[str] = set()

    def hopeless(self, endpoint: str) -> bool:
        """Return whether nothing of *endpoint* was worth keeping so far, and there were answers."""
        return endpoint in self._hopeless

    def keepable(self, endpoint: str) -> None:
        """Note an answer that may be kept."""
        self._kept.add(endpoint)
        self._hopeless.discard(endpoint)

    def unkeepable(self, endpoint: str) -> None:
        """Note an answer that may not be kept."""
        if endpoint not in self._kept:
            self._hopeless.add(endpoint)
