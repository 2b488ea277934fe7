"""What the cache knew of a call before it was sent; travels with it to the stages below."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from bff.policy.caching import CacheRules
from bff.upstream.cache.entry import Entry


@dataclass(slots=True)
class Lookup:
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
    items: Mapping[str, Entry] = field(default_factory=dict)

    @property
    def keys(self) -> list[str]:
        """Where to look, in this order."""
        return [key for key in (self.public, self.user) if key is not None]
