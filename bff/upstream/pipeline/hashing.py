"""Keeps equal keys at one host, in every process and release (LB-4): a ring, or a Maglev table.

Both are made once of all hosts. When a host cannot be used, its keys go on to others and nobody else's key moves,
so nothing is computed anew while a host comes and goes.
"""

import hashlib
import math
from array import array
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from random import Random

from bff.upstream.pipeline.pick import Member, RandomPick

TABLE_SIZE = 65537
"""Entries of a Maglev table, a prime; the paper's own choice for small sets."""

RING_POINTS = 1024
"""Least number of points on a ring."""

_POINTS_A_HOST = 160
_PROBES = 64


def stable_hash(text: str, seed: int = 0) -> int:
    """Return 64 bits of SHA-256, the same in every process; `hash()` differs from one to the next."""
    digest = hashlib.sha256(b"%d\0" % seed + text.encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big")


def key_of(hash_on: str | None, subject: str, headers: Mapping[str, str]) -> str:
    """Return what a call is hashed by, "" for nothing.

    Args:
        hash_on: `user`, `header:NAME` or None, as the policy says.
        subject: Who asks, "" for nobody in particular.
        headers: The client's, names in lower case.
    """
    if hash_on is None:
        return ""
    return subject if hash_on == "user" else headers.get(hash_on.removeprefix("header:"), "")


class Hashed:
    """Picks by key; subclasses say in which order hosts are asked.

    Args:
        members: All hosts of the upstream.
        rng: For calls without a key.
        bounded_load: How many times the mean load a host takes before its keys go on; None for no bound.
    """

    def __init__(self, members: Sequence[Member], rng: Random, bounded_load: float | None = None) -> None:
        self._members = tuple(members)
        self._anywhere = RandomPick(rng)
        self._bounded_load = bounded_load

    def pick(self, members: Sequence[Member], now: float, key: str) -> Member:
        """Return one of *members*: the same for the same key, as long as it can be used."""
        if not key:
            return self._anywhere.pick(members, now, key)
        allowed = self._with_room(members)
        for member in self.order(key):
            if member in allowed:
                return member
        names = sorted(allowed, key=lambda member: member.name)
        return names[stable_hash(key) % len(names)]

    def order(self, key: str) -> Iterator[Member]:
        """Return hosts in the order in which *key* asks them."""
        raise NotImplementedError

    def _with_room(self, members: Sequence[Member]) -> Iterable[Member]:
        if self._bounded_load is None or len(members) == 1:
            return members
        total = sum(member.active for member in members) + 1
        shares = sum(member.share for member in members)
        with_room = [
            member
            for member in members
            if member.active < math.ceil(self._bounded_load * total * member.share / shares)
        ]
        return with_room or members


class RingHash(Hashed):
    """Points on a circle; a key belongs to the next one (Karger et al., 1997)."""

    def __init__(self, members: Sequence[Member], rng: Random, bounded_load: float | None = None) -> None:
        super().__init__(members, rng, bounded_load)
        shares = sum(member.share for member in members)
        points = max(RING_POINTS, _POINTS_A_HOST * len(members))
        ring = sorted(
            (stable_hash(f"{member.name}{member.prefix}#{point}"), index)
            for index, member in enumerate(members)
            for point in range(math.ceil(points * member.share / shares))
        )
        self._hashes = array("Q", (place for place, _ in ring))
        self._owners = array("H", (index for _, index in ring))

    def order(self, key: str) -> Iterator[Member]:
        """Return the owners of the points from *key* on, once around."""
        start = bisect_right(self._hashes, stable_hash(key))
        count = len(self._owners)
        for step in range(count):
            yield self._members[self._owners[(start + step) % count]]


class Maglev(Hashed):
    """A table that each host fills to its share, in its own order (Eisenbud et al., NSDI 2016, section 3.4)."""

    def __init__(
        self,
        members: Sequence[Member],
        rng: Random,
        bounded_load: float | None = None,
        *,
        size: int = TABLE_SIZE,
    ) -> None:
        super().__init__(members, rng, bounded_load)
        self._size = size
        self._table = maglev_table(
            [f"{member.name}{member.prefix}" for member in members], [member.share for member in members], size
        )

    def order(self, key: str) -> Iterator[Member]:
        """Return the owner of *key*'s entry, then those of entries that differ for each key."""
        for attempt in range(_PROBES):
            yield self._members[self._table[stable_hash(key, attempt) % self._size]]


def maglev_table(names: Sequence[str], weights: Sequence[float], size: int = TABLE_SIZE) -> "array[int]":
    """Return which of *names* each entry belongs to; *weights* say how large a part each gets.

    Args:
        names: Of the hosts; the table depends on them alone, not on their order.
        weights: Above 0.
        size: A prime, far above the number of hosts.
    """
    ranked = sorted(range(len(names)), key=lambda index: names[index])
    offsets = [stable_hash(name, 1) % size for name in names]
    skips = [stable_hash(name, 2) % (size - 1) + 1 for name in names]
    heaviest = max(weights)
    nobody = len(names)
    table = array("H", [nobody]) * size
    credit = [0.0] * len(names)
    filled = 0
    while True:
        for index in ranked:
            credit[index] += weights[index]
            if credit[index] < heaviest:
                continue
            credit[index] -= heaviest
            place, skip = offsets[index], skips[index]
            while table[place] != nobody:
                place = (place + skip) % size
            table[place] = index
            offsets[index] = (place + skip) % size
            filled += 1
            if filled == size:
                return table
