"""What the issuer remembers while it runs: logins under way, codes, sessions, refresh tokens, opaque tokens."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from bff.auth.development.model import Client, Person
from bff.clock import Clock

T = TypeVar("T")

CODE_LIFE = 60.0
"""Seconds in which a code must be used (RFC 6749 recommends ten minutes at most)."""

LOGIN_LIFE = 600.0
SESSION_LIFE = 8 * 3600.0
_MOST = 10_000


@dataclass(frozen=True, slots=True)
class Wish:
    """What a client asks of a person who is logging in."""

    client: Client
    redirect_uri: str
    scope: frozenset[str]
    audience: tuple[str, ...]
    challenge: str
    state: str | None = None
    nonce: str | None = None
    acr: str | None = None


@dataclass(slots=True)
class Session:
    """One login of one person.

    Attributes:
        told: The clients that hold tokens of it, and the back-channel address of each.
    """

    id: str
    person: Person
    acr: str
    auth_time: int
    told: dict[str, str] = field(default_factory=dict)
    ended: bool = False


@dataclass(slots=True)
class Granted:
    """What a session granted to a client; every refresh token of it is of this one family.

    Attributes:
        revoked: Whether none of its tokens is good any more.
        code_used: Whether its code was exchanged; the second time revokes it (RFC 6749 section 4.1.2).
        refresh: The one refresh token that may be used next.
    """

    session: Session
    wish: Wish
    revoked: bool = False
    code_used: bool = False
    refresh: str | None = None

    @property
    def alive(self) -> bool:
        """Whether tokens may be had of it."""
        return not (self.revoked or self.session.ended)


class Shelf(Generic[T]):
    """Things under unguessable names, each for its time."""

    def __init__(self, clock: Clock, life: float) -> None:
        self._clock = clock
        self._life = life
        self._things: dict[str, tuple[T, float]] = {}

    def put(self, thing: T, name: str | None = None) -> str:
        """Keep *thing* and return its name, an unguessable one unless given; the oldest make room."""
        now = self._clock.now()
        while self._things and (len(self._things) >= _MOST or next(iter(self._things.values()))[1] <= now):
            del self._things[next(iter(self._things))]
        name = name or secrets.token_urlsafe(32)
        self._things[name] = (thing, now + self._life)
        return name

    def get(self, name: str) -> T | None:
        """Return what is kept under *name*, None when there is nothing or its time is up."""
        found = self._things.get(name)
        return found[0] if found and found[1] > self._clock.now() else None

    def take(self, name: str) -> T | None:
        """Return what is kept under *name*, once."""
        found = self.get(name)
        self._things.pop(name, None)
        return found


class Memory:
    """All of it."""

    def __init__(self, clock: Clock) -> None:
        self.logins: Shelf[Wish] = Shelf(clock, LOGIN_LIFE)
        self.codes: Shelf[Granted] = Shelf(clock, CODE_LIFE)
        self.refresh: Shelf[Granted] = Shelf(clock, SESSION_LIFE)
        self.opaque: Shelf[Mapping[str, Any]] = Shelf(clock, SESSION_LIFE)
        self.sessions: Shelf[Session] = Shelf(clock, SESSION_LIFE)
        self.grants: Shelf[Granted] = Shelf(clock, SESSION_LIFE)
        """By the `jti` of access tokens that a login brought, so that introspection knows of its end."""
