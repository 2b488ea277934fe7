"""Names that policies may give: base URLs, header fields, aliases, files, operations."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator

from bff.policy.problem import Refused

_UNSAFE = re.compile(r"[^\x21-\x7e]|[\\{}<>\"^`|]")
_TOKEN = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]+")
_ALIAS = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_HIGHEST_PORT = 65535

_OF_ONE_CONNECTION = frozenset(
    {
        "accept-encoding",
        "connection",
        "content-encoding",
        "content-length",
        "content-type",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)


def check_host(text: str) -> str:
    """Return *text*, the base URL of a service, without a slash at its end.

    Raises:
        Refused: Not `http://` or `https://`, or with user, query, fragment or anything else but a path prefix.
    """
    if _UNSAFE.search(text):
        raise Refused(f"{text!r} has characters that no URL has")
    if "://" not in text:
        raise Refused(f"{text!r} is not a URL: the scheme is missing", f"https://{text}")
    scheme, rest = text.split("://", 1)
    if scheme not in {"http", "https"}:
        raise Refused(f"{text!r} is not a web address: only http and https are spoken", f"https://{rest}")
    try:
        url = urlsplit(text)
        port = url.port
    except ValueError as error:
        raise Refused(f"{text!r} is not a URL: {str(error)[:1].lower()}{str(error)[1:]}") from None
    if not url.hostname:
        raise Refused(f"{text!r} names no host")
    if port == 0:
        raise Refused(f"{text!r} has port 0: ports count from 1 to {_HIGHEST_PORT}", _bare(url))
    if url.username is not None or url.password is not None:
        raise Refused(
            "a host must not carry a user or password: everybody who reads the policy would know it", _bare(url)
        )
    if "?" in text or "#" in text:
        raise Refused(f"{text!r} must end before the query: endpoints say what is asked", _bare(url))
    if any(part in {".", ".."} for part in url.path.split("/")):
        raise Refused(f"{text!r} must not climb in its path")
    return text.rstrip("/")


def is_plaintext_to_elsewhere(host: str) -> bool:
    """Return whether calls to the base URL *host* leave this machine unencrypted."""
    url = urlsplit(host)
    return url.scheme == "http" and not is_loopback(url.hostname or "")


def is_loopback(name: str) -> bool:
    """Return whether *name*, a host name or IP address, can only be this machine (RFC 6761 section 6.3)."""
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def check_header(name: str) -> str:
    """Return *name*, a header field that may travel from one connection to another.

    Raises:
        Refused: Not a field name (RFC 9110 section 5.1), in upper case, or about the connection itself
            (RFC 9110 section 7.6.1).
    """
    if name != name.lower():
        raise Refused(f"header names are in lower case here, not {name!r}", name.lower())
    if not _TOKEN.fullmatch(name):
        raise Refused(f"{name!r} is not the name of a header", name.strip(": ") or None)
    if name in _OF_ONE_CONNECTION:
        raise Refused(f"header {name!r} belongs to one connection or body and cannot travel on")
    return name


def check_alias(name: str) -> str:
    """Return *name*, which clients see in errors and headers.

    Raises:
        Refused: Not a letter followed by at most 63 letters, digits, `_` and `-`.
    """
    if not _ALIAS.fullmatch(name):
        respelt = re.sub(r"[^A-Za-z0-9_-]+", "-", name).strip("-_0123456789")[:64]
        raise Refused(
            f"{name!r} is not an alias: a letter, then at most 63 letters, digits, _ and -", respelt or None
        )
    return name


def check_file(reference: str) -> str:
    """Return *reference*, a file named as `file:PATH`.

    Raises:
        Refused: Not of that form, or the content itself.
    """
    if reference.startswith("-----BEGIN"):
        raise Refused(
            "certificates are kept in a file that the policy names", "file:/etc/ssl/certs/internal-ca.pem"
        )
    if not reference.startswith("file:") or not reference.removeprefix("file:").strip():
        raise Refused(
            f"{reference!r} is not a reference to a file", f"file:{reference.removeprefix('file:') or 'PATH'}"
        )
    return reference


def check_secret(reference: str) -> str:
    """Return *reference*, a secret named as `env:NAME` or `file:PATH`.

    Raises:
        Refused: Not of that form, perhaps the secret itself; it is not repeated.
    """
    kind, _, place = reference.partition(":")
    if kind == "env" and _VARIABLE.fullmatch(place):
        return reference
    if kind == "file" and place.strip():
        return reference
    raise Refused("secrets are named, never written down: env:NAME or file:PATH", "env:NAME")


def check_endpoint(url: str) -> str:
    """Return *url*, where an issuer answers; `http://` only on this machine.

    Raises:
        Refused: Not a URL with `https://`, or with user, fragment or characters that no URL has.
    """
    check_host(url.partition("?")[0])
    if "#" in url:
        raise Refused(f"{url!r} must not have a fragment", url.partition("#")[0])
    if is_plaintext_to_elsewhere(url):
        raise Refused(
            f"{url!r} is another machine, and http:// is not encrypted", f"https{url.removeprefix('http')}"
        )
    return url


def check_issuer(url: str) -> str:
    """Return *url*, the identifier of an issuer: letter for letter what its tokens say as `iss`.

    Raises:
        Refused: As `check_endpoint`, or with a query (RFC 8414 section 2).
    """
    if "?" in url:
        raise Refused(f"{url!r} must not have a query", url.partition("?")[0])
    return check_endpoint(url)


def check_origin(url: str) -> str:
    """Return *url*, scheme and authority of what clients call, without a path.

    Raises:
        Refused: As `check_endpoint`, or with a path or query.
    """
    bare = check_endpoint(url).rstrip("/")
    parts = urlsplit(bare)
    if parts.path or parts.query:
        raise Refused(f"{url!r} must end before the path", f"{parts.scheme}://{parts.netloc}")
    return bare


def check_network(text: str) -> str:
    """Return *text*, an IP network such as `10.0.0.0/8`, or one address.

    Raises:
        Refused: Neither of them, or with bits set beyond the prefix.
    """
    try:
        return str(ipaddress.ip_network(text))
    except ValueError:
        pass
    try:
        right = str(ipaddress.ip_network(text, strict=False))
    except ValueError:
        raise Refused(f"{text!r} is no IP network", "10.0.0.0/8") from None
    raise Refused(f"{text!r} names one address of a network", right)


def _bare(url: SplitResult) -> str:
    host = f"[{url.hostname}]" if ":" in (url.hostname or "") else url.hostname
    port = f":{url.port}" if url.port else ""
    return f"{url.scheme}://{host}{port}{url.path.rstrip('/')}"


def check_operation_name(name: str) -> str:
    """Return *name*, the name of an operation in a GraphQL document.

    Raises:
        Refused: Not a Name (GraphQL specification, section 2.1.9).
    """
    if not _NAME.fullmatch(name):
        raise Refused(f"{name!r} is not the name of an operation: letters, digits and _, no digit first")
    return name


def check_part_name(name: str) -> str:
    """Return *name*, that of an endpoint or of an endpoint group.

    Raises:
        Refused: Not what Python code could call it.
    """
    if not _NAME.fullmatch(name):
        raise Refused(f"{name!r} is not the name of an endpoint or group: letters, digits and _, no digit first")
    return name


Host = Annotated[str, AfterValidator(check_host)]
"""Base URL of a service; see `check_host`."""

Header = Annotated[str, AfterValidator(check_header)]
"""Name of a header field; see `check_header`."""

Alias = Annotated[str, AfterValidator(check_alias)]
"""Public name of an upstream; see `check_alias`."""

FileReference = Annotated[str, AfterValidator(check_file)]
"""`file:PATH`; see `check_file`."""

OperationName = Annotated[str, AfterValidator(check_operation_name)]
"""Name of a GraphQL operation; see `check_operation_name`."""

SecretReference = Annotated[str, AfterValidator(check_secret)]
"""`env:NAME` or `file:PATH`; see `check_secret`."""

Endpoint = Annotated[str, AfterValidator(check_endpoint)]
"""URL of something that an issuer offers; see `check_endpoint`."""

IssuerName = Annotated[str, AfterValidator(check_issuer)]
"""Identifier of an issuer; see `check_issuer`."""

PublicOrigin = Annotated[str, AfterValidator(check_origin)]
"""Scheme and authority that clients call; see `check_origin`."""

Network = Annotated[str, AfterValidator(check_network)]
"""An IP network; see `check_network`."""
