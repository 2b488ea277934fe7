"""Where a request comes from, whatever stands in between; and whether that address is served."""

from collections.abc import Iterable, Sequence
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from bff.policy.network import NetworkPolicy
from bff.server.headers import Headers

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNKNOWN: Final = "unknown"
"""Partition of requests that came from nowhere, such as over a Unix socket."""

_MOST_HOPS = 20
_ONE_SITE = 64
"""Bits of an IPv6 address that its owner cannot choose (RL-6)."""


class Addresses:
    """Finds the client's address, trusting only known proxies.

    Args:
        policy: Proxies, and who is served.
    """

    def __init__(self, policy: NetworkPolicy) -> None:
        self._trusted = _networks(policy.trusted_proxies)
        self._allowed = _networks(policy.allow)
        self._denied = _networks(policy.deny)
        self._header = policy.forwarded.encode()
        self._standard = policy.forwarded == "forwarded"
        self._direct = lru_cache(maxsize=4096)(self._judged)
        self.judges = bool(self._allowed or self._denied)
        """Whether any address is refused."""

    def of(self, peer: str | None, headers: Headers) -> tuple[str, bool]:
        """Return the partition of the client's address (RL-6), and whether it is served.

        Args:
            peer: The address of whoever opened the connection.
            headers: What was sent.
        """
        if self._trusted and peer is not None:
            told = headers.text(self._header)
            if told is not None:
                return self._direct(self._behind(peer, told))
        return self._direct(peer)

    def _behind(self, peer: str, told: str) -> str | None:
        """Return the first address from the right that is none of our proxies (RFC 7239 section 7.4)."""
        nearest: str | None = peer
        hops = _standard_hops(told) if self._standard else told.split(",")
        for hop in reversed(hops[-_MOST_HOPS:]):
            here = _parsed(nearest)
            if here is None or not _among(here, self._trusted):
                return nearest
            further = _bare(hop)
            if _parsed(further) is None:
                # What lies beyond is not said in earnest; the proxy answers for it.
                return nearest
            nearest = further
        return nearest

    def _judged(self, text: str | None) -> tuple[str, bool]:
        address = _parsed(text)
        if address is None:
            return UNKNOWN, not self._allowed
        served = not _among(address, self._denied) and (not self._allowed or _among(address, self._allowed))
        if isinstance(address, IPv6Address):
            return str(IPv6Network((int(address) >> _ONE_SITE << _ONE_SITE, _ONE_SITE))), served
        return str(address), served

    def is_trusted(self, peer: str | None) -> bool:
        """Return whether *peer* is one of our proxies."""
        address = _parsed(peer)
        return address is not None and _among(address, self._trusted)


def _networks(names: Iterable[str]) -> tuple[Network, ...]:
    return tuple(ip_network(name) for name in names)


def _among(address: Address, networks: Sequence[Network]) -> bool:
    return any(address.version == network.version and address in network for network in networks)


def _parsed(text: str | None) -> Address | None:
    """Return the address, an IPv4 one where IPv6 only wraps it, so that it has one name only."""
    try:
        address = ip_address((text or "").partition("%")[0])
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address


def _bare(hop: str) -> str:
    """Return the address in *hop* without port, brackets and quotes."""
    text = hop.strip().strip('"')
    if text.startswith("["):
        return text[1:].partition("]")[0]
    return text.partition(":")[0] if text.count(":") == 1 else text


def _standard_hops(told: str) -> list[str]:
    """Return the `for` of each hop of a `Forwarded` header (RFC 7239), empty where one says none."""
    hops = []
    for element in told.split(","):
        pairs = (pair.partition("=") for pair in element.split(";"))
        hops.append(next((value for name, _, value in pairs if name.strip().lower() == "for"), ""))
    return hops
