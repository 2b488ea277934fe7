"""Whom a development issuer knows, and which clients: `[tool.bff.demo.issuer]` in pyproject.toml."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

Algorithm = Literal["RS256", "ES256"]
Grant = Literal[
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:token-exchange",
]
Scope = Annotated[str, StringConstraints(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]+$")]
"""A scope token (RFC 6749 section 3.3)."""


class Described(BaseModel):
    """Base: immutable, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Person(Described):
    """Somebody who may log in, without a password."""

    subject: str
    """The `sub` of their tokens."""

    role: str
    """What `bff token --as` and the login page call them; the first of several with one role is meant."""

    name: str
    """As a person would say it."""

    email: str | None = None
    """Told in ID tokens."""

    about: str = ""
    """One line on the login page."""

    scopes: frozenset[Scope] = frozenset()
    """What they may grant to a client, besides the scopes of OpenID Connect."""

    claims: dict[str, Any] = {}
    """Further members of their tokens, such as a tenant."""


class Client(Described):
    """A program that gets tokens."""

    id: str
    """Its `client_id`."""

    secret: str | None = None
    """`env:NAME`, the environment variable that holds its secret; without one it is public and needs PKCE."""

    grants: frozenset[Grant] = frozenset({"authorization_code", "refresh_token"})
    """How it may get tokens."""

    scopes: frozenset[Scope] = frozenset()
    """What it may ask for, besides the scopes of OpenID Connect."""

    redirect_uris: tuple[str, ...] = ()
    """Where people are sent after login; on a loopback address any port will do (RFC 8252 section 7.3)."""

    post_logout_redirect_uris: tuple[str, ...] = ()
    """Where people are sent after logout; ports as above."""

    backchannel_logout_uri: str | None = None
    """Told when a session ends (OpenID Connect Back-Channel Logout); on a loopback address the port is that of
    the redirect URI which the login used."""

    tokens: Literal["jwt", "opaque"] = "jwt"
    """Whether its access tokens can be read, or have to be introspected."""

    algorithm: Algorithm = "RS256"
    """What its tokens are signed with."""


class IssuerConfig(Described):
    """A development issuer."""

    port: Annotated[int, Field(ge=0, le=65535)] = 9100
    """Port on 127.0.0.1; the issuer's name is `http://127.0.0.1:PORT`."""

    audience: tuple[str, ...] = ("bff",)
    """The `aud` of access tokens, unless the request names others."""

    audiences: frozenset[str] = frozenset()
    """What a request may name besides."""

    expires: Annotated[int, Field(ge=1, le=86_400)] = 300
    """Seconds for which an access token is good."""

    acr: str = "urn:bff:password"
    """How people are said to have proved who they are, unless the request asks for another way."""

    people: tuple[Person, ...] = ()
    """Who may log in."""

    clients: tuple[Client, ...] = ()
    """Programs that get tokens."""

    def person(self, name: str) -> Person | None:
        """Return whom *name*, a subject or a role, stands for."""
        named = [person for person in self.people if name == person.subject]
        return next(iter([*named, *(person for person in self.people if name == person.role)]), None)
