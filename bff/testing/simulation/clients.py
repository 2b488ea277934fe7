"""Simulated clients: they arrive by chance at a rate that changes, and each call has a deadline."""

import asyncio
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from bff.clock import Clock
from bff.context import Deadline, Operation, OperationKind
from bff.testing.simulation.log import Began, Ended, Log
from bff.testing.simulation.virtual_loop import VirtualLoop
from bff.upstream.client import Upstreams
from bff.upstream.declare import Upstream
from bff.upstream.endpoint import Endpoint
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline import Call

_IDLE = 0.1


@dataclass(frozen=True, slots=True)
class Rate:
    """Calls a second, constant from each moment to the next.

    Attributes:
        steps: Pairs of seconds after the start of the world, in order, and the rate from then on; 0 before them.
    """

    steps: tuple[tuple[float, float], ...]

    @classmethod
    def steady(cls, rate: float) -> "Rate":
        """Return a rate that never changes."""
        return cls(((0.0, rate),))

    def at(self, seconds: float) -> float:
        """Return the rate at a moment."""
        place = bisect_right(self.steps, (seconds, float("inf")))
        return self.steps[place - 1][1] if place else 0.0


@dataclass(frozen=True, slots=True)
class Cache:
    """What answers instead of the service: a store in front of all replicas, outside their pipelines.

    Attributes:
        ttl: Seconds for which an answer is kept, up to a tenth less by chance.
        wiped: When it loses everything, in seconds after the start of the world.
        filled: Share of the keys that it has an answer for at the start, of any age.
    """

    ttl: float
    wiped: Sequence[float] = ()
    filled: float = 0.0


@dataclass(frozen=True, slots=True)
class Load:
    """One kind of calls to one service.

    Attributes:
        service: Whom they go to.
        rate: How many a second, of all replicas together.
        endpoint: Their endpoint.
        safe: Whether they may be sent twice.
        keyed: Whether they carry an idempotency key.
        deadline: Shortest and longest time of an operation, in seconds.
        leavers: Share of clients that go away, at some moment of the first second.
        keys: How many things can be asked for, each as often as the others; 0: every call asks for another one.
        cache: What saves calls; None for no cache. It needs `keys`.
    """

    service: str
    rate: Rate
    endpoint: str = "read"
    safe: bool = True
    keyed: bool = False
    deadline: tuple[float, float] = (10.0, 10.0)
    leavers: float = 0.0
    keys: int = 0
    cache: Cache | None = None


class Clients:
    """Makes the calls of one load.

    Args:
        load: What they do.
        replicas: Each client asks one of them, by chance.
        number: Tells this load's calls from those of other loads on the same service.
        loop: Tells the time.
        clock: The same time for operations.
        rng: Draws everything.
        log: Told of each call's start and end.

    Attributes:
        asked: How many came, those included that a cache answered.
    """

    def __init__(
        self,
        load: Load,
        replicas: Sequence[Upstreams],
        number: int,
        *,
        loop: VirtualLoop,
        clock: Clock,
        rng: Random,
        log: Log,
    ) -> None:
        self.asked = 0
        self._load = load
        self._clients = [upstreams[load.service] for upstreams in replicas]
        self._endpoint = _endpoint(load)
        self._next = number * 1_000_000_000
        self._loop = loop
        self._clock = clock
        self._random = rng.random
        self._note = log.note
        self._expovariate = rng.expovariate
        self._start = loop.time()
        self._running: dict[int, asyncio.Task[None]] = {}
        self._kind: OperationKind = "query" if load.safe else "mutation"
        self._fresh_until: dict[int, float] = {}

    def begin(self, seconds: float) -> None:
        """Come from now on, for *seconds*."""
        self._until = self._start + seconds
        if self._load.cache is not None:
            self._warm(self._load.cache)
        self._wait()

    def _warm(self, cache: Cache) -> None:
        """Fill *cache* as it would be after a long time."""
        for key in range(self._load.keys):
            if self._random() < cache.filled:
                self._fresh_until[key] = self._start + cache.ttl * self._random()
        for wipe in cache.wiped:
            self._loop.at(self._start + wipe, self._fresh_until.clear)

    async def all_ended(self) -> None:
        """Wait until nobody waits for an answer."""
        while self._running:
            await asyncio.wait(tuple(self._running.values()))

    def _wait(self) -> None:
        now = self._loop.time()
        rate = self._load.rate.at(now - self._start)
        if rate > 0:
            when = now + self._expovariate(rate)
            arrival = self._arrive
        else:
            when, arrival = now + _IDLE, self._wait
        if when < self._until:
            self._loop.at(when, arrival)

    def _arrive(self) -> None:
        self._wait()
        self.asked += 1
        load, random = self._load, self._random
        replica = int(random() * len(self._clients))
        shortest, longest = load.deadline
        seconds = shortest + (longest - shortest) * random() if longest > shortest else shortest
        key = int(random() * load.keys) if load.keys else -1
        if load.cache is not None and self._fresh_until.get(key, 0.0) > self._loop.time():
            return
        number = self._next
        self._next = number + 1
        task = self._loop.create_task(self._call(number, replica, seconds, key))
        self._running[number] = task
        if load.leavers and random() < load.leavers:
            self._loop.at(self._loop.time() + random(), task.cancel)

    async def _call(self, number: int, replica: int, seconds: float, key: int) -> None:
        load, now = self._load, self._loop.time
        started = now()
        operation = Operation(str(number), Deadline(started + seconds, self._clock), _NOBODY, kind=self._kind)
        call = self._prepare(operation, key)
        note = self._note
        note(Began(started, load.service, replica, number, operation.deadline.at, load.safe, load.keyed))
        outcome, phase = Outcome.OK.value, None
        try:
            await self._clients[replica].send(call, operation)
            if load.cache is not None:
                self._fill(key, load.cache)
        except UpstreamError as error:
            outcome, phase = error.outcome.value, error.phase
        except asyncio.CancelledError:
            outcome = Outcome.CANCELLED.value
            raise
        finally:
            note(Ended(now(), load.service, replica, number, outcome, phase))
            del self._running[number]

    def _prepare(self, operation: Operation, key: int) -> Call:
        headers = {"idempotency-key": operation.request_id} if self._load.keyed else {}
        target = f"/things/{operation.request_id if key < 0 else key}"
        return self._endpoint.call(operation, target, headers, None if self._load.safe else b"{}")

    def _fill(self, key: int, cache: Cache) -> None:
        ttl = cache.ttl * (1 - 0.1 * self._random())
        self._fresh_until[key] = self._loop.time() + ttl


def _endpoint(load: Load) -> Endpoint[Any]:
    """Return the real endpoint that makes the calls of *load*."""
    upstream = Upstream(load.service)
    if load.safe:
        return upstream.get("/things/{thing}", returns=Any, name=load.endpoint)
    return upstream.post("/things/{thing}", returns=Any, name=load.endpoint)


_NOBODY = Upstreams({})
"""Operations are asked nothing here: their calls are handed to a client."""
