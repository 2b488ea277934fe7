"""Collects the keys that are asked for at the same moment; each asker's keys travel and come back as one unit.

What `Loader` does key by key over aiodataloader, for endpoints: with a future for each asker in place of one for
each key, and work on keys left to dictionaries. Made per operation; never shared between operations.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from itertools import repeat
from typing import Generic, TypeVar

from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome
from bff.upstream.shared import own

V = TypeVar("V")
Key = str | int
Keys = Mapping[str, Key]
"""Distinct keys as they were first written, by their text."""


class _Wave:
    """Keys of one asker: how many requests it still waits for, and what went wrong in those that came back."""

    __slots__ = ("failed", "left", "waiter")

    def __init__(self) -> None:
        self.waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.left = 0
        self.failed: dict[str, Exception] = {}

    def landed(self, failed: Mapping[str, Exception]) -> None:
        """Note that one request is back."""
        if failed:
            self.failed.update(failed)
        self.left -= 1
        if not self.left and not self.waiter.done():
            self.waiter.set_result(None)


class _Flight:
    """One request in a task of its own: who asks for which keys, and all of these once it has departed."""

    __slots__ = ("asked", "keys", "task")

    def __init__(self) -> None:
        self.asked: dict[_Wave, Keys] = {}
        self.keys: Keys = {}
        self.task: asyncio.Task[None]


class Waves(Generic[V]):
    """Loads values by key; keys with the same text are one key (PY-11).

    What is asked for before a request departs travels in it, as long as it takes more keys. A waiter may leave at
    any time without harm to the others; a request that nobody waits for any more is cancelled (DL-3). Failures are
    told to all who wait and then forgotten, so that a later wave may try again.

    Args:
        fetch: Returns one value or exception for each key, in their order.
        name: What errors call it, as text.
        max_keys: Most keys of one request.
    """

    def __init__(
        self, fetch: Callable[[Keys], Awaitable[Sequence[V | Exception]]], *, name: object, max_keys: int
    ) -> None:
        self._fetch = fetch
        self._name = name
        self._max_keys = max_keys
        self._known: dict[str, V] = {}
        self._next: _Flight | None = None
        self._under_way: list[_Flight] = []

    async def load(self, keys: Sequence[Key], texts: Sequence[str]) -> list[V | Exception]:
        """Return one value or exception for each of *keys*, in their order; *texts* are the keys as text."""
        wanted = self._unknown(keys, texts)
        if not wanted:
            return list(map(self._known.__getitem__, texts))
        wave = self._join(wanted)
        try:
            await wave.waiter
        except BaseException:
            self._leave(wave)
            raise
        known, failed = self._known, wave.failed
        if not failed:
            return list(map(known.__getitem__, texts))
        return [own(failed[text]) if text in failed else known[text] for text in texts]

    def _unknown(self, keys: Sequence[Key], texts: Sequence[str]) -> Keys:
        wanted = dict(zip(texts, keys, strict=True))
        if len(wanted) < len(keys) and len(set(map(type, keys))) > 1:
            wanted |= dict(zip(reversed(texts), reversed(keys), strict=True))
        if not self._known:
            return wanted
        return _only(wanted, wanted.keys() - self._known.keys())

    def _join(self, wanted: Keys) -> _Wave:
        """Wait for requests under way that bring some of *wanted*, and for the next one if that is not all."""
        wave = _Wave()
        for flight in self._under_way:
            missing = wanted.keys() - flight.keys.keys()
            if len(missing) < len(wanted):
                flight.asked[wave] = {}
                wave.left += 1
                wanted = _only(wanted, missing)
        if wanted:
            flight = self._next or self._schedule()
            flight.asked[wave] = wanted
            wave.left += 1
        return wave

    def _schedule(self) -> _Flight:
        flight = self._next = _Flight()
        flight.task = asyncio.get_running_loop().create_task(self._run(flight))
        return flight

    def _leave(self, wave: _Wave) -> None:
        if self._next is not None:
            self._next.asked.pop(wave, None)
        for flight in tuple(self._under_way):
            flight.asked.pop(wave, None)
            if not flight.asked:
                self._under_way.remove(flight)
                flight.task.cancel()

    def _depart(self, flight: _Flight) -> Keys:
        """Return the keys of *flight*, which nobody can add to any more; none where all askers have left."""
        self._next = None
        asked = flight.asked
        if asked:
            flight.keys = _merged(asked.values())
            if len(flight.keys) > self._max_keys:
                self._split(flight)
            self._under_way.append(flight)
        return flight.keys

    def _split(self, flight: _Flight) -> None:
        """Leave to *flight* as many keys as the service takes, and send the others along in further requests."""
        asked, everything = flight.asked, list(flight.keys.items())
        for wave in asked:
            wave.left -= 1
        for start in range(0, len(everything), self._max_keys):
            part = _Flight() if start else flight
            part.keys = dict(everything[start : start + self._max_keys])
            part.asked = {wave: keys for wave, keys in asked.items() if not part.keys.keys().isdisjoint(keys)}
            for wave in part.asked:
                wave.left += 1
            if start:
                self._under_way.append(part)
                part.task = asyncio.get_running_loop().create_task(self._run(part))

    async def _run(self, flight: _Flight) -> None:
        keys = flight.keys
        if not keys:
            await asyncio.sleep(0)  # those who are only woken in this turn of the loop travel along
            keys = self._depart(flight)
            if not keys:
                return
        try:
            values = await self._fetch(keys)
            self._land(flight, dict(zip(keys, values, strict=True)))
        except Exception as error:  # noqa: BLE001 - told to those who wait
            self._land(flight, dict.fromkeys(keys, error))
        except BaseException:
            cancelled = UpstreamError(Outcome.CANCELLED, f"{self._name}: the call was cancelled")
            self._land(flight, dict.fromkeys(keys, cancelled))
            raise

    def _land(self, flight: _Flight, found: Mapping[str, V | Exception]) -> None:
        """Keep what was *found*, and tell all who wait; the errors are theirs alone."""
        if flight not in self._under_way:
            return  # given up: another request may ask for the same by now
        self._under_way.remove(flight)
        failed: dict[str, Exception] = {}
        if any_failed(found.values()):
            failed = {text: value for text, value in found.items() if isinstance(value, Exception)}
            found = _only(found, found.keys() - failed.keys())
        self._known.update(found)  # type: ignore[arg-type]  # exceptions are taken out
        asked, flight.asked = flight.asked, {}
        for wave in asked:
            wave.landed(failed)


T = TypeVar("T")


def any_failed(values: Iterable[object]) -> bool:
    """Return whether exceptions are among *values*."""
    return any(map(issubclass, set(map(type, values)), repeat(Exception)))


def _only(values: Mapping[str, T], texts: "set[str]") -> Mapping[str, T]:
    """Return those of *values* whose keys are *texts*, in their order."""
    if len(texts) == len(values):
        return values
    return {text: value for text, value in values.items() if text in texts}


def _merged(asked: Iterable[Keys]) -> Keys:
    """Return all keys in the order in which they were asked for; the first way to write one stays."""
    first, *others = asked
    if not others:
        return first
    merged = dict(first)
    for keys in others:
        for text, key in keys.items():
            merged.setdefault(text, key)
    return merged
