"""Serves the public and the admin port until a signal says to leave, then drains (DR-1 to DR-3)."""

import asyncio
import contextlib
import gc
import os
import signal
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass, field

import uvloop

from bff.clock import Clock, SystemClock
from bff.events import Notify, ignore
from bff.policy.model import Drain
from bff.server.colleagues import Colleagues, Place
from bff.server.drain import drain
from bff.server.events import LoopTurned
from bff.server.lifecycle import Lifecycle
from bff.server.ports import ASGIApp
from bff.server.uvicorn_server import Server

_SIGNALS = (signal.SIGTERM, signal.SIGINT)
_BACKLOG = 2048


Keep = Callable[[bytes], object]
"""Keeps a snapshot; called in a thread."""


def _nothing() -> None:
    """Have nothing to read."""


def _nobody(keep: Keep) -> None:
    """Have nothing to keep."""


@dataclass(frozen=True, slots=True)
class Service:
    """What one process serves; built in that process, before its event loop runs."""

    app: ASGIApp
    admin: ASGIApp
    lifecycle: Lifecycle
    notify: Notify = ignore
    colleagues: Colleagues = field(default_factory=Colleagues)
    reload: Callable[[], object] = _nothing
    """Begins to read the policies anew, on SIGHUP; called in the event loop."""
    tell: Callable[[Keep], None] = _nobody
    """Lets a function have snapshots of what is in force."""


Build = Callable[..., Service]
"""Makes the service; several workers need it picklable: a module's function, or a `functools.partial` of one.

It is called with nothing, or with the last snapshot where a worker takes the place of one that crashed.
"""


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 lets the system choose."""

    host: str
    port: int

    def bind(self) -> socket.socket:
        """Return a listening socket.

        Raises:
            OSError: The port is taken, or the host is not ours.
        """
        family, _, _, _, address = socket.getaddrinfo(self.host, self.port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family, backlog=_BACKLOG)


def serve(
    build: Build,
    *,
    public: Address,
    admin: Address,
    policy: Drain,
    workers: int = 1,
    path: str = "/graphql",
    say: Callable[[str], None] = print,
    hints: str = "",
) -> int:
    """Serve until SIGTERM or SIGINT and return the exit code: 0 after a drain, 2 when a port cannot be had.

    A second signal cancels what is in flight at once. With several *workers*, each is a process of its own on the
    same sockets; the admin port is then answered by any of them, for all of them where that matters. *hints* are
    said as soon as it is ready, `{admin}` in them standing for the admin port's address.
    """
    from bff.server.workers import supervise  # noqa: PLC0415 - it imports this module

    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until there is something to reload

    with contextlib.ExitStack() as stack:
        sockets: list[socket.socket] = []
        for address in (public, admin):
            try:
                sockets.append(stack.enter_context(address.bind()))
            except OSError as error:
                reason = os.strerror(error.errno) if error.errno and error.errno > 0 else error.strerror
                print(f"bff: cannot listen on {address.host}:{address.port}: {reason}", file=sys.stderr)  # noqa: T201 - for people
                return 2

        def announce() -> None:
            ready = f"bff is ready: {_url(sockets[0])}{path} (admin: {_url(sockets[1])})"
            say("\n".join([ready, *([hints.replace("{admin}", _url(sockets[1]))] if hints else [])]))

        if workers > 1:
            return supervise(build, sockets, policy, workers, announce)
        return run(build, sockets, policy, announce)


def run(
    build: Build,
    sockets: list[socket.socket],
    policy: Drain,
    announce: Callable[[], None],
    *,
    supervisor: int | None = None,
    place: Place | None = None,
    keep: Keep | None = None,
) -> int:
    """Serve in this process and return its exit code.

    *supervisor* is a file descriptor that reads as closed when the parent is gone, which then ends this process
    too; SIGINT is the parent's business in that case. *place* says which of several workers this is; the third of
    *sockets* is then the one that the others ask. *keep* is told what is in force.
    """
    service = build()
    if keep is not None:
        service.tell(keep)
    if place is not None:
        service.colleagues.join(place)
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(service, sockets, policy, announce, supervisor, SystemClock()))


async def _run(  # noqa: PLR0917 - the whole of one process, called once
    service: Service,
    sockets: list[socket.socket],
    policy: Drain,
    announce: Callable[[], None],
    supervisor: int | None,
    clock: Clock,
) -> int:
    lifecycle = service.lifecycle

    def tick() -> None:
        lifecycle.beat()
        service.notify(LoopTurned(lifecycle.lag.seconds, len(lifecycle.in_flight)))

    public = Server(service.app, lifespan=True, on_tick=tick)
    admin = Server(service.admin, lifespan=False)
    leave, hurry = asyncio.Event(), asyncio.Event()
    _listen(leave, hurry, service.reload, supervisor)
    tasks = [
        asyncio.create_task(admin.serve(sockets=sockets[1:]), name="admin port"),
        asyncio.create_task(public.serve(sockets=[sockets[0]]), name="public port"),
    ]
    while not (admin.started and public.started) and not any(task.done() for task in tasks):
        await clock.sleep(0.01)
    if public.started and admin.started:
        _spare_the_collector()
        lifecycle.ready()
        announce()
        leaving = asyncio.create_task(leave.wait(), name="signal")
        await asyncio.wait([leaving, *tasks], return_when=asyncio.FIRST_COMPLETED)
        leaving.cancel()
        await drain(policy, lifecycle, public, hurry=hurry, clock=clock, notify=service.notify)
    public.should_exit = admin.should_exit = True
    await asyncio.gather(*tasks)
    return 0


def _spare_the_collector() -> None:
    """Take what lives as long as the process out of the garbage collector's rounds, and make these rarer.

    A request leaves no cycles behind, while a round for every 700 new objects, the default, costs half of all
    processor time on lists.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def _listen(
    leave: asyncio.Event, hurry: asyncio.Event, reload: Callable[[], object], supervisor: int | None
) -> None:
    """Set *leave* on the first signal, *hurry* too on the second; SIGHUP is for *reload*."""
    loop = asyncio.get_running_loop()

    def notice() -> None:
        (hurry if leave.is_set() else leave).set()

    def orphaned() -> None:
        assert supervisor is not None
        loop.remove_reader(supervisor)
        notice()

    def hang_up() -> None:
        if terminal and not is_terminal():
            notice()
        else:
            reload()

    terminal = is_terminal()
    for number in _SIGNALS:
        loop.add_signal_handler(number, notice)
    loop.add_signal_handler(signal.SIGHUP, hang_up)
    if supervisor is not None:
        loop.add_signal_handler(signal.SIGINT, lambda: None)
        loop.add_reader(supervisor, orphaned)


def is_terminal() -> bool:
    """Return whether somebody sits at a terminal; when it is closed it is none any more, and sends SIGHUP."""
    try:
        os.tcgetpgrp(0)
    except OSError:
        return False
    return True


def _url(listening: socket.socket) -> str:
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"
