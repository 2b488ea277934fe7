"""CPU of the pipeline for one call, over a transport that answers at once.

Run by hand: `python tests/bench/pipeline.py [--calls 50000]`. The goals: eight stages that only pass a call on
cost less than 3 us; the whole default pipeline costs less than 25 us more than its transport. Use a quiet machine.
"""

import argparse
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from random import Random

import uvloop

sys.path.insert(0, str(Path(__file__).parents[2]))

from bff.clock import SystemClock
from bff.events import ignore
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.upstream.client import open_upstreams
from bff.upstream.message import Origin, Request, Response
from bff.upstream.pipeline import ORDER, Call, Handler, build

ANSWER = Response(200, {"content-type": "application/json", "date": "Fri, 20 Nov 2026 09:00:00 GMT"}, b"[]")
ORIGIN = Origin("http", "127.0.0.1", 80)
ROUNDS = 7
WARM_UP = 1.2
"""Seconds until hedging knows what is usual."""


class Instant:
    """A transport without a network."""

    async def send(self, request: Request) -> Response:
        return ANSWER

    async def close(self) -> None:
        pass


def new_call() -> Call:
    """Return a call as endpoints make it."""
    headers = {"accept": "application/json", "x-request-id": "r"}
    return Call(
        "c", "dishes", "GET", "/dishes", headers, None, safe=True, request_id="r", deadline=1e12, cacheable=True
    )


async def bare(call: Call) -> Response:
    """Send a request with nothing around it."""
    return await Instant().send(Request(call.method, ORIGIN, call.target, call.headers, call.body))


async def passes_on(call: Call, send: Handler) -> Response:
    """Do nothing."""
    return await send(call)


class PassesOn:
    """Does nothing, as stages with settings would."""

    async def __call__(self, call: Call, send: Handler) -> Response:
        return await send(call)


def default_pipeline(**policy: object) -> Handler:
    """Return the pipeline of an upstream with two hosts and no settings."""
    clock = SystemClock()
    upstreams = open_upstreams(
        {"c": UpstreamPolicy(hosts=("http://127.0.0.1:1", "http://127.0.0.1:2"), **policy)},  # type: ignore[arg-type]  # as YAML has it
        OperationsPolicy(),
        open_transport=lambda limits: Instant(),
        clock=clock,
        rng=Random(1),
        notify=ignore,
    )
    return upstreams["c"].pipelines.default


def microseconds(handler: Callable[[Call], Awaitable[Response]], calls: int) -> float:
    """Return the CPU time of one call in the best of several rounds; less is only ever noise."""

    async def round_() -> float:
        before = time.process_time()
        for _ in range(calls):
            await handler(new_call())
        return (time.process_time() - before) / calls * 1e6

    async def rounds() -> float:
        warm = time.monotonic() + WARM_UP
        while time.monotonic() < warm:
            await handler(new_call())
        return min([await round_() for _ in range(ROUNDS)])

    return uvloop.run(rounds())


def main() -> None:
    """Print what each part costs."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--calls", type=int, default=20_000)
    calls = parser.parse_args().calls
    base = microseconds(bare, calls)
    print(f"{'the call and its transport':40}{base:8.2f} us")
    for name, handler in {
        "eight stages that only pass on": build([PassesOn() for _ in range(8)], bare),
        f"the default pipeline ({len(ORDER)} stages, attempt)": default_pipeline(),
        "the same with hedging": default_pipeline(hedge={"enabled": True}),
    }.items():
        print(f"{name:40}{microseconds(handler, calls) - base:8.2f} us more")


if __name__ == "__main__":
    main()
