"""The whole of bff in one process without a kernel in the way: bytes of requests in, bytes of answers out.

For what wants to look at the work itself: `instructions.py` counts it, `flame.py` draws it. Services answer from
the same event loop, over real sockets, with what is written here.
"""

import asyncio
import contextlib
import json
import os
import shutil
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

from bff.app import build
from bff.server.uvicorn_server import Server
from bff.settings import Settings

HERE = Path(__file__).parent
_PORTS = {"7481": "content", "7482": "home"}

_POSTS = [
    {"id": one, "userId": one % 10 + 1, "title": f"title {one}", "body": "words and words " * 8}
    for one in range(1, 101)
]
_USERS = [
    {"id": one, "name": f"user {one}", "email": f"u{one}@example.org", "phone": None, "website": None}
    for one in range(1, 11)
]
ANSWERS = {
    "/posts": _POSTS,
    "/users": _USERS,
    "/me": {"id": 1, "name": "Ada", "email": "ada@example.org", "tier": "gold"},
    "/feed": [
        {
            "id": one,
            "title": f"entry {one}",
            "excerpt": "words " * 10,
            "likes": one,
            "author_id": one % 5 + 1,
            "product_id": one,
        }
        for one in range(1, 21)
    ],
    "/authors": [{"id": one, "name": f"author {one}", "avatar": "a.png"} for one in range(1, 6)],
    "/products": [
        {"id": one, "name": f"product {one}", "price": 1.5, "currency": "EUR", "stock": None}
        for one in range(1, 21)
    ],
    "/cart": {"id": 1, "total": 9.0, "currency": "EUR", "items": [{"sku": "a", "qty": 1, "price": 9.0}]},
    "/promos": [{"id": 1, "title": "ten off", "discount": 10}],
    "/notifications": [{"id": 1, "text": "hello", "read": False, "at": "2026-01-01"}],
}
OPERATIONS = {
    "greet": "{ greet }",
    "posts": "{ posts { id userId title body } }",
    "nplus1": "{ posts { id title user { id name email } } }",
    "home": "{ me { id name tier } feed { id title excerpt likes author { id name avatar }"
    " product { id name price currency stock } } cart { id total items { sku qty price } }"
    " promos { id title discount } notifications { id text read at } }",
}


def _response(value: Any) -> bytes:
    body = json.dumps(value).encode()
    fields = b"content-type: application/json\r\ncache-control: max-age=600\r\ncontent-length: %d" % len(body)
    return b"HTTP/1.1 200 OK\r\n%b\r\n\r\n%b" % (fields, body)


_RESPONSES = {path: _response(value) for path, value in ANSWERS.items()}


class _Service(asyncio.Protocol):
    """Answers each GET with what `ANSWERS` has for its path."""

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        for request in data.split(b"\r\n\r\n")[:-1]:
            path = request.split(b" ", 2)[1].decode().partition("?")[0]
            self._transport.write(_RESPONSES[path])


class Pipe(asyncio.Transport):
    """The client's end of one connection: hands over what a whole answer is."""

    def __init__(self) -> None:
        super().__init__()
        self._parts: list[bytes] = []
        self.answered: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return {"peername": ("127.0.0.1", 40_000), "sockname": ("127.0.0.1", 8000)}.get(name, default)

    def write(self, data: Any) -> None:
        self._parts.append(bytes(data))
        head, end, body = b"".join(self._parts).partition(b"\r\n\r\n")
        if not end:
            return
        [length] = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
        if len(body) >= int(length):
            self._parts = []
            self.answered.set_result(body)

    def is_closing(self) -> bool:
        return False

    def close(self) -> None:
        """Stay."""

    pause_reading = resume_reading = close


class Wire:
    """One connection to *app*, through the protocol that serves it."""

    def __init__(self, app: Any) -> None:
        server = Server(app, lifespan=False)
        server.config.load()
        server.server_state.default_headers = [(b"date", b"Thu, 01 Jan 2026 00:00:00 GMT")]
        made: Callable[..., Any] = server.config.http_protocol_class
        self._protocol = made(config=server.config, server_state=server.server_state, app_state={})
        self._pipe = Pipe()
        self._protocol.connection_made(self._pipe)

    async def ask(self, query: str) -> bytes:
        """Return the body of the answer to *query*, once nothing of the request is left to do."""
        body = json.dumps({"query": query}).encode()
        self._pipe.answered = asyncio.get_running_loop().create_future()
        self._protocol.data_received(
            b"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1:8000\r\ncontent-type: application/json\r\n"
            b"accept: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body)
        )
        answer = await self._pipe.answered
        while self._protocol.tasks:  # noqa: ASYNC110 - uvicorn has no event
            await asyncio.sleep(0)
        return answer


@contextlib.asynccontextmanager
async def serving(policies: str, folder: Path) -> AsyncIterator[Wire]:
    """Serve the benchmark's schema under its *policies*, which are copied to *folder*."""
    if str(HERE) not in sys.path:
        sys.path.insert(0, str(HERE))
    copied = folder / "policies"
    shutil.copytree(HERE / "policies" / policies, copied)
    loop = asyncio.get_running_loop()
    async with contextlib.AsyncExitStack() as stack:
        for port in _PORTS:
            server = await stack.enter_async_context(await loop.create_server(_Service, "127.0.0.1", 0))
            for file in copied.rglob("*.yaml"):
                text = file.read_text(encoding="utf-8")
                file.write_text(text.replace(port, str(server.sockets[0].getsockname()[1])), encoding="utf-8")
        app = build(Settings(schema_name="application:schema", policies=copied)).app
        yield await stack.enter_async_context(_started(app))


@contextlib.asynccontextmanager
async def _started(app: Any) -> AsyncIterator[Wire]:
    """Run the lifespan of *app*."""
    inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    outbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
    running = asyncio.create_task(app({"type": "lifespan", "state": {}}, inbox.get, outbox.put))
    inbox.put_nowait({"type": "lifespan.startup"})
    told = await outbox.get()
    assert told["type"] == "lifespan.startup.complete", told
    try:
        yield Wire(app)
    finally:
        inbox.put_nowait({"type": "lifespan.shutdown"})
        await outbox.get()
        await running


async def bare(scope: Any, receive: Any, send: Any) -> None:
    """Be the least that an ASGI app can do: read the request, send a ready answer."""
    while (await receive()).get("more_body"):
        pass
    body = b'{"data":{"greet":"Hello World!"}}'
    fields = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": 200, "headers": fields})
    await send({"type": "http.response.body", "body": body})


def quiet() -> None:
    """Let no setting of the environment change what is measured."""
    for name in [name for name in os.environ if name.startswith(("BFF_", "OTEL_"))]:
        del os.environ[name]
