"""What we show services so that they let us in: `credentials` of an upstream (UC-1)."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, StringConstraints

from bff.policy.base import Policy
from bff.policy.names import Endpoint, FileReference, Header, SecretReference
from bff.policy.problem import Clash, Refused
from bff.policy.units import Duration, Share

Mode = Literal["none", "forward", "exchange", "client_credentials", "static", "mtls", "hmac"]
Speaker = Literal["nobody", "service", "user"]
"""For whom a call's credentials speak."""

_VISIBLE = re.compile(r"[\x21\x23-\x5b\x5d-\x7e]{1,128}")

Audience = Annotated[str, StringConstraints(min_length=1, max_length=255)]


def check_scope(text: str) -> str:
    """Return *text*, one scope.

    Raises:
        Refused: Empty, or with a character that no scope has (RFC 6749, section 3.3).
    """
    if _VISIBLE.fullmatch(text):
        return text
    several = text.split()
    if len(several) > 1 and all(map(_VISIBLE.fullmatch, several)):
        raise Refused(f"{text!r} are several scopes: one entry each", several[0])
    raise Refused(f"{text!r} is not a scope: visible ASCII characters without quotes and backslashes")


Scope = Annotated[str, AfterValidator(check_scope)]
"""One scope; see `check_scope`."""

Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.~+/-]{0,64}$")]
KeyId = Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,128}$")]

_NEEDED: dict[Mode, tuple[str, ...]] = {
    "none": (),
    "forward": ("audience",),
    "exchange": ("token_endpoint", "client_id", "client_secret", "audience"),
    "client_credentials": ("token_endpoint", "client_id", "client_secret"),
    "static": ("secret",),
    "mtls": ("certificate", "key"),
    "hmac": ("secret", "key_id"),
}
_TAKEN: dict[Mode, tuple[str, ...]] = {
    "none": (),
    "forward": ("anonymous",),
    "exchange": ("scopes", "client_auth", "expiry_margin", "ca", "anonymous"),
    "client_credentials": ("audience", "scopes", "client_auth", "refresh_ahead", "ca", "subject_header"),
    "static": ("header", "scheme", "subject_header"),
    "mtls": ("subject_header",),
    "hmac": ("subject_header",),
}
_EXAMPLES = {
    "audience": "https://orders.internal",
    "token_endpoint": "https://id.example.com/token",
    "client_id": "bff",
    "client_secret": "env:ORDERS_CLIENT_SECRET",
    "secret": "env:ORDERS_KEY",
    "certificate": "file:/run/secrets/bff.pem",
    "key": "file:/run/secrets/bff.key",
    "key_id": "bff-1",
}


class Credentials(Policy):
    """What we show the service so that it lets us in; each `mode` has keys of its own (UC-1)."""

    mode: Mode = "none"
    """`none`: nothing. `forward`: the caller's own access token, if it is meant for `audience` too. `exchange`: a
    token for `audience` that we get for the caller's (RFC 8693). `client_credentials`: a token of our own
    (RFC 6749, section 4.4). `static`: one secret. `mtls`: a client certificate. `hmac`: each request is signed
    (RFC 9421)."""

    audience: Audience | None = None
    """What the service calls itself in tokens. `forward` sends no token whose `aud` does not name it; without a
    match the call fails as UPSTREAM_UNAUTHORIZED and nothing is sent."""

    scopes: tuple[Scope, ...] = ()
    """What is asked of the token endpoint, and no more."""

    token_endpoint: Endpoint | None = None
    """Where tokens come from; `http://` for this machine only. It has a breaker of its own and 3s to answer
    (UC-4)."""

    client_id: Annotated[str | None, StringConstraints(min_length=1, max_length=255)] = None
    """Who we are there."""

    client_secret: SecretReference | None = None
    """How we prove it, as `env:NAME` or `file:PATH`; a file is read again when it changes."""

    client_auth: Literal["basic", "post"] = "basic"
    """Where our secret stands in requests for tokens: in `Authorization`, or in the form."""

    refresh_ahead: Annotated[Share, Field(ge=0.1, le=0.95)] = 0.8
    """Our own token is renewed in the background after this share of its life, by chance sooner (UC-3)."""

    expiry_margin: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(minutes=5))] = timedelta(seconds=30)
    """An exchanged token is not used in this last part of its life (UC-2)."""

    ca: FileReference | None = None
    """PEM file with the authorities that the token endpoint is trusted by instead of the system's, as
    `file:PATH`."""

    secret: SecretReference | None = None
    """What is sent (`static`) or signed with (`hmac`), as `env:NAME` or `file:PATH`; a file is read again when it
    changes."""

    header: Header = "authorization"
    """Which header carries the secret."""

    scheme: Word = "Bearer"
    """The word before the secret in the header; empty for none."""

    certificate: FileReference | None = None
    """PEM file with our certificate and those between it and an authority, as `file:PATH`; read again when it
    changes, for new connections."""

    key: FileReference | None = None
    """PEM file with the certificate's private key, without a password, as `file:PATH`."""

    key_id: KeyId | None = None
    """Which key signs, as the service knows it."""

    subject_header: Header | None = None
    """Header that tells the service who calls (the `sub` of their token), where the credentials are our own;
    absent for callers who are nobody."""

    anonymous: Literal["allow", "deny"] = "deny"
    """What happens to calls for callers without a token. `allow`: they go without credentials. `deny`: they fail
    as UPSTREAM_UNAUTHORIZED, and nothing is sent."""

    @property
    def speaks_for(self) -> Speaker:
        """For whom the credentials speak; answers are kept for them only (CA-2)."""
        if self.mode in {"forward", "exchange"} or self.subject_header is not None:
            return "user"
        return "nobody" if self.mode == "none" else "service"

    @property
    def sets_headers(self) -> frozenset[str]:
        """The request headers that are ours alone to set."""
        names = {self.subject_header} if self.subject_header else set()
        if self.mode in {"forward", "exchange", "client_credentials"}:
            names.add("authorization")
        elif self.mode == "static":
            names.add(self.header)
        elif self.mode == "hmac":
            names |= {"signature", "signature-input", "content-digest"}
        return frozenset(names)

    def clashes(self) -> Iterator[Clash]:
        """Refuse a mode without what it needs, and keys that it would not look at."""
        needed = _NEEDED[self.mode]
        for name in needed:
            if getattr(self, name) is None:
                yield Clash(((name,), ("mode",)), f"mode {self.mode} needs {name}", _EXAMPLES[name])
        for name, field in type(self).model_fields.items():
            said = name != "mode" and getattr(self, name) != field.default
            if said and name not in (*needed, *_TAKEN[self.mode]):
                modes = ", ".join(mode for mode in _NEEDED if name in (*_NEEDED[mode], *_TAKEN[mode]))
                yield Clash(((name,), ("mode",)), f"mode {self.mode} does not look at {name}; {modes} would", None)
