"""Several Redis processes: Sentinel with a primary and a replica, and a cluster of three."""

import shutil
import subprocess
import time
from contextlib import ExitStack
from pathlib import Path

from bff.testing.redis_server import MISSING, RedisMissing, free_port

PATIENCE = 15.0
HIGHEST = 55_000


def low_port() -> int:
    """Return a free port that leaves room for a cluster's second one, which is 10000 higher."""
    return next(port for port in iter(free_port, None) if port < HIGHEST)


class Node:
    """One process; its configuration is a file, for Sentinel rewrites it."""

    def __init__(self, folder: Path, program: str, lines: list[str]) -> None:
        found = shutil.which(program)
        if found is None:
            raise RedisMissing(MISSING)
        self.port = low_port()
        folder.mkdir()
        file = folder / "redis.conf"
        base = [f"port {self.port}", "bind 127.0.0.1", f'dir "{folder}"', "protected-mode no"]
        file.write_text("\n".join([*base, *lines, ""]), encoding="utf-8")
        self.process = subprocess.Popen([found, str(file)], stdout=subprocess.DEVNULL)

    def ask(self, *words: str) -> str:
        """Return what the process answers to a command; nothing while it does not answer."""
        command = ["redis-cli", "-p", str(self.port), *words]
        return subprocess.run(command, capture_output=True, text=True, check=False, timeout=PATIENCE).stdout

    def kill(self) -> None:
        """End it as a machine that goes away."""
        self.process.kill()
        self.process.wait(PATIENCE)


def until(true) -> None:
    """Wait until *true*, for as long as processes may take to find each other."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, "the Redis processes did not find each other"
        time.sleep(0.05)


class Sentinels:
    """A primary, a replica, and a Sentinel that fails over after half a second."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        plain = ['save ""', "repl-diskless-sync-delay 0"]
        self.primary = Node(folder / "primary", "redis-server", plain)
        self.replica = Node(
            folder / "replica", "redis-server", [*plain, f"replicaof 127.0.0.1 {self.primary.port}"]
        )
        watch = [
            f"sentinel monitor shop 127.0.0.1 {self.primary.port} 1",
            "sentinel down-after-milliseconds shop 500",
            "sentinel failover-timeout shop 3000",
        ]
        for node in (self.primary, self.replica):
            stack.callback(node.kill)
        until(lambda: "master_link_status:up" in self.replica.ask("INFO", "replication"))
        # It asks the primary for replicas when it starts, and then not again for ten seconds.
        self.sentinel = Node(folder / "sentinel", "redis-sentinel", watch)
        stack.callback(self.sentinel.kill)
        until(lambda: str(self.replica.port) in self.sentinel.ask("SENTINEL", "replicas", "shop"))
        self.url = f"redis+sentinel://127.0.0.1:{self.sentinel.port}/shop"


class ThreeNodes:
    """A cluster without replicas, which serves what is left when a node is gone."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        lines = ['save ""', "cluster-enabled yes", "cluster-node-timeout 500", "cluster-require-full-coverage no"]
        self.nodes = [Node(folder / f"node-{number}", "redis-server", lines) for number in range(3)]
        for node in self.nodes:
            stack.callback(node.kill)
        for node in self.nodes:
            until(lambda node=node: "PONG" in node.ask("PING"))
        places = [f"127.0.0.1:{node.port}" for node in self.nodes]
        for node, slots in zip(self.nodes, (("0", "5460"), ("5461", "10922"), ("10923", "16383")), strict=True):
            node.ask("CLUSTER", "ADDSLOTSRANGE", *slots)
            node.ask("CLUSTER", "SET-CONFIG-EPOCH", str(self.nodes.index(node) + 1))
        for node in self.nodes[1:]:
            self.nodes[0].ask("CLUSTER", "MEET", "127.0.0.1", str(node.port))
        until(lambda: all("cluster_state:ok" in node.ask("CLUSTER", "INFO") for node in self.nodes))
        self.url = f"redis+cluster://{','.join(places)}"
