"""CPU of a request with an access token, against the same request without one.

Run by hand: `python tests/bench/auth.py [--requests 4000]`. All three kinds take turns in one process, so compare
their differences. Goals: a token already seen below 15 us, a fresh one signed with RS256 below 120 us.
"""

import argparse
import asyncio
import gc
import statistics
import sys
import time
from collections.abc import Iterable, Iterator
from itertools import cycle, islice
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

import strawberry

from bff.auth.assemble import open_auth
from bff.clock import SystemClock
from bff.errors import ErrorDesk
from bff.events import ignore
from bff.execution.compiled import compiled_run_of
from bff.execution.engine import Engine, no_span
from bff.policy.auth import AuthPolicy
from bff.policy.model import OperationsPolicy
from bff.server.http import GraphQLEndpoint
from bff.server.lifecycle import Lifecycle
from bff.testing.fake_upstream import FakeUpstream
from bff.testing.issuer import TokenIssuer
from bff.upstream.client import Upstreams
from bff.upstream.transport.engines import open_transport

BODY = b'{"query":"{ hello }"}'
ROUNDS = 20


@strawberry.type
class Query:
    """The smallest schema."""

    @strawberry.field
    def hello(self) -> str:
        """Greet."""
        return "hello"


def scope_of(token: str | None) -> dict[str, Any]:
    """Return the ASGI scope of a request."""
    headers = [
        (b"host", b"127.0.0.1"),
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(BODY)),
    ]
    if token is not None:
        headers.append((b"authorization", b"Bearer " + token.encode()))
    return {
        "type": "http",
        "method": "POST",
        "path": "/graphql",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 50_000),
    }


async def ask(endpoint: GraphQLEndpoint, scope: dict[str, Any]) -> int:
    """Return the status of one request."""
    statuses: list[int] = []
    messages = iter([{"type": "http.request", "body": BODY, "more_body": False}])

    async def receive() -> Any:
        message = next(messages, None)
        return message if message is not None else await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        if "status" in message:
            statuses.append(message["status"])

    await endpoint(scope, receive, send)
    return statuses[0]


async def cost(endpoint: GraphQLEndpoint, tokens: Iterable[str | None]) -> float:
    """Return the microseconds of CPU of one request."""
    scopes = [scope_of(token) for token in tokens]
    start = time.process_time()
    for scope in scopes:
        status = await ask(endpoint, scope)
        if status != 200:
            sys.exit(f"a request was answered with {status}")
    return (time.process_time() - start) / len(scopes) * 1e6


def endpoint_of(authenticator: Any, clock: SystemClock) -> GraphQLEndpoint:
    """Return the endpoint of the smallest application."""
    schema, operations, upstreams = strawberry.Schema(Query), OperationsPolicy(), Upstreams({})
    numbers = cycle(range(10**6))
    desk = ErrorDesk(ignore, new_id=lambda: str(next(numbers)), alias=upstreams.alias, max_errors=10)
    engine = Engine(
        schema,
        upstreams,
        operations,
        desk=desk,
        clock=clock,
        notify=ignore,
        span=no_span,
        run=compiled_run_of(schema, hide_suggestions=True),
    )
    return GraphQLEndpoint(
        engine,
        operations,
        clock=clock,
        lifecycle=Lifecycle(clock),
        new_request_id=lambda: str(next(numbers)),
        authenticator=authenticator,
    )


def fresh(issuer: TokenIssuer) -> Iterator[str]:
    """Yield tokens, each of them new."""
    while True:
        yield issuer.token()


async def measure(requests: int, algorithm: str) -> None:
    """Print what tokens of *algorithm* cost."""
    clock = SystemClock()
    async with FakeUpstream() as service:
        issuer = TokenIssuer(service.url, algorithm)
        service.on("GET", "/jwks", json=issuer.jwks())
        policy = AuthPolicy.model_validate(
            {
                "issuers": [
                    {
                        "issuer": issuer.issuer,
                        "audience": ["bff"],
                        "jwks_uri": f"{issuer.issuer}/jwks",
                        "algorithms": [algorithm],
                        "profile": "rfc9068",
                    }
                ],
                "anonymous": "allow",
            }
        )
        auth = open_auth(
            policy,
            open_transport=lambda limits: open_transport(limits, clock=clock),
            clock=clock,
            rng=Random(1),
            notify=ignore,
        )
        assert auth is not None
        await auth.start()
        endpoint = endpoint_of(auth.authenticator, clock)
        each, known, supply = requests // ROUNDS, issuer.token(), fresh(issuer)
        costs: dict[str, list[float]] = {"anonymous": [], "seen token": [], f"fresh {algorithm} token": []}
        for _ in range(ROUNDS):
            tokens: list[list[str | None]] = [[None] * each, [known] * each, list(islice(supply, each))]
            for name, some in zip(costs, tokens, strict=True):
                costs[name].append(await cost(endpoint, some))
        await auth.close()
    base = statistics.median(costs["anonymous"])
    for name, values in costs.items():
        middle = statistics.median(values)
        print(f"{name:22} {middle:7.1f} us  {middle / base:5.2f}x  {middle - base:+7.1f} us")


def main() -> None:
    """Read options and measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=4000)
    arguments = parser.parse_args()
    gc.set_threshold(50_000, 20, 100)  # as the server does
    for algorithm in ("RS256", "ES256"):
        asyncio.run(measure(arguments.requests, algorithm))


if __name__ == "__main__":
    main()
