"""Counting in this process: no store, no waiting."""

from collections.abc import Sequence

from bff.admission.buckets import Charge, Counted, Decision, State
from bff.admission.gcra import SECOND
from bff.clock import Clock

MAX_KEYS = 100_000
"""Buckets kept; beyond it the one longest untouched is forgotten, which fills it."""

_LOOKS = 2


class LocalLimiter:
    """Counts in this process, by the share of each limit that one process has.

    Args:
        clock: Tells the time; only its monotonic one counts.
        counted: What to say about where this was counted.
        max_keys: Buckets kept.
        tats: What has been counted so far, by key, as GCRA keeps it; whoever hands it in may hand it on.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        counted: Counted = "process",
        max_keys: int = MAX_KEYS,
        tats: dict[str, int] | None = None,
    ) -> None:
        self._clock = clock
        self._counted = counted
        self._max_keys = max_keys
        self._tats = {} if tats is None else tats

    def __len__(self) -> int:
        return len(self._tats)

    def take(self, charges: Sequence[Charge]) -> Decision:
        """Take *charges*, all or none."""
        now = int(self._clock.now() * SECOND)
        tats = self._tats
        states: list[State] = []
        taken: list[tuple[str, int]] = []
        refused = None
        for bucket, key, cost in charges:
            law = bucket.share
            interval, tolerance = law.interval, law.tolerance
            price = interval if cost == 1 else law.price(cost)
            debt = law.debt(tats[key], now) if key in tats else 0
            after = debt + price
            if after <= tolerance:
                taken.append((key, now + after))
                states.append(State(False, (tolerance - after) // interval, after))
                continue
            if refused is None and bucket.enforced:
                refused = len(states)
            states.append(State(True, law.remaining(debt), debt, law.wait(debt, price)))
        if refused is None:
            for key, tat in taken:
                self._put(key, tat, now)
            return Decision(states, None, self._counted)
        return Decision(self._looked(charges, now), refused, self._counted)

    def _looked(self, charges: Sequence[Charge], now: int) -> list[State]:
        """Return the buckets as they are, for a request that took nothing."""
        states = []
        for bucket, key, cost in charges:
            law = bucket.share
            price = law.price(cost)
            debt = law.debt(self._tats.get(key, 0), now)
            over = debt + price > law.tolerance
            states.append(State(over, law.remaining(debt), debt, law.wait(debt, price) if over else 0))
        return states

    def give_back(self, charges: Sequence[Charge], counted: Counted = "process") -> None:  # noqa: ARG002 - as the port
        """Give back what was taken and not needed."""
        now = int(self._clock.now() * SECOND)
        for bucket, key, cost in charges:
            tat = self._tats.get(key)
            if tat is not None:
                self._put(key, bucket.share.give_back(tat, now, bucket.share.price(cost)), now)

    def note(self, charge: Charge, debt: int) -> None:
        """Take over what all have counted together, so that a share is as full as the whole was.

        Args:
            charge: Whose bucket it is.
            debt: Microseconds until the whole is full.
        """
        now = int(self._clock.now() * SECOND)
        bucket = charge.bucket
        self._put(charge.key, now + debt * bucket.share.tolerance // bucket.law.tolerance, now)

    def _put(self, key: str, tat: int, now: int) -> None:
        """Keep *tat*, and forget up to two old buckets that are full by now, or too many."""
        tats = self._tats
        tats.pop(key, None)
        if tat > now:
            tats[key] = tat
        for _ in range(_LOOKS):
            if not tats:
                return
            oldest = next(iter(tats))
            if tats[oldest] > now and len(tats) <= self._max_keys:
                return
            del tats[oldest]
