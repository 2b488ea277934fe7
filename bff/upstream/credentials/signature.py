"""Signs requests with a shared key: HTTP Message Signatures (RFC 9421) with `hmac-sha256`.

What is signed, in this order: `@method`, `@authority`, `@path`, `@query`; for a request with a body
`content-digest` (SHA-256, RFC 9530) and `content-type`; the header that names the caller, where policy sends
one; and `created` (seconds since the epoch), `keyid` and `alg`. A service that wants no replays refuses what was
created long ago.
"""

import hmac
from base64 import b64encode
from collections.abc import Callable, Sequence
from hashlib import sha256

from bff.upstream.credentials.source import Grant, ReadSecret, Still, no_credentials, subject_of
from bff.upstream.pipeline.call import Call
from bff.upstream.transport.head import host_field

LABEL = "bff"
"""Names our signature among others on the same request."""

Component = tuple[str, str]
"""Name of a part of the request, and its value as RFC 9421, section 2, wants it."""


class Hmac(Still):
    """A source: each request is signed.

    Args:
        key_id: Which key signs, as the service knows it.
        secret: Reads the key.
        wall: Seconds since the Unix epoch.
        subject_header: Tells the service who calls; None for nobody.
    """

    def __init__(
        self, key_id: str, secret: ReadSecret, *, wall: Callable[[], float], subject_header: str | None = None
    ) -> None:
        self._key_id = key_id
        self._secret = secret
        self._wall = wall
        self._subject_header = subject_header

    def grant(self, call: Call) -> Grant:
        """Return the signature of *call* in its headers.

        Raises:
            UpstreamError: There is no key.
        """
        headers: dict[str, str] = {}
        components = components_of(call)
        if call.body is not None:
            headers["content-digest"] = digest = digest_of(call.body)
            components.append(("content-digest", digest))
            if "content-type" in call.headers:
                components.append(("content-type", call.headers["content-type"]))
        if self._subject_header is not None and (subject := subject_of(call)):
            headers[self._subject_header] = subject
            components.append((self._subject_header, subject))
        created = int(self._wall())
        params = params_of(components, f';created={created};keyid="{self._key_id}";alg="hmac-sha256"')
        headers["signature-input"] = f"{LABEL}={params}"
        headers["signature"] = f"{LABEL}=:{sign(self._secret().encode(), components, params)}:"
        return Grant(headers)


def components_of(call: Call) -> list[Component]:
    """Return what is signed of every request (RFC 9421, section 2.2).

    Raises:
        UpstreamError: No host was picked for *call*.
    """
    if call.origin is None:
        raise no_credentials("a request without a host cannot be signed")
    path, _, query = (call.prefix + call.target).partition("?")
    return [
        ("@method", call.method),
        ("@authority", host_field(call.origin).lower()),
        ("@path", path),
        ("@query", f"?{query}"),
    ]


def digest_of(body: bytes) -> str:
    """Return the value of `Content-Digest` for *body* (RFC 9530, section 2)."""
    return f"sha-256=:{b64encode(sha256(body).digest()).decode()}:"


def params_of(components: Sequence[Component], params: str) -> str:
    """Return the signature parameters: the names of *components*, then *params*."""
    names = " ".join([f'"{name}"' for name, _ in components])
    return f"({names}){params}"


def sign(key: bytes, components: Sequence[Component], params: str) -> str:
    """Return the signature over *components* and *params*, in base64 (RFC 9421, sections 2.5 and 3.3.3)."""
    lines = [f'"{name}": {value}' for name, value in (*components, ("@signature-params", params))]
    return b64encode(hmac.digest(key, "\n".join(lines).encode("latin-1"), "sha256")).decode()
