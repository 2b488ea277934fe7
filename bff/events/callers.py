"""What happened to callers: who they are, and how often they may ask."""

from typing import Literal

from bff.events.base import Event


class SessionOpened(Event, frozen=True):
    """Somebody logged in."""


class SessionEnded(Event, frozen=True):
    """Sessions ended before their time: by `logout`, by the issuer's `back-channel` logout, or `refused` by it."""

    reason: Literal["logout", "back-channel", "refused"]
    sessions: int


class SessionRenewed(Event, frozen=True):
    """The access token of a session was renewed, or could not be now, for *reason* (SE-4)."""

    ok: bool
    reason: str


class LoginRefused(Event, frozen=True):
    """A login or a use of a session was refused; *detail* names no token."""

    step: Literal["login", "callback", "logout", "session"]
    detail: str


class AuthenticationRefused(Event, frozen=True):
    """A caller was not let in.

    `reason` is of the closed set of `bff.auth.verdicts`, or `unavailable`, `missing`, `request`. `issuer` is one
    that policy names, or empty.
    """

    request_id: str
    means: Literal["none", "token", "api key", "session"]
    reason: str
    issuer: str
    detail: str


class LimiterDegraded(Event, frozen=True):
    """Limits are counted in each process instead of in the store (RL-18), or together again."""

    degraded: bool


class LimitExceeded(Event, frozen=True):
    """A request did not fit a limit; it went through all the same where that is only measured.

    Attributes:
        request_id: The request.
        policy: Whose limit: the name of a client's file, or `default`.
        limit: Which limit.
        enforced: Whether the request was refused.
        counted: Where that was decided.
    """

    request_id: str
    policy: str
    limit: str
    enforced: bool
    counted: str


class ClientRefused(Event, frozen=True):
    """A request was refused because of its address or its app's version."""

    request_id: str
    reason: Literal["address", "version"]
    detail: str


class KeysFetched(Event, frozen=True):
    """An issuer's public keys were fetched: so many can be used, so many are new, so many are gone (JK-2)."""

    issuer: str
    keys: int
    added: int
    removed: int


class KeysFailed(Event, frozen=True):
    """An issuer's public keys could not be fetched; the next try is after `pause` seconds.

    `age` is how old the keys are that stay in use, in seconds; None where there are none.
    """

    issuer: str
    detail: str
    pause: float
    age: float | None


class KeyUnknown(Event, frozen=True):
    """A token names a key that nobody knows, so that the issuer's keys are fetched out of turn (JK-3)."""

    issuer: str
    kid: str


class IntrospectionFailed(Event, frozen=True):
    """The issuer of opaque tokens could not be asked; `stale` when an older answer was used instead (IN-1)."""

    issuer: str
    detail: str
    stale: bool


class ApiKeysRead(Event, frozen=True):
    """The file of API keys was read again; `detail` says why those read before stay in use, else it is empty."""

    keys: int
    detail: str
