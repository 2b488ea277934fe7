"""One limit of policy made ready for counting, and what is taken from it."""

from collections.abc import Awaitable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final, Literal, NamedTuple, Protocol

from limits import RateLimitItem

from bff.admission.gcra import SECOND, Gcra
from bff.policy.clients import Algorithm, Limit, OnStoreError
from bff.policy.rates import rate_of

Layer = Literal["address", "client", "user", "anonymous", "operation", "cost", "concurrency"]
"""What is counted, in the order of RL-8; `anonymous` stands where `user` does."""

Counted = Literal["process", "store", "share", "nowhere"]
"""Where a decision was made: in this process by policy, in Redis, here because Redis is away, not at all."""

TOLD: Final[frozenset[Counted]] = frozenset({"process", "store"})
"""Where figures were counted that clients may read; those of a share would mislead (RL-19)."""


@dataclass(frozen=True, slots=True, eq=False)
class Bucket:
    """One limit.

    Attributes:
        name: Its name for clients, in `RateLimit`.
        layer: What it counts.
        prefix: Begins the key of each of its partitions (RL-5).
        law: How it counts where all processes count together.
        share: How one process counts alone (RL-18).
        rate: What policy says.
        algorithm: `gcra`, or a window.
        enforced: Whether it refuses; one that is only measured counts.
        on_store_error: What happens without Redis.
    """

    name: str
    layer: Layer
    prefix: str
    law: Gcra
    share: Gcra
    rate: RateLimitItem
    algorithm: Algorithm
    enforced: bool
    on_store_error: OnStoreError

    @classmethod
    def of(cls, limit: Limit, *, policy: str, layer: Layer, share: int, name: str = "") -> "Bucket | None":
        """Return the bucket of *limit*, None where nothing is to be counted.

        Args:
            limit: What the policy says.
            policy: Whose it is: the name of a client's file, or `default`.
            layer: What it counts.
            share: Processes among which it is divided without a store.
            name: Which of several of a layer it is.
        """
        if not limit.counts or limit.rate is None:
            return None
        own = f"{layer}.{name}" if name else layer
        return cls(
            own,
            layer,
            f"rl:{{v1}}:{policy}:{own}:",
            Gcra.of(limit.rate, limit.at_once),
            Gcra.of(limit.rate, limit.at_once, share=share),
            rate_of(limit.rate),
            limit.algorithm,
            limit.mode == "enforce",
            limit.on_store_error,
        )

    @property
    def quota(self) -> int:
        """What it allows in `window` seconds: its `q` in `RateLimit-Policy`."""
        return max(self.rate.amount, self.law.burst) if self.algorithm == "gcra" else self.rate.amount

    @property
    def window(self) -> int:
        """The seconds in which `quota` comes back."""
        if self.quota == self.rate.amount:
            return self.rate.get_expiry()
        return max(1, -(-self.quota * self.law.interval // SECOND))


class Charge(NamedTuple):
    """What one request takes from one bucket: *cost* of its units, 0 to look. A request has each key once."""

    bucket: Bucket
    key: str
    cost: float = 1


class State(NamedTuple):
    """A bucket after a request.

    Attributes:
        over: Whether the request did not fit.
        remaining: Units that are there.
        reset: Microseconds until all are.
        wait: Microseconds until the request would fit; None when it never does, 0 when it did.
    """

    over: bool
    remaining: int
    reset: int
    wait: int | None = 0


class Decision(NamedTuple):
    """What became of a request's charges.

    Attributes:
        states: Each bucket after it, in the order of the charges, None where it was not asked; empty where nobody
            counted.
        refused: Which charge refused it, None when it was let in. Nothing was taken then.
        counted: Where that was decided.
    """

    states: Sequence[State | None]
    refused: int | None
    counted: Counted


class Limiter(Protocol):
    """Counts. All charges of a request are taken, or none (RL-4)."""

    def take(self, charges: Sequence[Charge]) -> Decision | Awaitable[Decision]:
        """Take *charges*; never fails."""

    def give_back(self, charges: Sequence[Charge], counted: Counted) -> Awaitable[None] | None:
        """Give back what was taken and not needed, where it was *counted*, if that can be done; never fails."""


def partition(*parts: str) -> str:
    """Return a name for *parts* that no others have, whatever characters are in them (RL-5)."""
    told = "".join(f"{len(part)}:{part}" for part in parts)
    return blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
