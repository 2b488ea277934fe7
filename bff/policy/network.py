"""Whose connections are served, and what browsers may do: `policies/network.yaml`."""

import re
from collections.abc import Iterator
from datetime import timedelta
from ipaddress import ip_network
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, StringConstraints

from bff.policy.base import Policy, Switch
from bff.policy.names import Header, is_loopback
from bff.policy.problem import Clash, Refused
from bff.policy.units import Duration

_HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9._-]+)(:[0-9]{1,5})?")


def check_network(value: Any) -> str:
    """Return *value*, an address or a network such as `10.0.0.0/8` or `2001:db8::/32`.

    Raises:
        Refused: Neither, or with bits of a host.
    """
    if not isinstance(value, str):
        raise Refused(f"{value!r} is not a network; quote it", None)
    try:
        return str(ip_network(value))
    except ValueError as error:
        try:
            right = str(ip_network(value, strict=False))
        except ValueError:
            raise Refused(f"{value!r} is not an address or network such as 10.0.0.0/8", None) from None
        raise Refused(f"{str(error)[:1].lower()}{str(error)[1:]}", right) from None


def check_origin(text: str) -> str:
    """Return *text*, the origin of a page: scheme, host, port where it is not the scheme's own, and nothing else.

    Raises:
        Refused: Not such an origin, a pattern, or unencrypted elsewhere than on loopback.
    """
    if text in {"*", "null"} or "*" in text:
        raise Refused(f"{text!r} would let in any page; name each origin, such as https://app.example.com", None)
    url = urlsplit(text)
    if url.scheme not in {"http", "https"} or not url.hostname:
        raise Refused(f"{text!r} is not an origin such as https://app.example.com", f"https://{text}")
    right = f"{url.scheme}://{url.netloc}".lower()
    if text != right:
        raise Refused(f"{text!r} is more than an origin, or not as browsers write it", right)
    if url.port == {"http": 80, "https": 443}[url.scheme]:
        raise Refused(f"browsers leave out the port of {text!r}", right.rpartition(":")[0])
    if url.scheme == "http" and not is_loopback(url.hostname):
        raise Refused(f"{text!r} is not encrypted, so anybody between can be it", f"https://{url.netloc}")
    return text


def check_host_header(text: str) -> str:
    """Return *text*, a `Host` as clients send it: lower case, with the port where there is one.

    Raises:
        Refused: Not such a host.
    """
    if not _HOST.fullmatch(text):
        raise Refused(f"{text!r} is not a host as clients send it, such as api.example.com", _host_of(text))
    return text


def _host_of(text: str) -> str | None:
    host = urlsplit(text.lower()).netloc if "://" in text else text.lower()
    return host if _HOST.fullmatch(host) else None


Network = Annotated[str, BeforeValidator(check_network)]
"""Address or network; see `check_network`."""

WebOrigin = Annotated[str, AfterValidator(check_origin)]
"""Origin of a page; see `check_origin`."""

HostHeader = Annotated[str, StringConstraints(max_length=300), AfterValidator(check_host_header)]
"""A `Host`; see `check_host_header`."""


class Cors(Policy):
    """Which pages of other origins may call the endpoint from a browser (Fetch, CORS protocol)."""

    origins: Annotated[tuple[WebOrigin, ...], Field(max_length=1000)] = ()
    """Each one in full; there are no patterns. None: only pages of our own origin."""

    credentials: Switch = False
    """Whether such pages may send cookies."""

    headers: frozenset[Header] = frozenset()
    """Request headers that such pages may set besides those that the product itself knows."""

    expose: frozenset[Header] = frozenset()
    """Response headers that such pages may read besides those that the product itself sends."""

    max_age: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=1))] = timedelta(minutes=10)
    """For how long a browser need not ask again."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse what is said to nobody."""
        if not self.origins:
            for name in ("credentials", "headers", "expose"):
                if getattr(self, name):
                    said = f"{name} is never used: no origins"
                    yield Clash(((name,), ("origins",)), said, None)


class Security(Policy):
    """Header fields that tell browsers to be careful."""

    hsts: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=1000))] = timedelta(days=365)
    """How long a browser remembers to come by https only (RFC 6797); sent over https only, `0s` never."""

    hsts_subdomains: Switch = False
    """Whether that holds for all names below ours as well."""


class NetworkPolicy(Policy):
    """Whose connections are served, and what browsers may do: `policies/network.yaml`."""

    trusted_proxies: Annotated[tuple[Network, ...], Field(max_length=1000)] = ()
    """Networks of the proxies in front, such as `10.0.0.0/8`. Only what they say of a client's address counts."""

    forwarded: Literal["x-forwarded-for", "forwarded"] = "x-forwarded-for"
    """Header in which they say it, read from the right as far as they are known. The other one is ignored: clients
    could send it."""

    allow: Annotated[tuple[Network, ...], Field(max_length=10_000)] = ()
    """Addresses that are served; all where none is said."""

    deny: Annotated[tuple[Network, ...], Field(max_length=10_000)] = ()
    """Addresses that are not served, even where `allow` names them: 403."""

    hosts: Annotated[tuple[HostHeader, ...], Field(max_length=1000)] = ()
    """Values of `Host` that are answered, such as `api.example.com`; all where none is said."""

    cors: Cors = Cors()
    """Which pages of other origins may call."""

    security: Security = Security()
    """Header fields that tell browsers to be careful."""
