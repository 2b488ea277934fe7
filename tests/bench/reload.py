"""Reloads under load: the reference application at 300 requests a second while its policies change 200 times.

Run by hand: `python tests/bench/reload.py [--reloads 200] [--rate 300]`. It passes when no request failed and the
memory of the process has grown by less than 5 %. Half of the reloads change an upstream, a quarter what documents
are checked against, and one of ten is broken and must change nothing.
"""

import argparse
import asyncio
import shutil
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from statistics import quantiles

import aiohttp

sys.path.insert(0, str(Path(__file__).parents[2]))

from bff.testing.development_issuer import DevelopmentIssuer
from tests.e2e.conftest import Bff
from tests.faults.processes import processor_seconds, resident
from upstreams.simulation.cluster import MEMBERS, Cluster

ROOT = Path(__file__).parents[2]
ISSUER = "http://127.0.0.1:9100"
QUERY = "query Bench($first: Int!) { restaurants(first: $first) { edges { node { name } } } }"
WARM_UP = 8.0
PAUSE = 0.1
FIRST = 0.1
"""Share of the reloads after which memory is looked at for the first time: the first ones fill caches."""
GROWTH = 0.05


def copy_policies(folder: Path, urls: dict[str, str], issuer: str) -> Path:
    """Return a copy of the application's policies that name other addresses."""
    shutil.copytree(ROOT / "policies", folder)
    for file in folder.rglob("*.yaml"):
        text = file.read_text("utf-8").replace(ISSUER, issuer)
        for member, port in MEMBERS.items():
            if member in urls:
                text = text.replace(f"http://127.0.0.1:{port}", urls[member])
        file.write_text(text, "utf-8")
    return folder


class Load:
    """Sends requests at a steady rate, whatever becomes of them."""

    def __init__(self, session: aiohttp.ClientSession, url: str, rate: float) -> None:
        self._session, self._url, self._rate = session, url, rate
        self.seconds: list[float] = []
        self.failures: Counter[str] = Counter()
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self, until: asyncio.Event) -> None:
        """Send until *until* is set, and wait for the last answers."""
        due, number = time.perf_counter(), 0
        while not until.is_set():
            number += 1
            task = asyncio.create_task(self._ask(number))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)
            due += 1 / self._rate
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
        await asyncio.gather(*self._tasks)

    async def _ask(self, number: int) -> None:
        started = time.perf_counter()
        body = {"query": QUERY, "variables": {"first": 1 + number % 20}}
        try:
            async with self._session.post(f"{self._url}/graphql", json=body) as answer:
                told = await answer.json()
                if answer.status != 200 or "errors" in told:
                    self.failures[f"{answer.status} {told['errors'][0]['extensions']['code']}"] += 1
        except aiohttp.ClientError as error:
            self.failures[repr(error)] += 1
        self.seconds.append(time.perf_counter() - started)


def change(folder: Path, number: int) -> bool:
    """Change the policies for the *number*th time; return whether they can be used."""
    payments, operations = folder / "upstreams/payments.yaml", folder / "operations.yaml"
    if number % 10 == 9:
        operations.write_text(operations.read_text("utf-8") + "\nnonsense: 1\n", "utf-8")
        return False
    operations.write_text(operations.read_text("utf-8").replace("\nnonsense: 1\n", ""), "utf-8")
    if number % 2:
        lines = [line for line in payments.read_text("utf-8").splitlines() if not line.startswith("alias:")]
        payments.write_text("\n".join([*lines, f"alias: payments-{number}", ""]), "utf-8")
    elif number % 4 == 0:
        lines = operations.read_text("utf-8").splitlines()
        lines = [f"  aliases: {20 + number % 7}" if line.startswith("  aliases:") else line for line in lines]
        operations.write_text("\n".join([*lines, ""]), "utf-8")
    return True


def told(name: str, seconds: list[float]) -> None:
    cuts = quantiles(seconds, n=1000)
    print(
        f"{name}: {len(seconds)} requests, p50 {cuts[499] * 1000:.1f} ms, p99 {cuts[989] * 1000:.1f} ms, "
        f"max {max(seconds) * 1000:.1f} ms"
    )


async def measure(bff: Bff, folder: Path, reloads: int, rate: float) -> bool:
    pid = bff.process.pid
    connector = aiohttp.TCPConnector(limit=64)
    async with aiohttp.ClientSession(connector=connector) as session:
        quiet = Load(session, bff.url, rate)
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(WARM_UP, stop.set)
        await quiet.run(stop)
        told("without reloads", quiet.seconds)

        load, stop = Load(session, bff.url, rate), asyncio.Event()
        sending = asyncio.create_task(load.run(stop))
        took, memory, began = [], [resident(pid)], time.perf_counter()
        processor = processor_seconds(pid)
        for number in range(reloads):
            good, started = change(folder, number), time.perf_counter()
            async with session.post(f"{bff.admin}/admin/api/reload") as answer:
                report = await answer.json()
                assert (answer.status == 200) is good, report
            took.append(time.perf_counter() - started)
            memory.append(resident(pid))
            await asyncio.sleep(PAUSE)
        lasted = time.perf_counter() - began
        processor = processor_seconds(pid) - processor
        stop.set()
        await sending
        memory.append(resident(pid))
        async with session.get(f"{bff.admin}/admin/api/reload") as answer:
            generation = (await answer.json())["workers"][0]["generation"]
    told(f"with {reloads} reloads in {lasted:.1f} s", load.seconds)
    cuts = quantiles(took, n=100)
    print(f"a reload: p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms; generation {generation}")
    print(f"processor time of the process: {processor / lasted:.0%} of one core")
    first = int(len(memory) * FIRST)
    growth = memory[-1] / memory[first] - 1
    shown = ", ".join(f"{memory[place] / 2**20:.1f}" for place in (0, first, len(memory) // 2, -1))
    print(
        f"memory: {shown} MiB at the start, after {first} reloads, after half of them, in the end: {growth:+.1%}"
    )
    print(f"failed requests: {sum(load.failures.values())} {dict(load.failures) or ''}")
    return not load.failures and growth < GROWTH


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reloads", type=int, default=200)
    parser.add_argument("--rate", type=float, default=300.0)
    options = parser.parse_args()
    with ExitStack() as stack:
        issuer = stack.enter_context(DevelopmentIssuer(ROOT))
        services = stack.enter_context(Cluster(latency="1ms", tick="3600s", issuer=issuer.url))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory())) / "policies"
        copy_policies(folder, services.urls, issuer.url)
        bff = Bff(folder, arguments=["--no-watch"], issuer=issuer)
        stack.callback(bff.close)
        return 0 if asyncio.run(measure(bff, folder, options.reloads, options.rate)) else 1


if __name__ == "__main__":
    sys.exit(main())
