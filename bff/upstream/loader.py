"""Collects what fields ask an application's function for one by one, and survives that some of the askers leave.

A wrapper around aiodataloader, which on its own hands the cancellation of one waiter to all others and keeps the
broken future (PY-10, F6). Made per operation; never shared between operations. Endpoints, whose askers come with
many keys each, use `Waves`.
"""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Hashable, Sequence
from functools import partial
from typing import Any, Generic, TypeVar
from weakref import ref

from aiodataloader import DataLoader

from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome

K = TypeVar("K")
V = TypeVar("V")

Fetch = Callable[[list[K]], Awaitable[Sequence[V | Exception]]]
"""Returns one value or exception for each key, in the order of the keys."""


class WrongBatch(Exception):
    """A batch function did not return one value for each key."""

    def __init__(self, name: str, keys: int, returned: object) -> None:
        what = f"{len(returned)} values" if isinstance(returned, Sequence) else f"a {type(returned).__name__}"
        super().__init__(
            f"{name} returned {what} for {keys} keys: return one value, None or an exception for each key, "
            "in the order of the keys"
        )


class LoaderOutsideOperation(RuntimeError):
    """A loader was made where no operation runs, such as at import time."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"the loader of {name} was made outside a running operation: loaders hold one user's data and live as "
            "long as one operation; call the endpoint with a context instead"
        )


class _Failed:
    """Carries an error through a future, which would complain if nobody came to read an exception."""

    __slots__ = ("error",)

    def __init__(self, error: Exception) -> None:
        self.error = error


class Loader(Generic[K, V]):
    """Loads values by key in batches of at most *max_keys*.

    A waiter may leave at any time without harm to the others; a batch that nobody waits for any more is cancelled
    (DL-3). Failures are told to all who wait and then forgotten, so that a later wave may try again.

    Args:
        fetch: Loads one batch.
        name: Names the loader in errors.
        max_keys: Longest batch; None for no limit.
        identify: What makes two keys one, such as `str`; the key itself by default.
    """

    def __init__(
        self,
        fetch: Fetch[K, V],
        *,
        name: str,
        max_keys: int | None = None,
        identify: Callable[[K], Hashable] = lambda key: key,
    ) -> None:
        try:
            loop = asyncio.get_running_loop()
        except RuntimeError:
            raise LoaderOutsideOperation(name) from None
        self._fetch = fetch
        self._name = name
        self._identify = identify
        self._waiting: Counter[Hashable] = Counter()
        self._flights: set[tuple[frozenset[Hashable], asyncio.Task[Any]]] = set()
        self._loader: DataLoader[Any, Any] = DataLoader(
            partial(_load_batch, ref(self)), max_batch_size=max_keys, get_cache_key=identify, loop=loop
        )

    async def load(self, key: K) -> V:
        """Return the value of *key*.

        Raises:
            Exception: Whatever the batch returned for this key.
        """
        (value,) = await self.load_many([key])
        if isinstance(value, Exception):
            raise value
        return value

    async def load_many(self, keys: Sequence[K]) -> list[V | Exception]:
        """Return one value or exception for each of *keys*, in their order."""
        if not keys:
            return []
        identities = list(map(self._identify, keys))
        wanted = dict(zip(identities, keys, strict=True))
        if len(set(map(type, keys))) > 1:  # the first way to write a key is the one that is asked for
            wanted |= dict(zip(reversed(identities), reversed(keys), strict=True))
        self._waiting.update(wanted.keys())
        try:
            futures = list(map(self._loader.load, wanted.values()))
            await asyncio.wait(futures)
        finally:
            self._leave(wanted.keys())
        found = {identity: future.result() for identity, future in zip(wanted, futures, strict=True)}
        if _Failed in set(map(type, found.values())):
            return [self._read(found[identity]) for identity in identities]
        return list(map(found.__getitem__, identities))

    @staticmethod
    def _read(value: Any) -> Any:
        if not isinstance(value, _Failed):
            return value
        error = value.error
        return error.fresh() if isinstance(error, UpstreamError) else error

    def _leave(self, identities: Collection[Hashable]) -> None:
        self._waiting.subtract(identities)
        for flying, task in tuple(self._flights):
            if not any(self._waiting[identity] > 0 for identity in flying):
                task.cancel()

    async def load_batch(self, keys: list[K]) -> list[V | _Failed]:
        """Return the values of *keys* that somebody still waits for."""
        wanted = [key for key in keys if self._waiting[self._identify(key)] > 0]
        identities = frozenset(map(self._identify, wanted))
        if not wanted:
            return self._forget(keys, self._abandoned(keys))
        task = asyncio.ensure_future(self._fetch(wanted))
        flight = (identities, task)
        self._flights.add(flight)
        try:
            await asyncio.wait([task])
        finally:
            self._flights.discard(flight)
            task.cancel()
        results = self._results(task, wanted)
        if len(wanted) < len(keys):
            found = dict(zip(map(self._identify, wanted), results, strict=True))
            (absent,) = self._abandoned([None])
            results = [found.get(self._identify(key), absent) for key in keys]
        return self._forget(keys, results)

    def _abandoned(self, keys: Sequence[object]) -> list[Any]:
        return [_Failed(UpstreamError(Outcome.CANCELLED, f"{self._name}: nobody waited any more"))] * len(keys)

    def _results(self, task: asyncio.Task[Any], keys: Sequence[K]) -> list[Any]:
        if task.cancelled():
            return self._abandoned(keys)
        if error := task.exception():
            if not isinstance(error, Exception):
                raise error
            return [_Failed(error)] * len(keys)
        values = task.result()
        if not isinstance(values, Sequence) or len(values) != len(keys):
            return [_Failed(WrongBatch(self._name, len(keys), values))] * len(keys)
        return [_Failed(value) if isinstance(value, Exception) else value for value in values]

    def _forget(self, keys: Sequence[K], results: list[Any]) -> list[Any]:
        for key, result in zip(keys, results, strict=True):
            if isinstance(result, _Failed):
                self._loader.clear(key)
        return results


async def _load_batch(loader: "ref[Loader[K, V]]", keys: list[K]) -> list[V | _Failed]:
    """Load *keys* by a loader that its own parts do not keep alive; whoever waits for one of them does."""
    alive = loader()
    if alive is None:
        return [_Failed(UpstreamError(Outcome.CANCELLED, "nobody waited any more"))] * len(keys)
    return await alive.load_batch(keys)
