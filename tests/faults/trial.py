"""What must hold whatever the fault is: G1 to G8 of the catalogue, on real processes."""

import asyncio
import gc
import itertools
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from tests.faults.asking import Asker, Reply
from tests.faults.lateness import Starved, starved
from tests.faults.processes import Bff, Service, descriptors, resident, tasks_of, waited

DEADLINE = 1.0
"""Seconds that an operation has here."""

SLACK = 0.05
"""G2: how much later than its deadline an answer may be."""

BACK_TO_NORMAL = 5.0
"""G5: seconds after which nothing of the trouble is left."""

MOST_MEMORY = 64 * 1024**2
"""G7: bytes that trouble may cost."""

SCREEN = '{ calm(id: "c1") { id who text } thing(id: "t1") { id who text } }'
CALM = '{ calm(id: "c1") { id who text } }'
THING = '{ thing(id: "t1") { id who text } }'
ORDER = 'mutation { order(id: "o1") { id who text } }'
OTHER = '{ other(id: "o1") { id who text } calm(id: "c1") { id who text } }'
PAIRED = '{ calm(id: "c1") { id who text } paired(id: "p1") { id who text } }'

_users = itertools.count(1)


@dataclass
class Answer:
    """What came back, and how long it took."""

    status: int
    body: dict[str, Any]
    seconds: float
    since: float = 0.0
    started: float = 0.0

    @property
    def data(self) -> dict[str, Any]:
        return self.body.get("data") or {}

    @property
    def codes(self) -> list[str]:
        return [error["extensions"]["code"] for error in self.body.get("errors", [])]

    @property
    def whole(self) -> bool:
        return "errors" not in self.body


def expected(data: Any, user: str, path: tuple[Any, ...] = ()) -> None:
    """Check that every thing is told to whom it was told (G6), and as services tell it."""
    if isinstance(data, dict):
        if "who" in data:
            assert data["who"] == user, f"{path}: of another user"
            assert data["text"] == f"{data['id']} " * 40, path
        for name, value in data.items():
            expected(value, user, (*path, name))
    elif isinstance(data, list):
        for place, value in enumerate(data):
            expected(value, user, (*path, place))


