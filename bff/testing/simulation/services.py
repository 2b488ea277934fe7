"""Simulated services behind the transport port: hosts with workers and a queue, and what can go wrong there."""

from asyncio import Future
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from math import inf
from random import Random

from bff.testing.simulation.faults import Fault
from bff.testing.simulation.log import Acted, Log, Sent
from bff.testing.simulation.virtual_loop import VirtualLoop
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Request, Response
from bff.upstream.outcome import Outcome
from bff.upstream.transport import Limits

_FULL = Response(503, {}, b"")
_CHECK = -1
"""The number of a request that belongs to no call: a health check."""


@dataclass(frozen=True, slots=True)
class Service:
    """What one service is like while nothing is wrong.

    Attributes:
        name: Names it, its hosts and its policy.
        hosts: How many hosts it has.
        workers: Requests that one host works on at once.
        seconds: Mean time that a worker needs; the shortest is half of it, the rest is exponential.
        queue: Requests that wait in one host; more are answered with 503 at once.
        cache_control: What its answers say about keeping them; "" for nothing.
    """

    name: str
    hosts: int = 1
    workers: int = 16
    seconds: float = 0.02
    queue: int = 1000
    cache_control: str = ""

    @property
    def capacity(self) -> float:
        """Requests a second that all hosts together can answer."""
        return self.hosts * self.workers / self.seconds

    def answer(self) -> Response:
        """Return what it says when all is well."""
        kept = {"cache-control": self.cache_control} if self.cache_control else {}
        return Response(200, {"content-type": "application/json", **kept}, b"{}")

    def origin(self, host: int) -> Origin:
        """Return where *host* listens."""
        return Origin("https", f"{self.name}-{host}.test", 443)


class Exchange:
    """One request at a host; its answer is put into `answered`, which the transport waits for."""

    __slots__ = ("answered", "arrived", "call", "replica")

    def __init__(
        self, call: int, replica: int, arrived: float, answered: "Future[Response | UpstreamError]"
    ) -> None:
        self.call = call
        self.replica = replica
        self.arrived = arrived
        self.answered = answered


