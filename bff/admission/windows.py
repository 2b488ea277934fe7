"""Fixed and sliding windows, by the strategies of the library `limits`, beside GCRA (RL-7).

What that library leaves to its user is seen to here: commands are bounded and sent once, by our own client; keys
hold no text of a caller; costs are whole and not negative; what is refused is not charged.
"""

import time
from collections.abc import Awaitable, Callable, Sequence
from inspect import isawaitable
from math import ceil
from typing import Any

from limits.aio.storage import MemoryStorage, Storage
from limits.aio.storage.base import SlidingWindowCounterSupport
from limits.aio.storage.redis.bridge import RedisBridge
from limits.aio.strategies import FixedWindowRateLimiter, RateLimiter, SlidingWindowCounterRateLimiter

from bff.admission.buckets import Charge, Counted, Decision, Limiter, State
from bff.admission.gcra import SECOND
from bff.admission.shared import Scripts
from bff.store import StoreUnavailable

_EXPIRY = "return redis.call('PTTL', KEYS[1])"
_READ = "return redis.call('GET', KEYS[1])"


class ScriptStorage(Storage, SlidingWindowCounterSupport):
    """The library's storage on our own bounded client, with the library's own scripts; any kind of Redis."""

    STORAGE_SCHEME: list[str] | None = None

    def __init__(self, store: Scripts) -> None:
        super().__init__()
        self._store = store

    @property
    def base_exceptions(self) -> type[Exception]:
        """What the storage may raise."""
        return StoreUnavailable

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add *amount* and return the count."""
        return int(await self._store.evaluate(_text(RedisBridge.SCRIPT_INCR_EXPIRE), [key], [expiry, amount]))

    async def get(self, key: str) -> int:
        """Return the count."""
        return int(await self._store.evaluate(_READ, [key], []) or 0)

    async def get_expiry(self, key: str) -> float:
        """Return when the window ends, in seconds since the epoch; the strategy compares it with our own clock."""
        return max(int(await self._store.evaluate(_EXPIRY, [key], [])), 0) / 1000 + time.time()

    async def check(self) -> bool:
        """Return whether the store answers."""
        try:
            await self._store.evaluate("return 1", ["{v1}"], [])
        except StoreUnavailable:
            return False
        return True

    async def reset(self) -> int | None:
        """Nothing is ever reset as a whole: that would read every key."""
        return None

    async def clear(self, key: str) -> None:
        """Forget one window."""
        await self._store.evaluate("return redis.call('DEL', KEYS[1])", [key], [])

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Take *amount* unless the window is full."""
        script = _text(RedisBridge.SCRIPT_ACQUIRE_SLIDING_WINDOW)
        return bool(await self._store.evaluate(script, _both(key), [limit, expiry, amount]))

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Return count and remaining seconds of the last window and of this one."""
        told: Any = await self._store.evaluate(_text(RedisBridge.SCRIPT_SLIDING_WINDOW), _both(key), [expiry])
        if not told:
            return 0, 0.0, 0, 0.0
        last, last_left, this, this_left = (float(word or 0) for word in told)
        return int(last), max(0.0, last_left) / 1000, int(this), max(0.0, this_left) / 1000

    async def clear_sliding_window(self, key: str, expiry: int) -> None:  # noqa: ARG002 - the library's signature
        """Forget both windows."""
        for one in _both(key):
            await self.clear(one)


class WindowLimiter:
    """Puts windows beside another limiter, which goes first; what it took is given back when a window refuses.

    Args:
        gcra: Counts the limits of the other kind.
        store: Where windows are; None keeps them in this process.
        alone: Decides about windows while the store is away.
    """

    def __init__(
        self, gcra: Limiter, store: Scripts | None, alone: Callable[[Sequence[Charge]], Decision] | None = None
    ) -> None:
        self._gcra = gcra
        self._alone = alone
        storage = MemoryStorage() if store is None else ScriptStorage(store)
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


def _both(key: str) -> list[str]:
    """Return the keys of the last window and of this one."""
    return [f"{key}/-1", key]


def _text(script: bytes) -> str:
    return script.decode()
