"""Login of people: `login` in `policies/auth.yaml` (rules SE)."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, Field, StringConstraints

from bff.policy.base import Policy, Timeout
from bff.policy.names import IssuerName, PublicOrigin, SecretReference
from bff.policy.problem import Clash, Refused
from bff.policy.units import Duration, Share, format_duration

OURS: Final = frozenset(
    {
        "client_id",
        "client_secret",
        "code_challenge",
        "code_challenge_method",
        "nonce",
        "redirect_uri",
        "response_mode",
        "response_type",
        "scope",
        "state",
    }
)
"""Parameters of an authorization request that are not for policies to say."""

_PATH: Final = re.compile(r"/(?![/\\])[\x21-\x5b\x5d-\x7e]{0,2047}")


def is_local_path(text: str) -> bool:
    """Return whether *text*, as a browser reads it, can only lead to a page of ours (SE-6)."""
    return text == "/" or _PATH.fullmatch(text) is not None


def check_path(text: str) -> str:
    """Return *text*, a path on our own origin.

    Raises:
        Refused: It could lead elsewhere.
    """
    if not is_local_path(text):
        raise Refused(
            f"{text!r} is no path on this origin: it begins with one slash and names no host", "/graphql"
        )
    return text


LocalPath = Annotated[str, AfterValidator(check_path)]
"""Path of a page of ours; see `is_local_path`."""

Word = Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,128}$")]


class Login(Policy):
    """Login of people in browsers: tokens stay here, the browser gets a cookie (SE-1)."""

    issuer: IssuerName | None = None
    """Where people log in, found by discovery; one of `issuers` or the issuer of `introspection`, for its access
    tokens are looked at like any others. Without it there is no login."""

    client_id: Annotated[str, StringConstraints(min_length=1, max_length=255)] | None = None
    """How we identify ourselves there; needed with `issuer`."""

    client_secret: SecretReference | None = None
    """And prove it; needed with `issuer`. While there is none, `/auth/*` answers 503."""

    client_auth: Literal["basic", "post"] = "basic"
    """Whether both go into the `Authorization` header or into the form."""

    scopes: Annotated[tuple[Word, ...], Field(min_length=1, max_length=100)] = (
        "openid",
        "profile",
        "offline_access",
    )
    """What is asked for; `openid` is needed, `offline_access` makes sessions outlive their first access token."""

    parameters: dict[Word, str] = Field(default_factory=dict)
    """Further parameters of the authorization request, such as `audience` or `resource`."""

    public_origin: PublicOrigin | None = None
    """What browsers call, such as `https://app.example.com`; people come back to `/auth/callback` there. Needed
    outside development."""

    origins: Annotated[tuple[PublicOrigin, ...], Field(max_length=100)] = ()
    """Other origins whose pages may use the session (SE-3)."""

    keys: Annotated[tuple[SecretReference, ...], Field(max_length=10)] = ()
    """What sessions are encrypted with, at least 32 characters each: the first for new ones, the others for
    reading. Needed where sessions lie in Redis; else each process makes one for itself."""

    idle: Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=1))] = timedelta(minutes=30)
    """A session unused for so long has ended, up to a thirtieth of it sooner (SE-2)."""

    absolute: Annotated[Duration, Field(ge=timedelta(minutes=1), le=timedelta(days=30))] = timedelta(hours=8)
    """So has one this old (SE-2)."""

    refresh_ahead: Annotated[Share, Field(ge=0.1, le=1)] = 0.8
    """Access tokens are renewed in the background after this share of their life (SE-4)."""

    expiry_margin: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(minutes=5))] = timedelta(seconds=30)
    """In this last part of its life a request waits for the new one."""

    timeout: Timeout = timedelta(seconds=3)
    """One question to the issuer, from connecting to the last byte."""

    after_login: LocalPath = "/graphql"
    """Where people go who do not say where to (SE-6)."""

    after_logout: LocalPath = "/graphql"
    """Where the issuer sends people after logout."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse half a description, and lives in the wrong order."""
        if self.issuer is None:
            given = [name for name in ("client_id", "client_secret", "public_origin") if getattr(self, name)]
            if given:
                yield Clash(((given[0],),), f"{given[0]} does nothing without issuer", None)
            return
        examples = {"client_id": "bff", "client_secret": "env:BFF_LOGIN_SECRET"}
        for name, right in examples.items():
            if not getattr(self, name):
                yield Clash(((name,), ("issuer",)), f"issuer needs {name}", right)
        if "openid" not in self.scopes:
            yield Clash(
                (("scopes",),), "scopes lacks openid: nobody would say who has logged in", "[openid, profile]"
            )
        if self.idle > self.absolute:
            longest = format_duration(self.absolute)
            said = f"idle {format_duration(self.idle)} exceeds absolute {longest}"
            yield Clash((("idle",), ("absolute",)), said, longest)
        for name in sorted(OURS & self.parameters.keys()):
            yield Clash((("parameters", name),), f"{name} is not for a policy to say", None)