class Host:
    """One host: works on requests in the order of their arrival, also for clients that have left.

    Args:
        service: What it is like.
        number: Which of the service's hosts it is.
        loop: Tells the time.
        rng: Draws working times and whom faults hit.
        log: Told what the host acts on.

    Attributes:
        faults: What it suffers from now.
        well: When it was done with all that came in before its last fault ended; minus infinity without faults.
    """

    def __init__(self, service: Service, number: int, *, loop: VirtualLoop, rng: Random, log: Log) -> None:
        self.faults: list[Fault] = []
        self.well = -inf
        self._good = service.answer()
        self._service = service
        self._number = number
        self._loop = loop
        self._rng = rng
        self._note = log.note
        self._queue: deque[Exchange] = deque()
        self._open: dict[Exchange, None] = {}
        self._busy = 0
        self._life = 0
        self._factor = 1.0
        self._recovered = -inf

    def arrive(self, exchange: Exchange, connect_timeout: float) -> None:
        """Take a request in.

        Args:
            exchange: The request.
            connect_timeout: Seconds after which a client gives up connecting.
        """
        self._open[exchange] = None
        if self.faults and self._strikes(exchange, connect_timeout):
            return
        if self._busy < self._service.workers:
            self._work(exchange)
        elif len(self._queue) < self._service.queue:
            self._queue.append(exchange)
        else:
            self._answer(exchange, _FULL)

    def leave(self, exchange: Exchange) -> None:
        """Forget a request whose connection is gone; the work on it goes on."""
        self._open.pop(exchange, None)

    def strike(self, fault: Fault) -> None:
        """Begin to suffer from *fault*."""
        self.faults.append(fault)
        self._factor *= fault.factor
        if fault.kind == "down":
            self._crash()

    def recover(self, fault: Fault) -> None:
        """End to suffer from *fault*."""
        self.faults.remove(fault)
        self._factor /= fault.factor
        self.well = self._recovered = self._loop.time()

    def _crash(self) -> None:
        self._life += 1
        self._busy = 0
        self._queue.clear()
        for exchange in tuple(self._open):
            self._fail(exchange, Outcome.RESET, "connection reset by a crash")

    def _strikes(self, exchange: Exchange, connect_timeout: float) -> bool:
        """Return whether a fault decides what becomes of *exchange*."""
        for fault in self.faults:
            if fault.kind in ("slow", "late") or not fault.hits_replica(exchange.replica):
                continue
            if fault.share < 1.0 and self._rng.random() >= fault.share:
                continue
            if fault.acts:
                self._act(exchange)
            if fault.kind == "down":
                self._fail(exchange, Outcome.CONNECT, "connection refused")
            elif fault.kind == "partition":
                later = self._loop.time() + connect_timeout
                self._loop.at(later, self._fail, exchange, Outcome.CONNECT, "no connection in time")
            elif fault.kind == "reset":
                self._fail(exchange, Outcome.RESET, "connection reset")
            elif fault.kind == "status":
                self._answer(exchange, fault.response)
            return True
        return False

    def _work(self, exchange: Exchange) -> None:
        self._busy += 1
        self._act(exchange)
        mean = self._service.seconds * self._factor
        seconds = mean * (0.5 + 0.5 * self._rng.expovariate(1.0))
        loop = self._loop
        loop.at(loop.time() + seconds, self._done, exchange, self._life)

    def _act(self, exchange: Exchange) -> None:
        if exchange.call != _CHECK:
            self._note(Acted(self._loop.time(), self._service.name, self._number, exchange.call))

    def _done(self, exchange: Exchange, life: int) -> None:
        if life != self._life:
            return
        self._busy -= 1
        if exchange.arrived < self._recovered:
            self.well = self._loop.time()
        self._answer(exchange, self._good)
        if self._queue:
            self._work(self._queue.popleft())

    def _answer(self, exchange: Exchange, response: Response) -> None:
        if self.faults:
            delay = self._delay(exchange)
            if delay:
                self._loop.at(self._loop.time() + delay, self._deliver, exchange, response)
                return
        self._deliver(exchange, response)

    def _delay(self, exchange: Exchange) -> float:
        """Return the seconds until the answer arrives; an endless time while the network is cut."""
        delay = 0.0
        for fault in self.faults:
            if fault.kind == "partition" and fault.hits_replica(exchange.replica):
                return 1e9
            delay += fault.delay
        return delay

    def _deliver(self, exchange: Exchange, response: Response) -> None:
        if self._open.pop(exchange, self) is None and not exchange.answered.done():
            exchange.answered.set_result(response)

    def _fail(self, exchange: Exchange, outcome: Outcome, detail: str) -> None:
        if self._open.pop(exchange, self) is None and not exchange.answered.done():
            exchange.answered.set_result(UpstreamError(outcome, detail))


class SimulatedTransport:
    """The transport of one replica to one service; it never sends twice and closes what is cancelled.

    Attributes:
        running: Requests under way, each on a socket of its own.
    """

    def __init__(
        self,
        service: Service,
        hosts: Mapping[Origin, tuple[int, Host]],
        replica: int,
        limits: Limits,
        *,
        loop: VirtualLoop,
        log: Log,
    ) -> None:
        self.running = 0
        self._name = service.name
        self._hosts = hosts
        self._replica = replica
        self._connect_timeout = limits.connect_timeout
        self._loop = loop
        self._note = log.note

    async def send(self, request: Request) -> Response:
        """Send *request* to its host and return the answer.

        Raises:
            UpstreamError: There is none.
        """
        number, host = self._hosts[request.origin]
        headers = request.headers
        loop = self._loop
        self.running += 1
        call = int(headers.get("x-request-id", _CHECK))
        if call != _CHECK:
            attempt = int(headers["x-attempt-count"])
            self._note(Sent(loop.time(), self._name, self._replica, call, number, attempt, self.running))
        exchange = Exchange(call, self._replica, loop.time(), loop.create_future())
        try:
            host.arrive(exchange, self._connect_timeout)
            answer = await exchange.answered
        finally:
            self.running -= 1
            host.leave(exchange)
        if isinstance(answer, UpstreamError):
            raise answer
        return answer

    async def close(self) -> None:
        """Do nothing: nothing outlives its request."""
