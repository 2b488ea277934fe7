"""The processes that faults happen to: `bff serve`, services, and what /proc knows of them."""

import contextlib
import fcntl
import http.client
import json
import os
import re
import resource
import select
import signal
import subprocess
import sys
import termios
import threading
import time
from array import array
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec

from bff.testing.fault_kinds import Kind
from bff.testing.faults import Fault
from tests.faults.asking import Reply

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
READY = re.compile(r"ready: (http://\S+)/graphql \(admin: (http://[^)]+)\)")
ENVIRONMENT = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), str(ROOT)])}
PATIENCE = 30
IDLE = 30
"""Seconds after which a connection is not used again: the server closes it after 75."""


def tasks_of(pid: int) -> list[Path]:
    """Return the folders of the threads of process *pid*."""
    return list(Path(f"/proc/{pid}/task").iterdir())


def waited(pid: int) -> float:
    """Return for how many seconds threads of *pid* could have run, but had no processor."""
    total = 0
    with contextlib.suppress(OSError):
        for task in tasks_of(pid):
            total += int((task / "schedstat").read_text().split()[1])
    return total / 1e9


def processor_seconds(pid: int) -> float:
    """Return for how many seconds *pid* has run."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def resident(pid: int) -> int:
    """Return the bytes of memory that *pid* holds."""
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def forget_peak(pid: int) -> None:
    """Let `peak` begin anew."""
    Path(f"/proc/{pid}/clear_refs").write_text("5")


def peak(pid: int) -> int:
    """Return the most bytes of memory that *pid* has held."""
    status = Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024


def descriptors(pid: int) -> int:
    """Return how many files and sockets *pid* has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


class Service:
    """One `service.py`; it can be broken, frozen, killed and started again on its port."""

    def __init__(self, *arguments: str) -> None:
        self._begin(*arguments)

    def _start(self, *arguments: str) -> None:
        self._begin(*arguments)
        self.ready()

    def _begin(self, *arguments: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "service.py"), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=ENVIRONMENT,
        )

    def ready(self) -> "Service":
        """Wait until it says where it is."""
        line = self.process.stdout.readline().split()
        assert len(line) == 2, "the service did not start"
        self.url, self._control = line
        return self

    def restart(self, *arguments: str) -> None:
        """Start it again where it was, with *arguments*."""
        self._start(f"--port={urlsplit(self.url).port}", *arguments)

    def kill(self) -> None:
        """End it as a machine that goes away."""
        self.process.kill()
        self._reap()

    def close(self) -> None:
        """End it."""
        if self.process.poll() is None:
            self.process.kill()
        self._reap()

    def signal(self, number: signal.Signals) -> None:
        """Freeze or thaw it."""
        self.process.send_signal(number)

    def break_with(self, *faults: Fault | Kind) -> None:
        """Let *faults* be all that is wrong with it."""
        entries = [(fault if isinstance(fault, Fault) else Fault(fault)).to_json() for fault in faults]
        status, answer = self._ask("PUT", "/__faults", json.dumps(entries))
        assert status == 200, answer

    def heal(self) -> None:
        """End all faults."""
        self._ask("DELETE", "/__faults")

    @property
    def stats(self) -> dict[str, Any]:
        """What has arrived, and the connections."""
        return json.loads(self._ask("GET", "/__stats")[1])

    def arrivals(self, method: str | None = None) -> int:
        """Return how many requests have arrived, those for its health apart."""
        return sum(
            count
            for route, count in self.stats["arrivals"].items()
            if not route.endswith("/health") and (method is None or route.startswith(method))
        )

    def _ask(self, method: str, path: str, body: str | None = None) -> tuple[int, str]:
        connection = http.client.HTTPConnection(urlsplit(self._control).netloc, timeout=PATIENCE)
        with contextlib.closing(connection):
            connection.request(method, path, body, {"content-type": "application/json"})
            response = connection.getresponse()
            return response.status, response.read().decode()

    def _reap(self) -> None:
        self.process.wait(PATIENCE)
        self.process.stdin.close()
        self.process.stdout.close()


class Bff:
    """One `bff serve` of the shop, its log, and a client that asks it."""

    def __init__(self, policies: Path, *arguments: str, environment=(), most_files: int | None = None) -> None:
        limit = None if most_files is None else (most_files, most_files)
        self.process = subprocess.Popen(
            [
                sys.executable, "-m", "bff.cli", "serve", "--schema", "shop:schema", "--policies", str(policies),
                "--port", "0", "--admin-port", "0", "--verbose", "--no-watch", *arguments,
            ],
            cwd=HERE,
            env={**ENVIRONMENT, **dict(environment)},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip
        if limit:
            resource.prlimit(self.process.pid, resource.RLIMIT_NOFILE, limit)
        self.lines: list[str] = []
        self._reading = threading.Lock()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        line = self.process.stdout.readline()
        found = READY.search(line)
        assert found, f"bff did not start: {line}{''.join(self.lines)}"
        self.url, self.admin = found[1], found[2]
        self.client = http.client.HTTPConnection(urlsplit(self.url).netloc, timeout=PATIENCE)
        self._asked = time.monotonic()

    @property
    def pid(self) -> int:
        """Its process id."""
        return self.process.pid

    def _read(self) -> None:
        """Take what is written; what is not in the pipe any more is in `lines`, for whoever holds the lock."""
        pipe, rest = self.process.stderr.fileno(), b""
        while select.select([pipe], [], [])[0]:
            with self._reading:
                chunk = os.read(pipe, 1 << 16)
                *whole, rest = (rest + chunk).splitlines(keepends=True) if chunk else (rest, b"")
                if rest.endswith(b"\n"):
                    whole, rest = [*whole, rest], b""
                self.lines.extend(line.decode() for line in whole if line)
            if not chunk:
                return

    def mark(self) -> int:
        """Return the number of the next line of its log; what has happened so far is before it."""
        self._catch_up()
        return len(self.lines)

    def log(self, since: int = 0, **having: Any) -> list[dict[str, Any]]:
        """Return its log from line *since* on: the lines that have all of *having*."""
        self._catch_up()
        lines = [msgspec.json.decode(line) for line in self.lines[since:]]
        return [line for line in lines if all(line.get(name) == value for name, value in having.items())]

    def _catch_up(self) -> None:
        """Wait until all that was written has been read."""
        unread = array("i", [1])
        while not self.process.stderr.closed:
            with self._reading:
                fcntl.ioctl(self.process.stderr, termios.FIONREAD, unread)
            if not unread[0]:
                return
            time.sleep(0.005)

    def ask(self, query: str, user: str = "nobody", **headers: str) -> Reply:
        """Ask *query* in the name of *user*."""
        stated = {"authorization": user, "content-type": "application/json", **headers}
        if time.monotonic() - self._asked > IDLE:
            self.client.close()
        self._asked = time.monotonic()
        self.client.request("POST", "/graphql", json.dumps({"query": query}), stated)
        response = self.client.getresponse()
        return Reply(
            response.status, {name.lower(): value for name, value in response.getheaders()}, response.read()
        )

    def close(self) -> int:
        """End it at once; return its exit code."""
        self.client.close()
        if self.process.poll() is None:
            self.process.kill()
        code = self.process.wait(PATIENCE)
        self._reader.join(PATIENCE)
        self.process.stdout.close()
        self.process.stderr.close()
        return code
