"""A real HTTP service that can be broken while it runs, and counts what arrives."""

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from random import Random
from typing import Any, Self

from bff.clock import Clock, SystemClock
from bff.testing.control import Control
from bff.testing.fault_kinds import Kind
from bff.testing.fault_wire import Exchange, apply
from bff.testing.faults import Fault, FaultBook
from bff.testing.http_message import Request
from bff.testing.http_server import Bounds, Closing, Handler, HttpServer, answering, reply_of
from bff.testing.routes import Routes
from bff.testing.wire import Wire
from bff.upstream.message import Origin

_MOST_PATHS = 1000


class FaultyServer:
    """Serves *handler*; faults come from `trouble` or, over HTTP, by `bff.testing.control`."""

    def __init__(
        self,
        handler: Handler,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        control_port: int | None = None,
        tls: ssl.SSLContext | None = None,
        clock: Clock | None = None,
        rng: Random | None = None,
        bounds: Bounds | None = None,
        cancel_on_disconnect: bool = False,
        arrived: Callable[[Request], None] = lambda request: None,  # noqa: ARG005 - the default looks at nothing
        closed: Callable[[Closing], None] = lambda closing: None,  # noqa: ARG005
    ) -> None:
        """Prepare a service; entering it as a context manager, or `start`, lets it listen.

        Args:
            handler: Answers requests; `bff.testing.routes.Routes` makes one of many.
            host: Address to listen on.
            port: 0 for any free one.
            control_port: A second port for the control endpoint, which no fault can cut off; 0 for any free one.
                The endpoint is on the first port, too.
            tls: Makes it an HTTPS service.
            clock: Where times come from, those of faults too.
            rng: Where chance comes from; seeded with 0 if not given, so that a run can be repeated.
            bounds: How much of a request is read.
            cancel_on_disconnect: Whether a handler is cancelled when its client goes away.
            arrived: Told of each request, before anything is done about it.
            closed: Told of each connection's end.
        """
        self.clock: Clock = clock or SystemClock()
        self.rng = rng or Random(0)
        self.faults = FaultBook(self.clock, self.rng)
        self.counts: Counter[tuple[str, str]] = Counter()
        self._handler = handler
        self._arrived = arrived
        self._server = HttpServer(
            self._exchange,
            host=host,
            port=port,
            tls=tls,
            clock=self.clock,
            bounds=bounds,
            cancel_on_disconnect=cancel_on_disconnect,
            accepted=self._accepted,
            closed=closed,
        )
        self._control = Control(
            self.faults,
            stats=self.stats,
            changed=self._changed,
            now=self.clock.now,
            apart=control_port is not None,
        )
        self._control_server = (
            None
            if control_port is None
            else HttpServer(answering(self._control), host="127.0.0.1", port=control_port, clock=self.clock)
        )
        self._tls = tls
        self._down = True
        self._reopening: asyncio.Task[None] | None = None

    @property
    def origin(self) -> Origin:
        """Where it listens, in the engine's terms."""
        return Origin("http" if self._tls is None else "https", self._server.host, self._server.port)

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return str(self.origin)

    @property
    def control_url(self) -> str:
        """Where the control endpoint is reached; no fault cuts it off if it has its own port."""
        if self._control_server is None:
            return self.url
        return f"http://127.0.0.1:{self._control_server.port}"

    @property
    def open_connections(self) -> int:
        """How many connections are open."""
        return len(self._server.connections)

    @property
    def accepted_connections(self) -> int:
        """How many connections were accepted so far."""
        return self._server.accepted_total

    def trouble(self, *faults: Fault | Kind) -> None:
        """Add *faults*; a bare kind hits every request."""
        self.faults.add(*(fault if isinstance(fault, Fault) else Fault(fault) for fault in faults))
        self._schedule_port()

    def clear(self) -> None:
        """End all faults; where one was `refuse`, `start` waits for the port to be open again."""
        self.faults.clear()
        self._schedule_port()

    async def start(self) -> None:
        """Listen, unless a `refuse` is in force; on the same port as before, after a stop."""
        self._down = False
        if self._control_server is not None:
            await self._control_server.start()
        self._server.reserve()
        await self._changed()

    async def stop(self) -> None:
        """Be down: refuse new connections and end open ones. Faults and counts stay."""
        self._down = True
        await self._stop_reopening()
        await self._server.stop()

    async def close(self) -> None:
        """Stop for good."""
        await self.stop()
        await self._server.close()
        if self._control_server is not None:
            await self._control_server.close()

    def drop_connections(self, *, reset: bool = False) -> None:
        """End all open connections, idle ones too, by FIN or RST; new ones are welcome."""
        self._server.drop_connections(reset=reset)

    async def __aenter__(self) -> Self:
        """Start."""
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        """Close."""
        await self.close()

    def stats(self) -> dict[str, Any]:
        """Return what `/__stats` answers."""
        arrivals = {f"{method} {template}": count for (method, template), count in sorted(self.counts.items())}
        return {
            "arrivals": arrivals,
            "openConnections": self.open_connections,
            "acceptedConnections": self.accepted_connections,
        }

    def _accepted(self, wire: Wire) -> None:
        if self.faults.decide_connection() is not None:
            wire.reset()
        wire.silent = self.faults.silent

    async def _exchange(self, request: Request, wire: Wire) -> None:
        if Control.owns(request):
            await wire.reply(request, await reply_of(self._control, request))
            return
        self._count(request)
        self._arrived(request)
        fault = self.faults.decide(request.method, request.path)
        if fault is None:
            await wire.reply(request, await reply_of(self._handler, request))
        else:
            await apply(fault.kind, Exchange(request, wire, self._handler, self.rng))

    def _count(self, request: Request) -> None:
        template = self._handler.template(request) if isinstance(self._handler, Routes) else request.path
        key = (request.method, template)
        if key not in self.counts and len(self.counts) >= _MOST_PATHS:
            key = (request.method, "(others)")
        self.counts[key] += 1

    def _schedule_port(self) -> None:
        """Close the port now, or open it from the loop, which a plain function cannot wait for."""
        if self._down:
            return
        if self.faults.refusing is not None:
            self._refuse()
        elif not self._server.listening:
            self._follow(0.0)

    def _follow(self, seconds: float) -> None:
        if self._reopening is not None:
            self._reopening.cancel()
        self._reopening = asyncio.create_task(self._after(seconds), name="follow refuse")

    async def _after(self, seconds: float) -> None:
        await self.clock.sleep(seconds)
        self._reopening = None
        await self._changed()

    async def _stop_reopening(self) -> None:
        task, self._reopening = self._reopening, None
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    async def _changed(self) -> None:
        """Let the port be open or closed as the faults say."""
        if self._down:
            return
        if self.faults.refusing is None:
            await self._server.start()
        else:
            self._refuse()

    def _refuse(self) -> None:
        entry = self.faults.refusing
        assert entry is not None
        self._server.refuse()
        self._server.drop_connections(spare=Control.owns)
        left = entry.left(self.clock.now())
        if left is not None:
            self._follow(left)
