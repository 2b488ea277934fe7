"""What is kept of one answer."""

from collections.abc import Mapping

import msgspec

_OVERHEAD = 500
"""Bytes that an entry takes besides its body and header fields, measured."""


class Entry(msgspec.Struct):
    """One kept answer; moments are on the monotonic clock, times in seconds.

    Attributes:
        status: 404 stands for "there is no such thing".
        headers: Those of the answer, without what belongs to one connection.
        born: When its age was nothing, by RFC 9111, section 4.2.3.
        made: When the service made it, as exactly as we know; what clients are told as its age counts from here.
        ttl: How long it is fresh after `born`.
        swr: How long after that it is given while it is fetched anew.
        sie: How long after that it stands in for a failing service.
        no_cache: Whether it is asked about before each use.
        private: Whether it is one user's.
        delta: How long the service took.
        tags: The generation of each tag when it was fetched (CA-21).
        key: Under which it is kept.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    born: float
    made: float
    ttl: float
    swr: float = 0.0
    sie: float = 0.0
    no_cache: bool = False
    private: bool = False
    delta: float = 0.0
    tags: dict[str, int] = msgspec.field(default_factory=dict)
    key: str = ""

    @property
    def size(self) -> int:
        """How many bytes it takes, about."""
        return _OVERHEAD + len(self.body) + sum([len(name) + len(value) for name, value in self.headers.items()])

    @property
    def life(self) -> float:
        """How long after `born` it is of any use, in seconds."""
        return self.ttl + max(self.swr, self.sie, _REVALIDATION if self.validators else 0.0)

    @property
    def validators(self) -> dict[str, str]:
        """The request headers that ask whether it still holds (CA-6)."""
        asked = {}
        if etag := self.headers.get("etag"):
            asked["if-none-match"] = etag
        if modified := self.headers.get("last-modified"):
            asked["if-modified-since"] = modified
        return asked


_REVALIDATION = 3600.0
"""Seconds for which an old answer is kept because asking about it is cheaper than fetching it."""


class VarySpec(msgspec.Struct, frozen=True):
    """Says that answers under a key differ by request headers *names*, and which *variants* are kept (CA-4)."""

    names: tuple[str, ...]
    variants: tuple[str, ...] = ()

    @property
    def size(self) -> int:
        """How many bytes it takes, about."""
        return _OVERHEAD + 80 * len(self.variants)
