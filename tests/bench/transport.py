"""CPU of one call for each transport, against a trivial server in another process.

Run by hand: `python tests/bench/transport.py [--loop asyncio] [--calls 20000]`. Compare ratios, not microseconds.
"""

import argparse
import asyncio
import json
import resource
import sys
import time
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from bff.clock import SystemClock
from bff.upstream.message import Origin, Request
from bff.upstream.transport import Limits, Transport
from bff.upstream.transport.engines import Engine, open_transport

BODY = json.dumps({"items": [{"id": f"d{n}", "name": f"Dish {n}", "cents": 100 * n} for n in range(20)]}).encode()
ANSWER = (
    b"HTTP/1.1 200 OK\r\ndate: Fri, 20 Nov 2026 09:00:00 GMT\r\ncontent-type: application/json\r\n"
    b"cache-control: public, max-age=30\r\ncontent-length: %d\r\n\r\n%s" % (len(BODY), BODY)
)
HEADERS = {"accept": "application/json", "traceparent": "00-" + "0" * 32 + "-" + "0" * 16 + "-01"}


class Answering(asyncio.Protocol):
    """Answers every request without a body at once."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._transport.write(ANSWER * data.count(b"\r\n\r\n"))


def serve(loop: str, ready: Connection) -> None:
    """Run the server until the process is ended."""

    async def main() -> None:
        server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0)
        ready.send(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    _run(loop, main)


@dataclass(frozen=True)
class Cost:
    """CPU and wall time of one call, in microseconds."""

    cpu: float
    wall: float


def measure(engine: Engine, *, loop: str, port: int, calls: int, concurrency: int) -> Cost:
    """Return what a call costs this process."""

    async def main() -> Cost:
        transport = open_transport(Limits(pool_timeout=5.0), engine=engine, clock=SystemClock())
        request = Request("GET", Origin("http", "127.0.0.1", port), "/dishes?ids=d1,d2,d3", HEADERS)
        await _calls(transport, request, max(1, calls // 10), concurrency)
        before, start = _cpu(), time.perf_counter()
        await _calls(transport, request, calls, concurrency)
        cost = Cost((_cpu() - before) / calls * 1e6, (time.perf_counter() - start) / calls * 1e6)
        await transport.close()
        return cost

    return _run(loop, main)


async def _calls(transport: Transport, request: Request, calls: int, concurrency: int) -> None:
    async def some() -> None:
        for _ in range(calls // concurrency):
            response = await transport.send(request)
            assert len(response.body) == len(BODY)

    await asyncio.gather(*(some() for _ in range(concurrency)))


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def _run(loop: str, main: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    if loop == "uvloop":
        import uvloop  # noqa: PLC0415 - not there on every system

        return uvloop.run(main())
    return asyncio.run(main())


def main() -> None:
    """Print one row for each engine."""

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--loop", choices=["uvloop", "asyncio"], default="uvloop")
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    server = context.Process(target=serve, args=(arguments.loop, theirs), daemon=True)
    server.start()
    port = ours.recv()
    print(f"{'engine':10} {'concurrency':>11} {'CPU us':>8} {'wall us':>8} {'CPU ratio':>9}")
    for concurrency in (1, 50):
        best: dict[Engine, Cost] = {}
        for _ in range(arguments.rounds):  # engines take turns, so that a busy moment hits them alike
            for engine in ("native", "aiohttp"):
                cost = measure(
                    engine, loop=arguments.loop, port=port, calls=arguments.calls, concurrency=concurrency
                )
                best[engine] = min(best.get(engine, cost), cost, key=lambda each: each.cpu)
        for engine, cost in best.items():
            ratio = cost.cpu / best["native"].cpu
            print(f"{engine:10} {concurrency:>11} {cost.cpu:>8.1f} {cost.wall:>8.1f} {ratio:>8.2f}x")
    server.terminate()
    server.join()


if __name__ == "__main__":
    main()
