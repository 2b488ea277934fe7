"""Names to addresses: in threads of our own, with the last good answer kept (LB-11 to LB-13)."""

import asyncio
import ipaddress
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from bff.clock import Clock
from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome

AddressInfo = tuple[int, int, int, str, tuple[Any, ...]]
"""One answer of `socket.getaddrinfo`: family, type, protocol, canonical name, socket address."""

Lookup = Callable[..., Sequence[AddressInfo]]
"""A blocking function with the signature of `socket.getaddrinfo`."""

_METADATA = frozenset(map(ipaddress.ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192")))
"""Where clouds serve credentials, besides 169.254.169.254: AWS over IPv6, Alibaba, Oracle."""


def is_refused(address: str) -> bool:
    """Return whether *address* is link-local or serves cloud metadata (LB-13)."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    mapped = getattr(ip, "ipv4_mapped", None)
    ip = mapped or ip
    return ip.is_link_local or ip in _METADATA


class _Answer(NamedTuple):
    addresses: tuple[AddressInfo, ...]
    since: float


class Resolver:
    """Finds addresses; one may serve all upstreams of a process.

    One name is looked up by one thread at a time, so a name server that does not answer for one upstream cannot
    take the threads of the others.
    """

    def __init__(
        self,
        *,
        clock: Clock,
        threads: int = 8,
        lookup: Lookup = socket.getaddrinfo,
        refresh: float = 30.0,
        keep: float = 600.0,
        refused: Callable[[str], bool] = is_refused,
    ) -> None:
        """Build a resolver; threads start when they are needed.

        Args:
            clock: Measures the age of answers.
            threads: Most lookups at once.
            lookup: Does the blocking work.
            refresh: Seconds after which a name is looked up again.
            keep: Seconds for which the last good answer stands in for a lookup that fails.
            refused: Which addresses are never connected to.
        """
        self._clock = clock
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="bff-dns")
        self._lookup = lookup
        self._refresh = refresh
        self._keep = keep
        self._refused = refused
        self._known: dict[tuple[str, int], _Answer] = {}
        self._flights: dict[tuple[str, int], asyncio.Future[Sequence[AddressInfo]]] = {}
        self._overdue: set[tuple[str, int]] = set()
        self._doubted: dict[tuple[str, int], float] = {}
        self._closed = False

    async def resolve(self, host: str, port: int, *, timeout: float) -> tuple[AddressInfo, ...]:  # noqa: ASYNC109 - it does not end the lookup
        """Return the addresses of *host*, at least one.

        Args:
            host: A name, or an address as text.
            port: Becomes part of each address.
            timeout: Longest wait in seconds; the lookup itself goes on and serves the next caller.

        Raises:
            UpstreamError: DNS when there is no answer, CONNECT when every address is refused, POOL once closed.
        """
        literal = _literal(host, port)
        if literal is not None:
            return self._allowed(host, (literal,))
        key = (host, port)
        known = self._known.get(key)
        age = self._clock.now() - known.since if known is not None else 0.0
        if known is not None and age < self._refresh:
            return self._allowed(host, known.addresses)
        usable = known is not None and age < self._keep
        try:
            if not (usable and key in self._overdue):
                known = await self._ask(key, timeout)
        except UpstreamError:
            if not usable:
                raise
        assert known is not None
        return self._allowed(host, known.addresses)

    def doubt(self, host: str, port: int) -> None:
        """Look *host* up again at the next call, for connecting to it failed; at most once a second (LB-11)."""
        key = (host, port)
        known = self._known.get(key)
        now = self._clock.now()
        if known is not None and now - self._doubted.get(key, float("-inf")) >= 1.0:
            self._doubted[key] = now
            self._known[key] = known._replace(since=min(known.since, now - self._refresh))

    def close(self) -> None:
        """Start no further lookups; those that run end by themselves."""
        self._closed = True
        self._threads.shutdown(wait=False)

    async def _ask(self, key: tuple[str, int], limit: float) -> _Answer:
        host = key[0]
        flight = self._flights.get(key) or self._start(key)
        try:
            async with asyncio.timeout(limit):
                addresses = await asyncio.shield(flight)
        except socket.gaierror as error:
            raise UpstreamError(Outcome.DNS, f"{host}: {error.strerror}") from error
        except TimeoutError as error:
            self._overdue.add(key)
            detail = f"{host}: no answer within {limit:g} s"
            raise UpstreamError(Outcome.DNS, detail, phase="dns") from error
        except (OSError, UnicodeError) as error:
            raise UpstreamError(Outcome.DNS, f"{host}: {error}") from error
        if not addresses:
            raise UpstreamError(Outcome.DNS, f"{host}: no address")
        return self._known[key]

    def _start(self, key: tuple[str, int]) -> "asyncio.Future[Sequence[AddressInfo]]":
        if self._closed:
            raise UpstreamError(Outcome.POOL, "resolver is closed")
        loop = asyncio.get_running_loop()
        look = self._lookup
        flight = loop.run_in_executor(self._threads, lambda: look(*key, type=socket.SOCK_STREAM))
        self._flights[key] = flight
        flight.add_done_callback(lambda done: self._landed(key, done))
        return flight

    def _landed(self, key: tuple[str, int], flight: "asyncio.Future[Sequence[AddressInfo]]") -> None:
        self._flights.pop(key, None)
        self._overdue.discard(key)
        if not flight.cancelled() and flight.exception() is None and flight.result():
            self._known[key] = _Answer(tuple(flight.result()), self._clock.now())

    def _allowed(self, host: str, addresses: tuple[AddressInfo, ...]) -> tuple[AddressInfo, ...]:
        allowed = tuple(info for info in addresses if not self._refused(info[4][0]))
        if not allowed:
            found = ", ".join(str(info[4][0]) for info in addresses)
            detail = f"{host}: refused to connect to a link-local or metadata address: {found}"
            raise UpstreamError(Outcome.CONNECT, detail)
        return allowed


def _literal(host: str, port: int) -> AddressInfo | None:
    try:
        ip = ipaddress.ip_address(host)
    except ValueError:
        return None
    stream = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
    if ip.version == 4:  # noqa: PLR2004 - IP has two versions
        return (socket.AF_INET, *stream, (host, port))
    return (socket.AF_INET6, *stream, (host, port, 0, 0))
