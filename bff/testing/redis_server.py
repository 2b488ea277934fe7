"""A real Redis for tests: on a free port, in a folder of its own, stopped, frozen and restarted at will."""

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

MISSING = "redis-server is not installed: run `make redis` as root (apt-get install redis-server), then again"
_PATIENCE = 10.0


class RedisMissing(RuntimeError):
    """There is no redis-server on this machine, or it does not start; the message says what to do."""


def free_port() -> int:
    """Return a TCP port on loopback that nobody uses now."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


class RedisServer:
    """One redis-server process.

    Args:
        folder: Where it may write.

    Raises:
        RedisMissing: It cannot be started.
    """

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self._folder = folder
        self.start()

    @property
    def url(self) -> str:
        """Its address."""
        return f"redis://127.0.0.1:{self.port}/0"

    def start(self) -> None:
        """Start it, empty, and wait until it answers."""
        program = shutil.which("redis-server")
        if program is None:
            raise RedisMissing(MISSING)
        options = ["--port", str(self.port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        self.process = subprocess.Popen(  # noqa: S603 - the program is Redis, and the words are ours
            [program, *options, "--dir", str(self._folder)], stdout=subprocess.DEVNULL
        )
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            try:
                if self.command("PING") == b"+PONG":
                    return
            except OSError:
                time.sleep(0.02)
        raise RedisMissing(f"redis-server did not start on port {self.port}")

    def signal(self, number: signal.Signals) -> None:
        """Send a signal, such as SIGSTOP."""
        os.kill(self.process.pid, number)

    def command(self, *words: str) -> bytes:
        """Send a command and return the first line of the answer."""
        text = f"*{len(words)}\r\n" + "".join(f"${len(word)}\r\n{word}\r\n" for word in words)
        with socket.create_connection(("127.0.0.1", self.port), 1) as made:
            made.sendall(text.encode())
            return made.recv(1000).split(b"\r\n")[0]

    def stop(self) -> None:
        """Kill it, frozen or not, and wait for its end."""
        if self.process.poll() is None:
            self.signal(signal.SIGCONT)
            self.process.kill()
        self.process.wait(_PATIENCE)
