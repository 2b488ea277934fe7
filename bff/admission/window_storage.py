"""Where windows are kept: in this process, or in Redis; both as storages of the library `limits` (RL-7).

The library's own ones are not used: that in Redis brings a client without bounds, that in memory looks at every
window with each request and cannot be told the time.
"""

import time
from typing import Any

from limits.aio.storage import Storage
from limits.aio.storage.base import SlidingWindowCounterSupport
from limits.aio.storage.redis.bridge import RedisBridge

from bff.admission.local import MAX_KEYS
from bff.admission.shared import Scripts
from bff.clock import Clock
from bff.store import StoreUnavailable

_EXPIRY = "return redis.call('PTTL', KEYS[1])"
_READ = "return redis.call('GET', KEYS[1])"


class _Window:
    """One key's counts: of the window that began at `began` and of the one before it."""

    __slots__ = ("began", "expiry", "last", "this")

    def __init__(self, began: float, expiry: int) -> None:
        self.began = began
        self.expiry = expiry
        self.last = 0
        self.this = 0


class ProcessStorage(Storage, SlidingWindowCounterSupport):
    """Windows in this process; the first request begins them, as in Redis.

    Args:
        clock: Tells when they end.
        max_keys: Windows kept; beyond it the one longest untouched is forgotten.
    """

    STORAGE_SCHEME: list[str] | None = None

    def __init__(self, clock: Clock, *, max_keys: int = MAX_KEYS) -> None:
        super().__init__()
        self._clock = clock
        self._max_keys = max_keys
        self._windows: dict[str, _Window] = {}

    def __len__(self) -> int:
        return len(self._windows)

    @property
    def base_exceptions(self) -> type[Exception]:
        """What the storage may raise: nothing."""
        return StoreUnavailable

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Add *amount* and return the count."""
        window = self._touch(key, expiry)
        window.this += amount
        return window.this

    async def get(self, key: str) -> int:
        """Return the count."""
        window = self._windows.get(key)
        return window.this if window is not None and self._left(window) > 0 else 0

    async def get_expiry(self, key: str) -> float:
        """Return when the window ends, in seconds since the epoch, by the clock that the strategy reads."""
        window = self._windows.get(key)
        return time.time() + (max(0.0, self._left(window)) if window is not None else 0.0)

    async def check(self) -> bool:
        """Return that it is there."""
        return True

    async def reset(self) -> int | None:
        """Forget everything and return how much that was."""
        count = len(self._windows)
        self._windows.clear()
        return count

    async def clear(self, key: str) -> None:
        """Forget one window."""
        self._windows.pop(key, None)

    async def acquire_sliding_window_entry(self, key: str, limit: int, expiry: int, amount: int = 1) -> bool:
        """Take *amount* unless the window is full."""
        window = self._touch(key, expiry, sliding=True)
        before = int(window.last * self._left(window) / expiry)
        if before + window.this + amount > limit:
            return False
        window.this += amount
        return True

    async def get_sliding_window(self, key: str, expiry: int) -> tuple[int, float, int, float]:
        """Return count and remaining seconds of the last window and of this one."""
        if key not in self._windows:
            return 0, 0.0, 0, 0.0
        window = self._touch(key, expiry, sliding=True)
        left = self._left(window)
        return window.last, left, window.this, left + expiry

    async def clear_sliding_window(self, key: str, expiry: int) -> None:  # noqa: ARG002 - the library's signature
        """Forget both windows."""
        self._windows.pop(key, None)

    def _left(self, window: _Window) -> float:
        return window.began + window.expiry - self._clock.now()

    def _touch(self, key: str, expiry: int, *, sliding: bool = False) -> _Window:
        """Return the window of *key* that is open now; the one before it counts only where it slides."""
        now = self._clock.now()
        window = self._windows.pop(key, None)
        if window is None or now >= window.began + expiry * (2 if sliding else 1):
            window = _Window(now, expiry)
        elif now >= window.began + expiry:
            window.began, window.last, window.this = window.began + expiry, window.this, 0
        self._windows[key] = window
        if len(self._windows) > self._max_keys:
            del self._windows[next(iter(self._windows))]
        return window


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
        """Return when the window ends, in seconds since the epoch, by the clock that the strategy reads."""
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


def _both(key: str) -> list[str]:
    """Return the keys of the last window and of this one."""
    return [f"{key}/-1", key]


def _text(script: bytes) -> str:
    return script.decode()
