"""Several services as real processes, for tests and for the demo.

    with Cluster("catalog", "orders") as cluster:
        cluster.break_with("orders", Fault(Status(503), path="/orders"))
        httpx.get(f"{cluster.url('orders')}/health")

All methods block, for well under a second; in a test that runs a loop, `asyncio.to_thread` keeps it free.
"""

import http.client
import json
import os
import re
import socket
import subprocess
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from bff.testing.fault_kinds import Kind
from bff.testing.faults import Fault
from upstreams.simulation.running import DEFAULT_DAY, DEFAULT_SEED, SERVICES

MEMBERS: Final[Mapping[str, int]] = {
    name if place == 1 else f"{name}-{place}": port
    for name, service in SERVICES.items()
    for place, port in enumerate(service.ports, start=1)
}
"""All nine processes and the ports they have by default; the second catalog is `catalog-2`."""

_ROOT: Final = Path(__file__).parents[2]
_LISTENS: Final = re.compile(r"listens on (http://\S+)")
_PATIENCE: Final = 10.0


class StartFailed(Exception):
    """A service could not have its port, or ended before it listened; then its stderr says why."""


class Cluster:
    """Chosen services, started together and stopped together.

    Attributes:
        lines: What each printed when it listened.
    """

    def __init__(
        self,
        *members: str,
        seed: int = DEFAULT_SEED,
        day: date = DEFAULT_DAY,
        latency: str | None = None,
        tick: str | None = None,
        ports: Mapping[str, int] | None = None,
        host: str = "127.0.0.1",
        issuer: str | None = None,
    ) -> None:
        """Prepare processes; `start`, or entering it as a context manager, starts them.

        Args:
            members: Names of `MEMBERS`; all of them if none is given.
            seed: Of the world.
            day: Of the world.
            latency: As on the command line, such as `0ms`; each service's own if not given.
            tick: Time between two events of a stream, as on the command line.
            ports: Where a member listens; the others, and all by default, on free ports.
            host: IPv4 address to listen on.
            issuer: Whose tokens are needed; without one, `demo-<user id>` is taken for a token.

        Raises:
            ValueError: A name is unknown.
        """
        unknown = [name for name in members if name not in MEMBERS]
        if unknown:
            raise ValueError(f"unknown: {', '.join(unknown)}; known are {', '.join(MEMBERS)}")
        self.lines: dict[str, str] = {}
        self._members = members or tuple(MEMBERS)
        self._host = host
        self._ports = dict(ports or {})
        self._arguments = [f"--host={host}", f"--seed={seed}", f"--day={day}"]
        self._arguments += [f"--latency={latency}"] if latency else []
        self._arguments += [f"--tick={tick}"] if tick else []
        self._arguments += [f"--issuer={issuer}"] if issuer else []
        self._processes: dict[str, subprocess.Popen[str]] = {}
        self._reserved: dict[str, socket.socket] = {}

    @property
    def urls(self) -> dict[str, str]:
        """Where each member listens, or listened before it was stopped."""
        return {name: self.url(name) for name in self.lines}

    def url(self, member: str) -> str:
        """Return where *member* listens, without a slash at the end."""
        match = _LISTENS.search(self.lines[member])
        assert match is not None
        return match[1]

    def pid(self, member: str) -> int:
        """Return the process id of *member*."""
        return self._processes[member].pid

    def exit_codes(self) -> dict[str, int | None]:
        """Return for each member how it ended; None while it runs, minus the signal that ended it."""
        return {name: process.poll() for name, process in self._processes.items()}

    def start(self) -> None:
        """Start all members at once, and return when all listen.

        Raises:
            StartFailed: One of them ended instead; then the others are stopped.
        """
        try:
            for name in self._members:
                self._reserve(name)
                self._spawn(name)
            for name in self._members:
                self._await_listening(name)
        except StartFailed:
            self.close()
            raise

    def close(self) -> None:
        """Stop all members."""
        for process in self._processes.values():
            process.terminate()
        for name in list(self._processes):
            self._reap(name)
        for reserved in self._reserved.values():
            reserved.close()

    def stop(self, member: str) -> int:
        """End *member* with SIGTERM and return its exit code; its port stays free for `restart`."""
        self._processes[member].terminate()
        return self._reap(member)

    def kill(self, member: str) -> None:
        """End *member* with SIGKILL, as a machine that goes away."""
        self._processes[member].kill()
        self._reap(member)

    def restart(self, member: str) -> None:
        """Start *member* on the port it had, with nothing in its memory; it is stopped if it still runs.

        Raises:
            StartFailed: It did not come up.
        """
        self.stop(member)
        self._spawn(member)
        self._await_listening(member)

    def break_with(self, member: str, *faults: Fault | Kind | Mapping[str, Any]) -> None:
        """Let *faults* be all that is wrong with *member*; a mapping is the JSON form.

        Raises:
            ValueError: The service does not understand one of them.
        """
        bodies = [_json_form(fault) for fault in faults]
        status, answer = self._control(member, "PUT", "/__faults", json.dumps(bodies))
        if status != http.client.OK:
            raise ValueError(answer)

    def heal(self, *members: str) -> None:
        """End all faults of *members*; of all members that run if none is given."""
        running = [name for name, code in self.exit_codes().items() if code is None]
        for member in members or running:
            self._control(member, "DELETE", "/__faults")

    def stats(self, member: str) -> dict[str, Any]:
        """Return what has arrived at *member*: `/__stats`, as JSON."""
        _, answer = self._control(member, "GET", "/__stats")
        stats: dict[str, Any] = json.loads(answer)
        return stats

    def __enter__(self) -> Self:
        """Start."""
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close."""
        self.close()

    def _reserve(self, member: str) -> None:
        """Hold the port by a socket that never listens, so that nobody else gets it while *member* is stopped."""
        reserved = self._reserved[member] = socket.socket()
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        port = self._ports.get(member, 0)
        try:
            reserved.bind((self._host, port))
        except OSError as error:
            raise StartFailed(f"{member} cannot have port {port}: {error.strerror}") from error
        self._ports[member] = reserved.getsockname()[1]

    def _spawn(self, member: str) -> None:
        service = member.partition("-")[0]
        self._processes[member] = subprocess.Popen(  # noqa: S603 - our own module
            [
                sys.executable, "-m", "upstreams.simulation", service, "--end-with-stdin",
                f"--port={self._ports[member]}", *self._arguments,
            ],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=_ROOT,
            env={**os.environ, "PYTHONPATH": str(_ROOT)},
        )  # fmt: skip

    def _await_listening(self, member: str) -> None:
        output = self._processes[member].stdout
        assert output is not None
        line = output.readline()
        if not _LISTENS.search(line):
            raise StartFailed(f"{member} ended with {self._reap(member)} before it listened")
        self.lines[member] = line.rstrip()

    def _reap(self, member: str) -> int:
        process = self._processes[member]
        try:
            process.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()
        return process.returncode

    def _control(self, member: str, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection(self._host, self._ports[member], timeout=_PATIENCE)
        try:
            connection.request(method, path, body, {"content-type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read().decode()
        finally:
            connection.close()


def _json_form(fault: Fault | Kind | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(fault, Mapping):
        return fault
    return (fault if isinstance(fault, Fault) else Fault(fault)).to_json()
