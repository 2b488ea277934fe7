"""Starts, awaits and ends the simulated services of an application."""

import os
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bff.upstream.pipeline.balance import Host

Process = subprocess.Popen[bytes]
Places = Mapping[str, Sequence["Host"]]
"""Where each upstream should listen, by its name."""

_STOP_LIMIT = 5.0
_LOOK_AGAIN = 0.05


@contextmanager
def running(commands: Sequence[str], *, environ: Mapping[str, str] | None = None) -> Iterator[list[Process]]:
    """Start *commands*, and end them on the way out: by SIGTERM, after five seconds by force.

    Args:
        commands: As a shell would read them; `python` stands for the running interpreter.
        environ: What their environment has besides ours.
    """
    processes: list[Process] = []
    try:
        for command in commands:
            processes.append(start(command, environ or {}))  # noqa: PERF401 - those before a failure are ended
        yield processes
    finally:
        end(processes)


def start(command: str, environ: Mapping[str, str]) -> Process:
    """Start *command*, as `running` does."""
    words = [sys.executable if word == "python" else word for word in shlex.split(command)]
    # A session of its own, so that Ctrl+C reaches us first and we end them in order.
    return subprocess.Popen(  # noqa: S603 - own project
        words, start_new_session=True, stdout=subprocess.DEVNULL, env={**os.environ, **environ}
    )


def end(processes: Sequence[Process]) -> None:
    """End *processes*: by SIGTERM, after five seconds by force."""
    for process in processes:
        process.terminate()
    for process in processes:
        try:
            process.wait(_STOP_LIMIT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def listens(host: "Host") -> bool:
    """Return whether something accepts connections at *host*."""
    try:
        with socket.create_connection((host.origin.host, host.origin.port), timeout=0.2):
            return True
    except OSError:
        return False


def wait_until_listening(
    places: Places, processes: Sequence[Process], *, seconds: float, progress: Callable[[int, int, str], None]
) -> list[str]:
    """Return the upstreams that still do not listen after *seconds*, or when one of *processes* has ended.

    Args:
        places: Where each upstream should listen.
        processes: What was started.
        seconds: Longest wait.
        progress: Told how many places listen, of how many, and whom we still wait for.
    """
    total = sum(map(len, places.values()))
    missing = {(name, host) for name, hosts in places.items() for host in hosts}
    until = time.monotonic() + seconds
    while True:
        missing = {(name, host) for name, host in missing if not listens(host)}
        names = sorted({name for name, _ in missing})
        progress(total - len(missing), total, ", ".join(names))
        if not missing or time.monotonic() > until or any(one.poll() is not None for one in processes):
            return names
        time.sleep(_LOOK_AGAIN)
