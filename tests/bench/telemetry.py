"""What telemetry costs: processor time of a request with and without it, in one run, as ratios.

Run by hand: `python tests/bench/telemetry.py [--requests 100]`. Requests go through the ASGI app without a web
server, and services answer without a network, so the share of telemetry is larger here than it is behind sockets.
The goal is at most 10 % of throughput; rounds alternate, and the best round of each counts. Use a quiet machine.
"""

import argparse
import asyncio
import gc
import io
import json
import logging
import sys
import time
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[2]))

from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased

from bff.clock import SystemClock
from bff.errors import ErrorDesk
from bff.events import ignore
from bff.execution.compiled import compiled_run_of
from bff.execution.engine import Engine, no_span
from bff.policy.load import PolicySet
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.server.http import GraphQLEndpoint
from bff.server.lifecycle import Lifecycle
from bff.server.ports import ASGIApp
from bff.telemetry.compose import Telemetry
from bff.telemetry.spans import current_trace, spans_of
from bff.upstream.client import open_upstreams
from bff.upstream.message import Request, Response
from tests.bench.application import schema

ROUNDS = 30
QUERIES = {
    "no service": "{ greet }",
    "2 calls, list of 100": "{ posts { id title user { name } } }",
    "7 calls": "{ me { name } feed { title author { name } product { name } } cart { total } promos { title }"
    " notifications { text } }",
}
POSTS = [{"id": n, "userId": n % 10, "title": f"title {n}", "body": "text"} for n in range(100)]
FEED = [
    {"id": n, "title": "t", "excerpt": "e", "likes": 1, "author_id": n % 5, "product_id": n % 7} for n in range(20)
]
ANSWERS: dict[str, Any] = {
    "/posts": POSTS,
    "/users": [{"id": n, "name": "n", "email": "e"} for n in range(10)],
    "/me": {"id": 1, "name": "n", "email": "e", "tier": "gold"},
    "/feed": FEED,
    "/authors": [{"id": n, "name": "n", "avatar": "a"} for n in range(5)],
    "/products": [{"id": n, "name": "n", "price": 1.0, "currency": "EUR"} for n in range(7)],
    "/cart": {"id": 1, "total": 1.0, "currency": "EUR", "items": []},
    "/promos": [{"id": 1, "title": "t", "discount": 5}],
    "/notifications": [{"id": 1, "text": "t", "read": False, "at": "now"}],
}


class Instant:
    """A transport without a network."""

    def __init__(self) -> None:
        self._bodies = {path: json.dumps(answer).encode() for path, answer in ANSWERS.items()}

    async def send(self, request: Request) -> Response:
        body = self._bodies[request.target.partition("?")[0]]
        await asyncio.sleep(0)
        return Response(200, {"content-type": "application/json"}, body)

    async def close(self) -> None:
        pass


class Nowhere(SpanExporter):
    """Takes spans and forgets them."""

    def export(self, spans: Any) -> SpanExportResult:
        return SpanExportResult.SUCCESS


def app(kind: str) -> ASGIApp:
    """Return the endpoint with the telemetry called *kind*: off, on, sampled (5 % of traces) or traced (all)."""
    clock, rng, operations = SystemClock(), Random(1), OperationsPolicy()
    policies = {name: UpstreamPolicy(hosts=("http://127.0.0.1:1",)) for name in ("content", "home")}
    provider = None
    if kind in {"sampled", "traced"}:
        provider = TracerProvider(sampler=ParentBased(TraceIdRatioBased(0.05 if kind == "sampled" else 1)))
        provider.add_span_processor(BatchSpanProcessor(Nowhere()))
    spans = spans_of(provider)
    telemetry = Telemetry(
        PolicySet(operations, upstreams=policies),
        operations,
        clock=clock,
        stream=io.StringIO(),
        listeners=spans.listeners if spans else (),
        exemplar=current_trace if spans else None,
    )
    notify = ignore if kind == "off" else telemetry.notify
    upstreams = open_upstreams(
        policies,
        operations,
        open_transport=lambda _: Instant(),
        clock=clock,
        rng=rng,
        notify=notify,
        trace=spans.attempts if spans else None,
    )
    engine = Engine(
        schema,
        upstreams,
        operations,
        desk=ErrorDesk(notify, new_id=lambda: "e", alias=str),
        clock=clock,
        notify=notify,
        span=spans.operation if spans else no_span,
        run=compiled_run_of(schema, hide_suggestions=False),
    )
    endpoint = GraphQLEndpoint(
        engine,
        operations,
        clock=clock,
        lifecycle=Lifecycle(clock),
        new_request_id=lambda: f"{rng.getrandbits(128):032x}",
        notify=notify,
    )
    return spans.around(endpoint, "/graphql") if spans else endpoint


async def ask(endpoint: ASGIApp, body: bytes) -> bytes:
    """Send one request and return the body of its answer."""
    given, sent = [{"type": "http.request", "body": body}], []

    async def receive() -> Any:
        if given:
            return given.pop()
        return await asyncio.get_running_loop().create_future()

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    headers = [(b"host", b"x"), (b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    scope = {"type": "http", "method": "POST", "path": "/graphql", "query_string": b"", "headers": headers}
    await endpoint(scope, receive, send)
    return b"".join(sent)


async def seconds(endpoint: ASGIApp, body: bytes, requests: int) -> float:
    """Return the processor time of one request."""
    gc.collect()
    began = time.process_time()
    for _ in range(requests):
        await ask(endpoint, body)
    return (time.process_time() - began) / requests


async def main(requests: int) -> None:
    """Measure and print."""
    logging.disable(logging.CRITICAL)
    kinds = ("off", "on", "sampled", "traced")
    apps = {kind: app(kind) for kind in kinds}
    print(f"{'request':24}" + "".join(f"{kind:>10}" for kind in kinds) + "   as a share of off")
    for name, query in QUERIES.items():
        body = json.dumps({"query": query}).encode()
        for endpoint in apps.values():
            answer = json.loads(await ask(endpoint, body))
            assert "errors" not in answer, answer
            await seconds(endpoint, body, requests)
        rounds = [[await seconds(apps[kind], body, requests) for kind in kinds] for _ in range(ROUNDS)]
        times = [min(column) * 1e6 for column in zip(*rounds, strict=True)]
        ratios = "".join(f"{one / times[0]:8.3f}" for one in times[1:])
        shown = "".join(f"{one:8.0f}us" for one in times)
        print(f"{name:24}{shown}  {ratios}", flush=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--requests", type=int, default=100)
    asyncio.run(main(parser.parse_args().requests))
