"""A scriptable service on a real socket, for tests of whatever calls services."""

import asyncio
import ssl
from collections.abc import Callable
from random import Random
from typing import Any

from bff.clock import Clock
from bff.testing.faulty_server import FaultyServer
from bff.testing.http_message import Headers, Reply, Request
from bff.testing.http_server import Bounds, Closing, Handler
from bff.testing.routes import Routes

_UNSET: Any = object()


class FakeUpstream(FaultyServer):
    """Answers what it was told to, breaks as it was told to, and remembers what it saw.

    Attributes:
        arrivals: Each request that arrived whole, in order, also when a fault hit it.
        closings: The end of each connection, in order.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        control_port: int | None = None,
        tls: ssl.SSLContext | None = None,
        clock: Clock | None = None,
        rng: Random | None = None,
        bounds: Bounds | None = None,
        cancel_on_disconnect: bool = False,
    ) -> None:
        """Prepare a fake; `FaultyServer` says what the arguments mean."""
        self._routes = Routes()
        self.arrivals: list[Request] = []
        self.closings: list[Closing] = []
        self._news = asyncio.Event()
        super().__init__(
            self._routes,
            host=host,
            port=port,
            control_port=control_port,
            tls=tls,
            clock=clock,
            rng=rng,
            bounds=bounds,
            cancel_on_disconnect=cancel_on_disconnect,
            arrived=self._note_arrival,
            closed=self._note_closing,
        )

    def on(
        self,
        method: str,
        template: str,
        answer: Handler | Reply | None = None,
        *,
        json: Any = _UNSET,
        status: int = 200,
        headers: Headers = (),
    ) -> None:
        """Say what a request for *template*, such as `/dishes/{id}`, is answered with.

        Args:
            method: The HTTP method; GET answers HEAD, too.
            template: The path; braces take one segment, which the handler finds in `Request.params`.
            answer: A handler `async (Request) -> Reply`, or one reply for all requests.
            json: Instead of *answer*: the value to answer as JSON.
            status: Goes with *json*, or stands alone for an empty body.
            headers: Go with *json* or *status*.

        Raises:
            ValueError: Both *answer* and *json* are given.
        """
        if answer is not None and json is not _UNSET:
            raise ValueError("give either an answer or json, not both")
        if callable(answer):
            self._routes.add(method, template, answer)
            return
        reply = answer or (Reply(status, headers) if json is _UNSET else Reply.json(json, status, headers))

        async def always(_: Request) -> Reply:
            return reply

        self._routes.add(method, template, always)

    async def arrived(self, count: int = 1, timeout: float = 1.0) -> list[Request]:  # noqa: ASYNC109
        """Wait until *count* requests have arrived in all, and return them.

        Raises:
            TimeoutError: Fewer had arrived after *timeout* real seconds.
        """
        await self._until(lambda: len(self.arrivals) >= count, timeout)
        return self.arrivals[:count]

    async def peer_closed(self, timeout: float = 1.0) -> Closing:  # noqa: ASYNC109
        """Wait until a client has closed a connection, and return the first such closing.

        Raises:
            TimeoutError: None had after *timeout* real seconds.
        """
        await self._until(lambda: any(closing.by == "peer" for closing in self.closings), timeout)
        return next(closing for closing in self.closings if closing.by == "peer")

    async def all_closed(self, timeout: float = 1.0) -> None:  # noqa: ASYNC109
        """Wait until no connection is open.

        Raises:
            TimeoutError: Some still were after *timeout* real seconds.
        """
        await self._until(lambda: self.open_connections == 0, timeout)

    async def _until(self, true: Callable[[], bool], timeout: float) -> None:  # noqa: ASYNC109
        async with asyncio.timeout(timeout):
            while not true():
                self._news.clear()
                await self._news.wait()

    def _note_arrival(self, request: Request) -> None:
        self.arrivals.append(request)
        self._news.set()

    def _note_closing(self, closing: Closing) -> None:
        self.closings.append(closing)
        self._news.set()
