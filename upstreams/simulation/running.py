"""Which services there are, and running one of them."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Mapping
from datetime import date
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from bff.clock import Clock, SystemClock
from bff.testing.faulty_server import FaultyServer
from bff.testing.http_message import Request
from bff.testing.routes import Routes
from upstreams.simulation.web import App, Outside
from upstreams.simulation.world import World

if TYPE_CHECKING:
    from upstreams.simulation.tokens import Tokens

DEFAULT_SEED: Final = 7
DEFAULT_DAY: Final = date(2026, 11, 20)
"""The day that tests see; the command line takes the last evening instead."""

_MOST_ROUTES: Final = 200


class Service(NamedTuple):
    """Where a service listens unless told otherwise, and its latency in seconds."""

    ports: tuple[int, ...]
    latency: float = 0.005


SERVICES: Final[Mapping[str, Service]] = {
    "accounts": Service((9101,)),
    "catalog": Service((9102, 9112)),
    "orders": Service((9103,)),
    "couriers": Service((9104,)),
    "payments": Service((9105,)),
    "promotions": Service((9106,)),
    "reviews": Service((9107,), latency=0.03),
    "notifications": Service((9108,)),
}


class Options(NamedTuple):
    """How one service is run; *latency* and *tick* are in seconds, no latency means the service's own.

    With an *issuer* its tokens are needed; without one, `demo-<user id>` is taken for a token.
    """

    name: str
    host: str = "127.0.0.1"
    port: int = 0
    seed: int = DEFAULT_SEED
    day: date = DEFAULT_DAY
    latency: float | None = None
    tick: float = 1.0
    issuer: str | None = None


class Recorder(FaultyServer):
    """A breakable server whose `/__stats` also has the headers of the last request of each route.

    `lastHeaders` is keyed as `arrivals` is: by method and path template.
    """

    def __init__(self, routes: Routes, *, host: str, port: int, clock: Clock) -> None:
        self._routes = routes
        self._last: dict[str, Mapping[str, str]] = {}
        super().__init__(routes, host=host, port=port, clock=clock, arrived=self._note)

    def stats(self) -> dict[str, Any]:
        """Return what `/__stats` answers."""
        return {**super().stats(), "lastHeaders": self._last}

    def _note(self, request: Request) -> None:
        key = f"{request.method} {self._routes.template(request)}"
        if key in self._last or len(self._last) < _MOST_ROUTES:
            self._last[key] = request.headers


def make(options: Options, clock: Clock) -> App:
    """Return the service that *options* name; its module is imported only now, so that each starts quickly."""
    latency = SERVICES[options.name].latency if options.latency is None else options.latency
    module = import_module(f"upstreams.simulation.services.{options.name}")
    build: Callable[[World, Outside], App] = module.app
    tokens = tokens_of(options, clock) if options.issuer else None
    return build(World(options.seed, options.day), Outside(clock, latency, options.tick, tokens))


def tokens_of(options: Options, clock: Clock) -> "Tokens":
    """Return what reads the tokens of the issuer in *options*; its module is imported only where there is one."""
    from upstreams.simulation.tokens import Tokens  # noqa: PLC0415

    assert options.issuer is not None
    return Tokens(options.issuer, options.name, clock)


async def serve(options: Options, say: Callable[[str], None], *, end_with_stdin: bool = False) -> None:
    """Serve until SIGTERM or SIGINT.

    Args:
        options: Which service, where, of which world.
        say: Given one line, once the service listens.
        end_with_stdin: Whether it also ends when stdin is closed, so that it does not outlive who started it.

    Raises:
        OSError: The port is taken.
    """
    ended = asyncio.Event()
    loop = asyncio.get_running_loop()
    for wanted in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(wanted, ended.set)
    if end_with_stdin:
        loop.add_reader(sys.stdin.fileno(), _read_to_end, ended)
    clock = SystemClock()
    async with Recorder(make(options, clock).routes, host=options.host, port=options.port, clock=clock) as server:
        say(f"{options.name} listens on {server.url} (seed {options.seed}, day {options.day})")
        await ended.wait()
    if end_with_stdin:
        loop.remove_reader(sys.stdin.fileno())


def _read_to_end(ended: asyncio.Event) -> None:
    if not os.read(sys.stdin.fileno(), 4096):
        ended.set()
