"""The same port on aiohttp, for whoever prefers a well-known client to ours (PY-4)."""

import asyncio
import contextlib
import ipaddress
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from bff.clock import Clock
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Request, Response
from bff.upstream.outcome import Outcome
from bff.upstream.transport import Limits
from bff.upstream.transport.body import ACCEPT_ENCODING, decoder_for, too_large
from bff.upstream.transport.client_certificate import ClientCertificate
from bff.upstream.transport.dial import STAGGER, tls_context, tls_failure
from bff.upstream.transport.head import encode, host_field
from bff.upstream.transport.reader import broken
from bff.upstream.transport.resolve import Resolver

_PIECE = 64 * 1024
_OWN_HEADERS = ("User-Agent", "Accept", "Content-Type")
"""What aiohttp would add by itself."""


class AiohttpTransport:
    """Sends requests of one upstream through aiohttp; implements `bff.upstream.transport.Transport`.

    It has no `max_connection_age`, and measures `keepalive_expiry` on the event loop's own clock.
    """

    def __init__(self, limits: Limits, *, clock: Clock, resolver: Resolver | None = None) -> None:
        """Build a transport that connects when it is first used.

        Args:
            limits: Bounds of connections and responses.
            clock: Measures the age of addresses.
            resolver: Finds addresses; one of its own when None.
        """
        self._limits = limits
        self._resolver = resolver or Resolver(clock=clock, refresh=limits.dns_refresh, keep=limits.dns_stale)
        self._own_resolver = None if resolver else self._resolver
        # The connector cannot tell waiting for a connection from connecting, so waiting happens here (DL-7).
        self._slots = asyncio.Semaphore(limits.max_connections)
        self._hosts: dict[Origin, str] = {}
        self._session: aiohttp.ClientSession | None = None
        self._certificate = ClientCertificate(*limits.certificate) if limits.certificate else None
        self._tls = tls_context(limits.ca_file) if limits.ca_file or limits.certificate else None
        self._closed = False

    async def send(self, request: Request) -> Response:
        """Send *request* once and return the whole response.

        Raises:
            UpstreamError: No whole response came back; LOCAL_BUG when the request cannot be put in HTTP.
        """
        if self._closed:
            raise UpstreamError(Outcome.POOL, "transport is closed")
        encode(request, await self._host(request.origin))  # refuses what aiohttp would let through in a target
        await self._take_slot()
        try:
            return await self._exchange(request)
        finally:
            self._slots.release()

    async def close(self) -> None:
        """Close all connections; nothing may be sent afterwards."""
        self._closed = True
        if self._session is not None:
            await self._session.close()
        if self._own_resolver is not None:
            self._own_resolver.close()

    async def _host(self, origin: Origin) -> str:
        host = self._hosts.get(origin)
        if host is None:
            if _is_literal(origin.host):  # aiohttp asks a resolver about names only
                await self._resolver.resolve(origin.host, origin.port, timeout=self._limits.dns_timeout)
            host = self._hosts[origin] = host_field(origin)
        return host

    async def _take_slot(self) -> None:
        patience = self._limits.pool_timeout
        try:
            if not self._slots.locked():
                await self._slots.acquire()
                return
            async with asyncio.timeout(patience):
                await self._slots.acquire()
        except TimeoutError as error:
            detail = f"{self._limits.max_connections} connections busy for {patience:g} s"
            raise UpstreamError(Outcome.POOL, detail, phase="queue") from error

    async def _exchange(self, request: Request) -> Response:
        try:
            response = await self._start(request)
        except TimeoutError as error:
            raise _timed_out(error, self._limits) from error
        except (aiohttp.ClientError, OSError) as error:
            raise _without_response(error, request.origin) from error
        try:
            body = await self._read(response, request.method)
        except TimeoutError as error:
            raise _timed_out(error, self._limits) from error
        except (aiohttp.ClientError, OSError) as error:
            raise broken(f"body cut off: {error}") from error
        finally:
            response.close()  # gives nothing back that was read to its end: aiohttp has released that already
        return body

    async def _start(self, request: Request) -> aiohttp.ClientResponse:
        if self._certificate is not None and self._tls is not None:
            try:
                self._certificate.show_in(self._tls)
            except OSError as error:
                raise tls_failure(str(request.origin), error) from error
        session = self._session or self._open_session()
        url = URL(f"{request.origin}{request.target}", encoded=True)
        body = request.body
        headers = {**request.headers, "accept-encoding": ACCEPT_ENCODING}
        if body is None or len(body) <= _PIECE:
            return await session.request(request.method, url, headers=headers, data=body, allow_redirects=False)
        headers["content-length"] = str(len(body))
        async with asyncio.timeout(None) as stall:
            data = self._pieces(body, stall)
            return await session.request(request.method, url, headers=headers, data=data, allow_redirects=False)

    async def _pieces(self, body: bytes, stall: asyncio.Timeout) -> AsyncIterator[bytes]:
        """Aiohttp has no timer for a peer that stops reading: each piece has to go within `write_idle`."""
        loop = asyncio.get_running_loop()
        for start in range(0, len(body), _PIECE):
            stall.reschedule(loop.time() + self._limits.write_idle)
            yield body[start : start + _PIECE]
        with contextlib.suppress(RuntimeError):  # the response may have come before the body was out
            stall.reschedule(None)

    async def _read(self, response: aiohttp.ClientResponse, method: str) -> Response:
        headers = self._headers(response)
        cap = self._limits.max_response_bytes
        bodiless = method == "HEAD" or response.status in {204, 304}
        if not bodiless and int(headers.get("content-length", "0")) > cap:
            raise too_large(cap)
        decoder = None if bodiless else decoder_for(headers.get("content-encoding", ""), cap)
        body, size = bytearray(), 0
        while data := await response.content.readany():
            size += len(data)
            if size > cap:
                raise too_large(cap)
            body += decoder.feed(data) if decoder is not None else data
        if decoder is not None:
            decoder.finish()
            headers.pop("content-encoding", None)
            headers.pop("content-length", None)
        return Response(response.status, headers, bytes(body))

    def _headers(self, response: aiohttp.ClientResponse) -> dict[str, str]:
        headers: dict[str, str] = {}
        for name, value in response.headers.items():
            key = name.lower()
            if key != "set-cookie":
                headers[key] = f"{headers[key]}, {value}" if key in headers else value
        raw = response.raw_headers
        if len(raw) > self._limits.max_header_count:
            raise broken(f"more than {self._limits.max_header_count} header fields")
        if sum(len(name) + len(value) + 4 for name, value in raw) > self._limits.max_header_bytes:
            raise broken(f"header section exceeds {self._limits.max_header_bytes} bytes")
        return headers

    def _open_session(self) -> aiohttp.ClientSession:
        limits = self._limits
        connector = _Connector(
            limit=0,
            resolver=_Names(self._resolver, limits.dns_timeout),
            use_dns_cache=False,
            keepalive_timeout=limits.keepalive_expiry,
            happy_eyeballs_delay=STAGGER,
            ssl=self._tls or True,
        )
        session = self._session = aiohttp.ClientSession(
            connector=connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            auto_decompress=False,
            trust_env=False,
            skip_auto_headers=_OWN_HEADERS,
            max_field_size=limits.max_header_bytes,
            max_headers=limits.max_header_count,
            timeout=aiohttp.ClientTimeout(
                total=None,
                connect=limits.dns_timeout + limits.connect_timeout,
                sock_connect=limits.connect_timeout,
                sock_read=limits.read_idle,
            ),
        )
        session._retry_connection = False  # noqa: SLF001 - there is no public switch, and one layer retries (PL-4)
        return session


