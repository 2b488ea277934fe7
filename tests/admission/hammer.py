"""One process that asks as often as it can, and prints what became of it as one line of JSON.

    hammer.py URL RATE BURST REPLICAS REQUESTS AT_ONCE TIMEOUT AHEAD

AHEAD: by how many seconds the clock of this process is wrong.
"""

import asyncio
import json
import sys
import time
from collections import Counter
from random import Random

from bff.admission.assemble import open_admission
from bff.clock import SystemClock
from bff.context import Principal
from bff.execution.messages import GraphQLRequest
from bff.policy.caching import StorePolicy
from bff.policy.clients import ClientDefaults
from bff.policy.load import PolicySet
from bff.server.headers import Headers
from bff.server.ports import Arrival
from bff.server.refusal import Refusal
from bff.store.address import Address
from bff.store.redis_store import RedisStore


class WrongClock(SystemClock):
    """A clock that somebody has set wrong."""

    def __init__(self, ahead: float) -> None:
        self._ahead = ahead

    def now(self) -> float:
        return time.monotonic() + self._ahead

    def wall(self) -> float:
        return time.time() + self._ahead


async def main(url: str, rate: str, burst: str, replicas: str, requests: str, at_once: str, *more: str) -> None:
    timeout, ahead = more
    clock = WrongClock(float(ahead))
    limits = {"user": {"rate": rate, "burst": int(burst)}, "concurrency": {"mode": "off"}}
    times = {"connect_timeout": timeout, "command_timeout": timeout, "pool_wait": timeout}
    policies = PolicySet(client_defaults=ClientDefaults(limits=limits, expected_replicas=int(replicas)))
    store = RedisStore(
        Address.parse(url),
        StorePolicy.model_validate(times),
        prefix="bff:test:",
        use="ratelimit",
        clock=clock,
        notify=lambda _: None,
    )
    gate = open_admission(policies, store=store, workers=1, clock=clock, rng=Random(1), notify=lambda _: None)
    arrival = Arrival("POST", "/graphql", Headers([]), "192.0.2.1", "r")
    principal, request = Principal("https://id.example.com/", "u1"), GraphQLRequest("{ a }")
    found: Counter[str] = Counter()

    async def ask() -> None:
        try:
            entry = await gate.admission.enter(arrival, principal, request)
        except Refusal as refusal:
            found[refusal.code.value] += 1
            found[f"refused by {refusal.detail.rpartition(' ')[2]}"] += 1
        else:
            found["admitted"] += 1
            found["told" if entry.headers() else "not told"] += 1
            entry.leave()

    sys.stdout.write("ready\n")
    sys.stdout.flush()
    sys.stdin.readline()
    for start in range(0, int(requests), int(at_once)):
        await asyncio.gather(*(ask() for _ in range(min(int(at_once), int(requests) - start))))
        sys.stdout.write(".\n")
        sys.stdout.flush()
    sys.stdout.write(json.dumps(found) + "\n")
    await store.close()


asyncio.run(main(*sys.argv[1:]))
