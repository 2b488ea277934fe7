"""What one operation carries: who asks, until when, what was loaded, what was degraded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

import msgspec

from bff.clock import Clock
from bff.upstream.pipeline.fanout import Fanout

if TYPE_CHECKING:
    from bff.experiments.plan import Plan
    from bff.upstream.client import Upstreams
    from bff.upstream.endpoint import Endpoint
    from bff.upstream.message import Keeping, Note

OperationKind = Literal["query", "mutation", "subscription"]


class Deadline(msgspec.Struct):
    """The moment on a monotonic clock at which an operation's time is up (DL-1, DL-2)."""

    at: float
    clock: Clock

    @classmethod
    def after(cls, seconds: float, clock: Clock) -> "Deadline":
        """Return the deadline that lies *seconds* from now."""
        return cls(clock.now() + seconds, clock)

    def remaining(self) -> float:
        """Return the seconds left, negative when it has passed."""
        return self.at - self.clock.now()


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is calling; `ANONYMOUS` where nobody said.

    Attributes:
        issuer: Who vouches: the `iss` of a token, `keys` for API keys; empty for `ANONYMOUS`.
        subject: Whom it is about: the `sub` of a token, the client of an API key.
        scopes: What was granted.
        client: The OAuth client or API key that calls, where known.
        tenant: Whose data, where the issuer's policy names a claim for it.
        claims: Everything the issuer says; never logged.
        expires: When this ends, in seconds of the wall clock; None where it does not.
        token: The access token as it came, for services that receive it; never shown.
    """

    issuer: str
    subject: str
    scopes: frozenset[str] = frozenset()
    client: str | None = None
    tenant: str | None = None
    claims: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)
    expires: float | None = field(default=None, compare=False)
    token: str | None = field(default=None, compare=False, repr=False)


ANONYMOUS = Principal(issuer="", subject="")


class Degradation(msgspec.Struct, frozen=True):
    """One part of an answer that is not what the service would have said now (PD-12).

    `age_ms` is how old a stale value is, in milliseconds; None for a default value or another source's.
    """

    path: tuple[str | int, ...]
    upstream: str
    reason: str
    source: Literal["stale", "default", "alternate"]
    age_ms: int | None = None


class Noted(msgspec.Struct, frozen=True):
    """A value that is not what its service would have said now, and which of the keys asked for it answers.

    `place` is its position among the `of` keys of one call; 0 of 1 for a call without keys.
    """

    value: Any
    note: "Note"
    place: int = 0
    of: int = 1


class Operation(msgspec.Struct):
    """The state of one operation while it runs; made for it, gone with it.

    Attributes:
        request_id: Names the request in answers, logs and spans.
        deadline: When its time is up.
        upstreams: How services are called.
        principal: Who asks.
        headers: The client's request headers, names in lower case.
        name: The operation's name in its document.
        kind: query, mutation or subscription.
        loaders: One loader per endpoint, arguments and identity (PY-10).
        degraded: What the answer has to say about itself.
        fanout: The attempts at services that it has begun (BH-3).
        dispatched: Whether a mutation has reached a service, so that a leaving client no longer stops it (DL-9).
        max_age: For how many seconds every part used so far may be kept; None as long as none was used (CA-22).
        private: Whether any part used so far is one user's.
        waited: Whether any part had to be waited for.
        expired: Whether its time was up before it was whole.
        personal: Whether anything has looked at who asks.
        plan: What is done to its calls on purpose; None for nothing.
    """

    request_id: str
    deadline: Deadline
    upstreams: "Upstreams"
    principal: Principal = ANONYMOUS
    headers: Mapping[str, str] = msgspec.field(default_factory=dict)
    name: str | None = None
    kind: OperationKind = "query"
    loaders: dict[Any, Any] = msgspec.field(default_factory=dict)
    degraded: list[Degradation] = msgspec.field(default_factory=list)
    fanout: Fanout = msgspec.field(default_factory=Fanout)
    dispatched: bool = False
    max_age: float | None = None
    private: bool = False
    waited: bool = False
    expired: bool = False
    personal: bool = False
    plan: "Plan | None" = None

    def use(self, keeping: "Keeping") -> None:
        """Count a part of the answer: the shortest time and the smallest audience hold for the whole."""
        max_age = keeping.max_age
        if self.max_age is None or max_age < self.max_age:
            self.max_age = max_age
        if keeping.private:
            self.private = True

    def degrade(self, path: tuple[str | int, ...], note: "Note") -> None:
        """Note that the field at *path* got a value that is not what its service would have said now."""
        alias = self.upstreams.alias(note.upstream)
        told = Degradation(path, alias, note.reason, note.source, note.age_ms)
        if told not in self.degraded:
            self.degraded.append(told)


class Context(msgspec.Struct, eq=False):
    """What a resolver receives: the operation, and the endpoints that this resolver declared.

    An endpoint refuses to be called through a context that does not list it, so that what `calls=` says is what
    happens. Items and attributes that are not listed here are those of the application's own context, where it has
    one (`bff serve --context`).

    Attributes:
        operation: What it is made for.
        calls: What may be called through it.
        resolver: Whose it is.
        noted: What endpoints called through it returned that is stale or a default; the resolver knows the fields.
        own: What the application's own function made for this operation; None where it has none.
    """

    operation: Operation
    calls: frozenset["Endpoint[Any]"] = frozenset()
    resolver: str = ""
    noted: list[Noted] = msgspec.field(default_factory=list)
    own: Any = None

    def __getitem__(self, name: Any) -> Any:
        if self.own is None:
            raise KeyError(
                f"{name!r}: there is no context of the application's own; name what makes it: --context"
            )
        return self.own[name]

    def __getattr__(self, name: str) -> Any:
        own = object.__getattribute__(self, "own")
        if own is None or isinstance(own, Mapping):
            raise AttributeError(f"a context has no {name!r}", name=name, obj=self)
        return getattr(own, name)

    @property
    def principal(self) -> Principal:
        """Who asks."""
        self.operation.personal = True
        return self.operation.principal

    @property
    def headers(self) -> Mapping[str, str]:
        """The client's request headers, names in lower case."""
        return self.operation.headers
