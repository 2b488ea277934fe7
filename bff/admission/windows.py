"""Fixed and sliding windows, by the strategies of the library `limits`, beside GCRA (RL-7).

What that library leaves to its user is seen to here and in `window_storage`: commands are bounded and sent once,
by our own client; keys hold no text of a caller; costs are not negative; what is refused is not charged.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from math import ceil

from limits.aio.strategies import FixedWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter

from bff.admission.buckets import Charge, Counted, Decision, Limiter, State
from bff.admission.gcra import SECOND
from bff.admission.window_storage import ProcessStorage, ScriptStorage
from bff.store import StoreUnavailable


class WindowLimiter:
    """Puts windows beside another limiter, which goes first; what it took is given back when a window refuses.

    Args:
        gcra: Counts the limits of the other kind.
        storage: Where windows are.
        alone: Decides about windows while the store is away.
    """

    def __init__(
        self,
        gcra: Limiter,
        storage: ProcessStorage | ScriptStorage,
        alone: Callable[[Sequence[Charge]], Decision] | None = None,
    ) -> None:
        self._gcra = gcra
        self._alone = alone
        self._strategies: dict[str, RateLimiter] = {
            "fixed_window": FixedWindowRateLimiter(storage),
            "sliding_window": SlidingWindowCounterRateLimiter(storage),
        }

    def take(self, charges: Sequence[Charge]) -> Decision | Awaitable[Decision]:
        """Take *charges*; never fails."""
        windows = [place for place, charge in enumerate(charges) if charge.bucket.algorithm != "gcra"]
        return self._take(charges, windows) if windows else self._gcra.take(charges)

    def give_back(self, charges: Sequence[Charge], counted: Counted) -> Awaitable[None] | None:
        """Give back what GCRA counted; windows keep it."""
        return self._gcra.give_back([charge for charge in charges if charge.bucket.algorithm == "gcra"], counted)

    async def _take(self, charges: Sequence[Charge], windows: Sequence[int]) -> Decision:
        places = [place for place in range(len(charges)) if place not in windows]
        others = [charges[place] for place in places]
        found = self._gcra.take(others)
        first = await found if isawaitable(found) else found
        states: list[State | None] = [None] * len(charges)
        for place, state in zip(places, first.states, strict=False):
            states[place] = state
        if first.refused is not None:
            return Decision(states, places[first.refused], first.counted)
        counted = first.counted
        for place in windows:
            state, where = await self._state(charges[place])
            states[place] = state
            counted = counted if where is None else where
            if (state is None or state.over) and charges[place].bucket.enforced:
                given = self._gcra.give_back(others, first.counted)
                if given is not None:
                    await given
                return Decision(states, place, counted)
        return Decision(states, None, counted)

    async def _state(self, charge: Charge) -> tuple[State | None, Counted | None]:
        """Return one window, and where it was counted if that was not where windows belong."""
        try:
            return await self._window(charge), None
        except StoreUnavailable:
            if self._alone is None:
                raise
            decision = self._alone([charge])
            return next(iter(decision.states), None), decision.counted

    async def _window(self, charge: Charge) -> State:
        bucket = charge.bucket
        strategy, amount = self._strategies[bucket.algorithm], ceil(charge.cost)
        if amount < 0:
            raise ValueError(f"cost counts from 0, got {charge.cost}")
        # A fixed window charges what it refuses, so it is asked first.
        fits = await strategy.test(bucket.rate, charge.key, cost=amount) and (
            amount == 0 or await strategy.hit(bucket.rate, charge.key, cost=amount)
        )
        reset_time, remaining = await strategy.get_window_stats(bucket.rate, charge.key)
        reset = max(0, ceil((reset_time - time.time()) * SECOND))
        if fits:
            return State(over=False, remaining=remaining, reset=reset)
        wait = max(reset, 1) if amount <= bucket.rate.amount else None
        return State(over=True, remaining=remaining, reset=reset, wait=wait)