def nulls(data: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Yield the path of each null."""
    if data is None:
        yield path
    elif isinstance(data, dict):
        for name, value in data.items():
            yield from nulls(value, (*path, name))
    elif isinstance(data, list):
        for place, value in enumerate(data):
            yield from nulls(value, (*path, place))


class Trial:
    """A bff in trouble, and all that must not come of it.

    Attributes:
        bff: Whose answers are checked.
        first: The line of its log at which the trouble began.
        may_refuse: Whether requests may be refused at the door, which is told as it should be.
        absent: Paths of what does not exist, which is null without an error.
    """

    def __init__(self, bff: Bff, services: list[Service], affected: set[str], starving: Starved) -> None:
        self.bff = bff
        self.first = bff.mark()
        self.may_refuse = False
        self.absent: set[tuple[Any, ...]] = set()
        self._services = services
        self._affected = affected
        self.starving = starving

    def starved(self, start: float, end: float) -> float:
        """Return for how many seconds the processes taking part waited for a processor in this time."""
        return self.starving.between(start, end)

    def ask(self, query: str = SCREEN, **headers: str) -> Answer:
        """Ask in the name of a user who never asked before, and check the answer."""
        user, started = f"user-{next(_users)}", time.perf_counter()
        response = self.bff.ask(query, user, **headers)
        return self.checked(response, user, started, time.perf_counter())

    def checked(self, response: Reply, user: str, started: float, ended: float, since: float = 0.0) -> Answer:
        """Return *response*, having checked G2, G3, G4 and G6 on it."""
        answer = Answer(response.status_code, response.json(), ended - started, since, started)
        assert response.headers["content-type"].startswith("application/")
        assert answer.body.keys() <= {"data", "errors", "extensions"}
        if answer.seconds > DEADLINE + SLACK:
            waited = self.starved(started, ended)
            assert answer.seconds - waited <= DEADLINE + SLACK, (
                f"G2: {answer.seconds:.3f} s, starved {waited:.3f} s"
            )
        if self.may_refuse and answer.status == 503:
            assert answer.codes == ["SERVICE_OVERLOADED"]
            assert "data" not in answer.body
            return answer
        paths = [tuple(error["path"]) for error in answer.body.get("errors", []) if "path" in error]
        assert answer.status == 200, answer.body
        assert sorted(map(repr, paths)) == sorted(map(repr, set(nulls(answer.data)) - self.absent)), (
            f"G3: {answer.body}"
        )
        assert {path[0] for path in paths} <= self._affected, f"G4: {answer.body}"
        for error in answer.body.get("errors", []):
            assert error["message"]
            assert error["extensions"]["errorId"]
        expected(answer.data, user)
        return answer

    def load(self, queries: str | list[str], rate: float, seconds: float) -> list[Answer]:
        """Ask *queries* in turn at a steady *rate* from many connections; return the answers in that order."""
        return asyncio.run(self.loading([queries] if isinstance(queries, str) else queries, rate, seconds))

    async def loading(self, queries: list[str], rate: float, seconds: float) -> list[Answer]:
        """Do as `load`, while other tasks run."""
        gc.collect()
        gc.disable()  # a full collection here would look like a slow answer
        try:
            return await self._loading(queries, rate, seconds)
        finally:
            gc.enable()

    async def _loading(self, queries: list[str], rate: float, seconds: float) -> list[Answer]:
        began = time.perf_counter()
        async with Asker(self.bff.url) as client:

            async def one(query: str, since: float) -> tuple[Reply, str, float, float, float]:
                user, started = f"user-{next(_users)}", time.perf_counter()
                response = await client.ask(query, user)
                return response, user, started, time.perf_counter(), since

            asked = []
            for number in range(int(rate * seconds)):
                await asyncio.sleep(max(0.0, began + number / rate - time.perf_counter()))
                query = queries[number % len(queries)]
                asked.append(asyncio.ensure_future(one(query, time.perf_counter() - began)))
            answers = await asyncio.gather(*asked)
        return [self.checked(*answer) for answer in answers]

    def log(self, **having: Any) -> list[dict[str, Any]]:
        """Return the lines of the log since the trouble began that have all of *having*."""
        return self.bff.log(self.first, **having)

    def outcomes(self, upstream: str = "shaky") -> list[str]:
        """Return how the attempts at *upstream* ended."""
        return [line["outcome"] for line in self.log(event="attempt", upstream=upstream)]

    def opened(self, upstream: str = "shaky") -> list[float]:
        """Return for how many seconds each the breaker of *upstream* opened."""
        return [line["open_ms"] / 1000 for line in self.log(event="breaker", upstream=upstream, to="open")]


def refused_at_once(trial: Trial, asked: int) -> int:
    """Ask so often for what is left alone and for what is well, in turn; return how often the former was refused.

    A field that is refused takes less than one that is fetched from a service next door: under 5 ms where the
    machine lets it.
    """
    first, refused = trial.bff.mark(), 0
    for _ in range(asked):
        refused += trial.ask(f"query Thing {THING}").codes == ["CIRCUIT_OPEN"]
        trial.ask(f"query Calm {CALM}")
    lines = trial.bff.log(first, event="operation")
    thing = sorted(line["ms"] for line in lines if line.get("name") == "Thing")[: refused or None]
    calm = [line["ms"] for line in lines if line.get("name") == "Calm"]
    assert statistics.median(thing) < statistics.median(calm)
    assert thing[len(thing) // 4] < 5
    return refused


def recovered(trial: Trial, query: str, within: float, looks: int) -> float:
    """G8: wait until *query* is answered whole, *within* seconds, and see that it stays so; return the wait."""
    started = time.perf_counter()
    while not trial.ask(query).whole:
        took = time.perf_counter() - started
        assert took < within or took - trial.starved(started, started + took) < within, "G8: not well again"
        time.sleep(0.01)
    took = time.perf_counter() - started
    assert all(trial.ask(query).whole for _ in range(looks)), "G8: well only for a moment"
    return took


@contextmanager
def unharmed(
    bff: Bff,
    services: list[Service],
    *,
    affected: set[str],
    query: str = SCREEN,
    open_time: float,
    idle: int = 0,
    store: int = 0,
    looks: int = 20,
) -> Iterator[Trial]:
    """Let a fault happen to *services*, then see that G1 to G8 held and that nothing is left of it.

    Args:
        bff: Which is expected to contain it.
        services: All that it calls; those that run are healed at the end.
        affected: Fields of `Query` or `Mutation` that may be null with an error meanwhile; no other may.
        query: Answered whole before, and again after at most twice *open_time*.
        open_time: The longest time that a breaker may stay open, in seconds.
        idle: How many connections to each service health checks keep open.
        store: How many connections to a shared store may stay open.
        looks: How often *query* has to be answered whole in a row.
    """

    def starving() -> float:
        running = [one.process.pid for one in services if one.process.poll() is None]
        return sum(waited(pid) for pid in [bff.pid, os.getpid(), *running])

    with starved(starving) as starving_since:
        trial = Trial(bff, services, affected, starving_since)
        yield from _unharmed(trial, services, query, open_time, idle, store, looks)


def _unharmed(
    trial: Trial, services: list[Service], query: str, open_time: float, idle: int, store: int, looks: int
) -> Iterator[Trial]:
    bff = trial.bff
    recovered(trial, query, 2 * open_time, looks)
    before = _settled(bff, services, idle)
    before["descriptors"] += store
    memory = resident(bff.pid)
    trial.first = bff.mark()

    try:
        yield trial
    finally:
        for service in services:
            if service.process.poll() is None:
                service.heal()
    recovered(trial, query, 2 * open_time, looks)
    _returned(bff, services, before)
    grown = resident(bff.pid) - memory
    assert grown < MOST_MEMORY, f"G7: {grown >> 20} MiB more"
    assert trial.log(level="error") == [], "G1"


Gauges = dict[str, int]


def _gauges(bff: Bff, services: list[Service]) -> Gauges:
    running = [service for service in services if service.process.poll() is None]
    connections = {f"connections {one.url}": one.stats["openConnections"] for one in running}
    return {**connections, "descriptors": descriptors(bff.pid), "threads": len(tasks_of(bff.pid))}


def _settled(bff: Bff, services: list[Service], idle: int) -> Gauges:
    """Return the gauges once there are no connections but *idle* ones at each service, with those added."""
    names = {f"connections {service.url}" for service in services}
    now = _awaited(bff, services, lambda now: all(now.get(name, 0) <= idle for name in names))
    return {**now, **dict.fromkeys(names, idle), "descriptors": now["descriptors"] + idle * len(services)}


def _returned(bff: Bff, services: list[Service], before: Gauges) -> None:
    """G5: sockets, files and threads are as before within five seconds."""
    _awaited(bff, services, lambda now: all(count <= before[name] for name, count in now.items()))


def _awaited(bff: Bff, services: list[Service], true: Callable[[Gauges], bool]) -> Gauges:
    until = time.monotonic() + BACK_TO_NORMAL
    while not true(now := _gauges(bff, services)):
        assert time.monotonic() < until, f"G5: left over: {now}"
        time.sleep(0.02)
    return now
