"""What one operation carries: who asks, until when, what was loaded, what was degraded."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from bff.clock import Clock
from bff.upstream.pipeline.fanout import Fanout

if TYPE_CHECKING:
    from bff.upstream.client import Upstreams
    from bff.upstream.endpoint import Endpoint

OperationKind = Literal["query", "mutation", "subscription"]


@dataclass(frozen=True, slots=True)
class Deadline:
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
    """Who is calling; `ANONYMOUS` where nobody said."""

    issuer: str
    subject: str
    scopes: frozenset[str] = frozenset()


ANONYMOUS = Principal(issuer="", subject="")


@dataclass(frozen=True, slots=True)
class Degradation:
    """One part of an answer that is not what the service would have said now (PD-12).

    `age_ms` is how old a stale value is, in milliseconds; None for a default value.
    """

    path: tuple[str | int, ...]
    upstream: str
    reason: str
    source: Literal["stale", "default"]
    age_ms: int | None = None


@dataclass(slots=True)
class Operation:
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
    """

    request_id: str
    deadline: Deadline
    upstreams: "Upstreams"
    principal: Principal = ANONYMOUS
    headers: Mapping[str, str] = field(default_factory=dict)
    name: str | None = None
    kind: OperationKind = "query"
    loaders: dict[Any, Any] = field(default_factory=dict)
    degraded: list[Degradation] = field(default_factory=list)
    fanout: Fanout = field(default_factory=Fanout)
    dispatched: bool = False


class Context:
    """What a resolver receives: the operation, and the endpoints that this resolver declared.

    An endpoint refuses to be called through a context that does not list it, so that what `calls=` says is what
    happens.
    """

    __slots__ = ("calls", "operation", "resolver")

    def __init__(
        self, operation: Operation, calls: frozenset["Endpoint[Any]"] = frozenset(), resolver: str = ""
    ) -> None:
        self.operation = operation
        self.calls = calls
        self.resolver = resolver

    @property
    def principal(self) -> Principal:
        """Who asks."""
        return self.operation.principal

    @property
    def headers(self) -> Mapping[str, str]:
        """The client's request headers, names in lower case."""
        return self.operation.headers
