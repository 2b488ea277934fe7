"""A service as a process: answers things, breaks as its control port says, ends with its standard input."""

import argparse
import asyncio
import os
import ssl
import sys
from email.utils import formatdate

from bff.clock import SystemClock
from bff.testing import FaultyServer, Reply, Request, Routes


class WrongClock(SystemClock):
    """A machine whose wall clock is off by so many seconds."""

    def __init__(self, off: float) -> None:
        super().__init__()
        self._off = off

    def wall(self) -> float:
        return super().wall() + self._off


def thing(key: str, request: Request) -> dict[str, str]:
    return {"id": key, "who": request.headers.get("authorization", "nobody"), "text": f"{key} " * 40}


async def one(request: Request) -> Reply:
    return Reply.json(thing(request.params["id"], request))


async def many(request: Request) -> Reply:
    """Answer in the wrong order, with one thing nobody asked for; some keys say what is done with them."""
    found = [thing("unasked", request)]
    for key in reversed(request.query["ids"].split(",")):
        times = {"missing": 0, "twice": 2}.get(key.partition("-")[0], 1)
        item = thing(key, request) | ({"who": 7} if key.startswith("broken") else {})
        found += [item] * times
    return Reply.json(found)


async def order(request: Request) -> Reply:
    return Reply.json(thing(request.json()["id"], request), 201)


def throttle(off: float):
    """Return a handler that refuses until a date which is two seconds away by this service's own clock."""

    async def refuse(request: Request) -> Reply:
        until = formatdate(SystemClock().wall() + off + 2, usegmt=True)
        return Reply.problem(429, "not so fast", (("retry-after", until),))

    return refuse


async def healthy(request: Request) -> Reply:
    return Reply.json({"ok": True})


def server_context(file: str | None) -> ssl.SSLContext | None:
    """Return what TLS needs, None for a service without."""
    if file is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


async def serve(options: argparse.Namespace) -> None:
    off = options.clock_off
    routes = Routes()
    for method, path, handler in [
        ("GET", "/things/{id}", one),
        ("GET", "/others/{id}", one),
        ("GET", "/batch", many),
        ("POST", "/orders", order),
        ("GET", "/throttled/things/{id}", throttle(off)),
        ("GET", "/health", healthy),
    ]:
        routes.add(method, path, handler)
    tls, clock = server_context(options.certificate), WrongClock(off)
    async with FaultyServer(routes, port=options.port, control_port=0, clock=clock, tls=tls) as server:
        print(server.url, server.control_url, flush=True)  # noqa: T201 - how it says where it is
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), os.fdopen(os.dup(sys.stdin.fileno()))
        )
        await reader.read()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--clock-off", type=float, default=0.0)
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--certificate", help="PEM file with key and certificate")
    asyncio.run(serve(parser.parse_args()))
