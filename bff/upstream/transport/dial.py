"""Opening a connection: address, TCP, TLS; everything that goes wrong here has sent nothing."""

import asyncio
import socket
import ssl

import aiohappyeyeballs

from bff.upstream.errors import UpstreamError
from bff.upstream.outcome import Outcome
from bff.upstream.transport import Limits
from bff.upstream.transport.client_certificate import ClientCertificate
from bff.upstream.transport.connection import Connection
from bff.upstream.transport.patience import FairTimeout
from bff.upstream.transport.resolve import Resolver

STAGGER = 0.25
"""Seconds until the next address is tried beside the first (RFC 8305; LB-11)."""


def tls_context(ca_file: str | None) -> ssl.SSLContext:
    """Return a context that verifies names and certificates, for HTTP/1.1 only.

    Args:
        ca_file: PEM file with the authorities to trust, None for the system's.
    """
    context = ssl.create_default_context(cafile=ca_file)
    context.set_alpn_protocols(["http/1.1"])
    return context


def tls_failure(where: str, error: Exception) -> UpstreamError:
    """Return the outcome for a TLS handshake that failed; the detail tells the reasons apart."""
    if isinstance(error, ssl.SSLCertVerificationError):
        return UpstreamError(Outcome.CONNECT, f"{where}: certificate refused: {error.verify_message}")
    return UpstreamError(Outcome.CONNECT, f"{where}: TLS failed: {getattr(error, 'reason', None) or error}")


class Dialler:
    """Connects to the hosts of one upstream."""

    def __init__(self, limits: Limits, resolver: Resolver) -> None:
        self._limits = limits
        self._resolver = resolver
        # Reading the system's authorities takes some 20 ms: only once, and only for an upstream that uses TLS.
        self._tls = tls_context(limits.ca_file) if limits.ca_file else None
        self._certificate = ClientCertificate(*limits.certificate) if limits.certificate else None

    async def __call__(self, connection: Connection) -> None:
        """Connect *connection* to its origin.

        Raises:
            UpstreamError: DNS or CONNECT; no byte of a request has left.
        """
        origin = connection.origin
        addresses = await self._resolver.resolve(origin.host, origin.port, timeout=self._limits.dns_timeout)
        try:
            with FairTimeout(self._limits.connect_timeout):
                sock = await aiohappyeyeballs.start_connection(addresses, happy_eyeballs_delay=STAGGER)
                await self._adopt(connection, sock)
        except TimeoutError as error:
            self._resolver.doubt(origin.host, origin.port)
            detail = f"{origin}: not connected within {self._limits.connect_timeout:g} s"
            raise UpstreamError(Outcome.CONNECT, detail, phase="connect") from error
        except ssl.SSLError as error:
            raise tls_failure(str(origin), error) from error
        except (OSError, RuntimeError) as error:
            self._resolver.doubt(origin.host, origin.port)
            raise UpstreamError(Outcome.CONNECT, f"{origin}: {_reason(error)}") from error

    async def _adopt(self, connection: Connection, sock: socket.socket) -> None:
        """Hand *sock* to the event loop, through a TLS handshake where the origin wants one."""
        context = None
        try:
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if connection.origin.scheme == "https":
                context = self._tls = self._tls or tls_context(None)
                if self._certificate is not None:
                    self._certificate.show_in(context)
            loop = asyncio.get_running_loop()
            name = connection.origin.host if context else None
            await loop.create_connection(lambda: connection, sock=sock, ssl=context, server_hostname=name)
        except BaseException:
            sock.close()
            raise


def _reason(error: OSError | RuntimeError) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
