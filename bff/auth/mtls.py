"""Client certificates, as a proxy that ends TLS passes them on (RFC 9440), for bound tokens (RFC 8705, MT-1)."""

import binascii
import hashlib
import hmac
import re
from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv6Address, ip_address, ip_network
from typing import Final

from bff.auth.keys import unpadded
from bff.auth.verdicts import Rejected
from bff.server.ports import Arrival

_FIELD: Final = b"client-cert"
_FIELDS: Final = (_FIELD, b"client-cert-chain")
_BYTES = re.compile(rb":([A-Za-z0-9+/]+={0,2}):")
_LARGEST: Final = 16 * 1024


class Certificates:
    """Believes trusted proxies, and nobody else, which certificate a client has.

    Args:
        trusted: Networks of proxies.
    """

    def __init__(self, trusted: Iterable[str]) -> None:
        self._networks = [ip_network(one) for one in trusted]
        self._trusts = lru_cache(maxsize=1024)(self._is_trusted)

    def strip(self, arrival: Arrival) -> None:
        """Remove what *arrival* says about certificates unless a trusted proxy says it."""
        if not self._trusts(arrival.peer):
            for name in _FIELDS:
                arrival.headers.raw.pop(name, None)

    def check(self, arrival: Arrival, thumbprint: str) -> None:
        """Compare the client's certificate with *thumbprint*, the `x5t#S256` of its token.

        Raises:
            Rejected: There is none that can be believed, or it is another.
        """
        self.strip(arrival)
        value = arrival.headers.raw.get(_FIELD, b"")
        match = _BYTES.fullmatch(value) if len(value) <= _LARGEST else None
        if match is None:
            raise Rejected("binding", "no client certificate from a trusted proxy")
        try:
            certificate = binascii.a2b_base64(match[1], strict_mode=True)
        except binascii.Error:
            raise Rejected("binding", "the client certificate is not base64") from None
        found = unpadded(hashlib.sha256(certificate).digest())
        if not hmac.compare_digest(found.encode(), thumbprint.encode("utf-8", "replace")):
            raise Rejected("binding", "the token belongs to another client certificate")

    def _is_trusted(self, peer: str | None) -> bool:
        try:
            address = ip_address(peer or "")
        except ValueError:
            return False
        if isinstance(address, IPv6Address) and address.ipv4_mapped:
            address = address.ipv4_mapped
        return any(address in network for network in self._networks)


def mentions_certificate(arrival: Arrival) -> bool:
    """Return whether *arrival* says anything about a certificate."""
    raw = arrival.headers.raw
    return _FIELD in raw or _FIELDS[1] in raw
