"""Several processes on the same sockets: started, watched, restarted and ended by one parent."""

import contextlib
import multiprocessing
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from secrets import token_urlsafe
from typing import Final

from bff.policy.model import Drain
from bff.server.colleagues import Place
from bff.server.drain import LAST_WORDS
from bff.server.run import Build, is_terminal, run

_FIRST_PAUSE: Final = 1.0
_LONGEST_PAUSE: Final = 30.0

_READY: Final = "ready"

_SLACK: Final = 5.0
"""Seconds that a worker may take beyond its drain before it is killed."""


@dataclass(slots=True)
class _Worker:
    process: SpawnProcess
    number: int
    line: Connection
    """Carries that it is ready, and snapshots; the worker reads its end as closed when the parent is gone."""
    ready: bool = False
    talks: bool = True
    missed: bool = False
    """Whether a SIGHUP came before it was ready."""


@dataclass(slots=True)
class _Crew:
    build: Build
    sockets: list[socket.socket]
    policy: Drain
    announce: Callable[[], None]
    own: list[socket.socket]
    """One socket for each worker, on which the others ask it."""
    key: str = field(default_factory=token_urlsafe)
    """By which workers know each other."""
    workers: list[_Worker] = field(default_factory=list)
    due: list[tuple[float, int]] = field(default_factory=list)
    """When replacements for crashed workers start, and whose place they take."""
    pause: float = _FIRST_PAUSE
    announced: bool = False
    leaving_since: float | None = None
    terminal: bool = field(default_factory=is_terminal)
    snapshot: bytes | None = None
    """What was in force last, for replacements."""