class _Connector(aiohttp.TCPConnector):
    """Does not use a connection again on which something came that nobody asked for (aiohttp issue 13656)."""

    async def _get(self, key: Any, traces: list[Any]) -> Any:
        while (connection := await super()._get(key, traces)) is not None:
            if connection.protocol is not None and not connection.protocol.should_close:
                return connection
            connection.close()
        return None


class _UnresolvedError(OSError):
    """Carries our error through aiohttp, which lets only `OSError` pass."""

    def __init__(self, error: UpstreamError) -> None:
        super().__init__(None, error.detail)
        self.error = error


class _Names(AbstractResolver):
    def __init__(self, resolver: Resolver, limit: float) -> None:
        self._resolver = resolver
        self._limit = limit

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        try:
            found = await self._resolver.resolve(host, port, timeout=self._limit)
        except UpstreamError as error:
            raise _UnresolvedError(error) from error
        return [
            ResolveResult(
                hostname=host,
                host=info[4][0],
                port=port,
                family=info[0],
                proto=info[2],
                flags=socket.AI_NUMERICHOST,
            )
            for info in found
            if family in {socket.AF_UNSPEC, info[0]}
        ]

    async def close(self) -> None:
        pass


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _timed_out(error: TimeoutError, limits: Limits) -> UpstreamError:
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        detail = f"not connected within {limits.connect_timeout:g} s"
        return UpstreamError(Outcome.CONNECT, detail, phase="connect")
    if isinstance(error, aiohttp.ServerTimeoutError):
        return UpstreamError(Outcome.READ_TIMEOUT, f"nothing received for {limits.read_idle:g} s", phase="read")
    return UpstreamError(Outcome.READ_TIMEOUT, f"nothing sent for {limits.write_idle:g} s", phase="write")


def _without_response(error: Exception, origin: Origin) -> UpstreamError:
    """Return our outcome for what aiohttp raised before there was a header section."""
    match error:
        case aiohttp.ClientConnectorDNSError():
            cause = error.os_error
            return (
                cause.error.fresh()
                if isinstance(cause, _UnresolvedError)
                else UpstreamError(Outcome.DNS, str(cause))
            )
        case aiohttp.ClientConnectorCertificateError():
            return tls_failure(str(origin), error.certificate_error)
        case aiohttp.ClientConnectorSSLError():
            return tls_failure(str(origin), error.os_error)
        case aiohttp.ClientConnectorError():
            return UpstreamError(Outcome.CONNECT, f"{origin}: {error.os_error.strerror or error.os_error}")
        case aiohttp.ClientResponseError() | aiohttp.ClientPayloadError():
            return broken(f"not an HTTP/1.1 response: {error}")
        case _:
            return UpstreamError(Outcome.RESET, f"connection lost: {error}")