def supervise(
    build: Build, sockets: list[socket.socket], policy: Drain, count: int, announce: Callable[[], None]
) -> int:
    """Run *count* workers until a signal, restart those that crash, and return the exit code.

    A worker that dies before all have been ready once ends everything: what cannot start now will not later. After
    that, replacements wait a second, then twice as long for each further crash.
    """
    with contextlib.ExitStack() as stack:
        own = [stack.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return _supervise(_Crew(build, sockets, policy, announce, own))


def _supervise(crew: _Crew) -> int:
    for number in range(len(crew.own)):
        crew.workers.append(_start(crew, number))
    with _signals() as bell:
        while crew.workers or crew.due:
            wait([bell, *_signs_of_life(crew)], timeout=_next_look(crew))
            for number in _rings(bell):
                if number == signal.SIGHUP and (is_terminal() or not crew.terminal):
                    _reload(crew)
                else:
                    _leave(crew)
            code = _look(crew)
            if code is not None:
                return code
    return 0


def _start(crew: _Crew, number: int) -> _Worker:
    context = multiprocessing.get_context("spawn")
    build = crew.build if crew.snapshot is None else partial(crew.build, crew.snapshot)
    ours, theirs = context.Pipe()
    place = Place(number, tuple(one.getsockname()[1] for one in crew.own), crew.key)
    sockets = [*crew.sockets, crew.own[number]]
    process = context.Process(target=_work, args=(build, sockets, crew.policy, theirs, place), name="bff worker")
    process.start()
    theirs.close()
    return _Worker(process, number, ours)


def _work(build: Build, sockets: list[socket.socket], policy: Drain, line: Connection, place: Place) -> None:
    """Be one worker."""
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as in `serve`, whose own handler is not inherited
    turn = threading.Lock()

    def send(message: str | bytes) -> None:
        with turn:
            line.send(message)

    def announce() -> None:
        send(_READY)

    sys.exit(run(build, sockets, policy, announce, supervisor=line.fileno(), place=place, keep=send))


def _look(crew: _Crew) -> int | None:
    """Act on what has changed; return an exit code when it is over at once."""
    now = time.monotonic()
    for worker in crew.workers:
        _hear(crew, worker)
    complete = len(crew.workers) == len(crew.own)
    if not crew.announced and complete and all(worker.ready for worker in crew.workers):
        crew.announced = True
        crew.announce()
    for worker in [worker for worker in crew.workers if not worker.process.is_alive()]:
        _bury(crew, worker)
        if crew.leaving_since is None:
            if not crew.announced:
                _kill(crew)
                return worker.process.exitcode or 1
            crew.due.append((now + crew.pause, worker.number))
            _report(worker, crew.pause)
            crew.pause = min(crew.pause * 2, _LONGEST_PAUSE)
    for moment, number in [due for due in crew.due if due[0] <= now]:
        crew.due.remove((moment, number))
        crew.workers.append(_start(crew, number))
    if crew.leaving_since is not None:
        _see_out(crew, now - crew.leaving_since)
    return None


def _hear(crew: _Crew, worker: _Worker) -> None:
    """Take what *worker* has sent: that it is ready, and what is in force there."""
    try:
        while worker.talks and worker.line.poll():
            message = worker.line.recv()
            if message == _READY:
                worker.ready = True
            else:
                crew.snapshot = message
    except (EOFError, OSError):
        worker.talks = False
    if worker.ready and worker.missed and worker.process.pid is not None:
        worker.missed = False
        os.kill(worker.process.pid, signal.SIGHUP)


def _bury(crew: _Crew, worker: _Worker) -> None:
    worker.process.join()
    worker.line.close()
    crew.workers.remove(worker)


def _report(worker: _Worker, pause: float) -> None:
    process = worker.process
    end = f"worker {process.pid} ended with exit code {process.exitcode}"
    print(f"bff: {end}; another one starts in {pause:.0f} s", file=sys.stderr, flush=True)  # noqa: T201 - for people


def _leave(crew: _Crew) -> None:
    """Pass a signal on; the second one makes the workers hurry."""
    crew.leaving_since = crew.leaving_since or time.monotonic()
    crew.due.clear()
    for worker in crew.workers:
        if worker.process.pid is not None and worker.process.is_alive():
            os.kill(worker.process.pid, signal.SIGTERM)


def _reload(crew: _Crew) -> None:
    """Pass SIGHUP on; a worker that is not ready yet would miss it, and hears of it when it is."""
    for worker in crew.workers:
        if worker.ready and worker.process.pid is not None and worker.process.is_alive():
            os.kill(worker.process.pid, signal.SIGHUP)
        else:
            worker.missed = True


def _see_out(crew: _Crew, seconds: float) -> None:
    delay, timeout = crew.policy.delay.total_seconds(), crew.policy.timeout.total_seconds()
    if seconds >= delay:
        for listening in crew.sockets:  # while any process holds it, connections queue that nobody accepts
            listening.close()
    if seconds >= delay + timeout + LAST_WORDS + _SLACK:
        _kill(crew)


def _kill(crew: _Crew) -> None:
    for worker in list(crew.workers):
        worker.process.kill()
        _bury(crew, worker)


def _next_look(crew: _Crew) -> float | None:
    if crew.leaving_since is not None:
        return 0.1
    return max(0.0, min(crew.due)[0] - time.monotonic()) if crew.due else None


def _signs_of_life(crew: _Crew) -> list[Connection | int]:
    lines = [worker.line for worker in crew.workers if worker.talks]
    return [*lines, *(worker.process.sentinel for worker in crew.workers)]


@contextlib.contextmanager
def _signals() -> Iterator[int]:
    """Turn signals into their numbers on a pipe, whose reading end is returned."""
    bell, cord = os.pipe()
    os.set_blocking(bell, False)
    os.set_blocking(cord, False)

    def ring(number: int, _frame: object) -> None:
        os.write(cord, bytes([number]))

    before = {number: signal.signal(number, ring) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield bell
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(bell)
        os.close(cord)


def _rings(bell: int) -> bytes:
    try:
        return os.read(bell, 100)
    except BlockingIOError:
        return b""
