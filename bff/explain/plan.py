"""What is known of an operation before it runs; as JSON, the answer of `bff explain --format json`."""

from typing import Any, Literal

import msgspec

Manner = Literal["batched", "once", "per parent"]
"""One call for many keys; one for all parents; one for each parent."""

Instead = Literal["null", "stale or null", "stale or default", "default", "another source"]
"""What a field gets when its service is down."""


class _Part(msgspec.Struct, frozen=True, rename="camel", kw_only=True):
    """Base of all parts: immutable, and its JSON has camelCase names."""


class Count(_Part, frozen=True, kw_only=True):
    """How many calls are made: `least` to `most`, equal where nothing but the given sizes decides."""

    least: int
    most: int

    def __str__(self) -> str:
        """Return `3 calls` or `1 to 3 calls`."""
        number = str(self.most) if self.least == self.most else f"{self.least} to {self.most}"
        return f"{number} call" if number == "1" else f"{number} calls"


class Step(_Part, frozen=True, kw_only=True):
    """The calls of one endpoint in one wave.

    Attributes:
        endpoint: As code writes it, such as `catalog.dishes`.
        upstream: Its service.
        method: HTTP method.
        target: Path template.
        fields: Response paths that it feeds; `[]` stands for the items of a list.
        manner: How parents become calls.
        keys: How many keys are asked for, where they are batched.
        max_keys: The service's own maximum for one call, where they are batched.
        parents: How many objects want it.
        calls: How many calls that makes.
        why: What decides their number, in words.
        cache: What is kept of the answers, in words.
        worst_ms: Longest time until the last of the calls has ended, in milliseconds.
        timing: What that time is made of, in words.
        start_ms: When it begins at worst, in milliseconds.
    """

    endpoint: str
    upstream: str
    method: str
    target: str
    fields: tuple[str, ...]
    manner: Manner
    keys: int | None
    max_keys: int | None
    parents: int
    calls: Count
    why: str
    cache: str
    worst_ms: int
    timing: str
    start_ms: int


class Wave(_Part, frozen=True, kw_only=True):
    """What can be asked at the same time, because everything it needs is there."""

    number: int
    steps: tuple[Step, ...]


class Total(_Part, frozen=True, kw_only=True):
    """All calls of one endpoint."""

    endpoint: str
    calls: Count


class Link(_Part, frozen=True, kw_only=True):
    """One step of the longest chain of calls that wait for one another."""

    endpoint: str
    worst_ms: int
    attempt_ms: int


class Latency(_Part, frozen=True, kw_only=True):
    """How long the answer can take.

    Attributes:
        worst_ms: The longest, in milliseconds; never beyond the deadline.
        calls_ms: What the services' timeouts alone would allow.
        single_ms: The same when every call has one attempt only.
        deadline_ms: The operation's deadline.
        chain: The calls that make up `calls_ms`.
        single_chain: The calls that make up `single_ms`.
    """

    worst_ms: int
    calls_ms: int
    single_ms: int
    deadline_ms: int
    chain: tuple[Link, ...]
    single_chain: tuple[Link, ...]


class Limit(_Part, frozen=True, kw_only=True):
    """Why an answer may be kept no longer, or by fewer."""

    endpoint: str | None
    why: str


class Keeping(_Part, frozen=True, kw_only=True):
    """What clients and CDNs may keep of a whole answer.

    Attributes:
        verdict: `never`, by one user (`private`), or by everybody (`public`).
        limits: What decides that.
    """

    verdict: Literal["never", "private", "public"]
    limits: tuple[Limit, ...]


class Sharing(_Part, frozen=True, kw_only=True):
    """Who may get the answer of an equal query that is under way."""

    scope: Literal["principal", "public", "off"]
    why: str


class Loss(_Part, frozen=True, kw_only=True):
    """A field that a service which is down does not feed.

    Attributes:
        path: Where it stands; `[]` stands for the items of a list.
        instead: What is there.
        nulls: The path that becomes null; above `path` where nulls are not allowed on the way, empty for all data.
        certain: Whether it is lost in any case; not, where it depends on the data whether the service is asked.
        why: In words.
    """

    path: str
    instead: Instead
    nulls: str | None
    certain: bool
    why: str


class Outage(_Part, frozen=True, kw_only=True):
    """What is left of the answer when services are down, and nothing is kept that could stand in.

    Attributes:
        upstreams: Which.
        lost: The fields that they feed, as far as they would still be asked for.
        gone: Paths of other fields that are gone with them: below what is lost, or inside what became null.
        nothing_left: Whether the answer has no data at all.
    """

    upstreams: tuple[str, ...]
    lost: tuple[Loss, ...]
    gone: tuple[str, ...]
    nothing_left: bool


class Plan(_Part, frozen=True, kw_only=True):
    """What one operation does.

    Attributes:
        operation: Its name, if it has one.
        kind: query, mutation or subscription.
        waves: What is asked, in order.
        totals: All calls of each endpoint.
        calls: All calls.
        cost: What it costs by estimate (RL-9); None where nothing is estimated.
        latency: How long it can take.
        keeping: Who may keep its answer.
        sharing: Who may share its execution.
        outage: What is left without some services; None where nobody asked.
        assumed: What was assumed of the data, in sentences.
        warnings: What will go wrong, in sentences.
    """

    operation: str | None
    kind: str
    waves: tuple[Wave, ...]
    totals: tuple[Total, ...]
    calls: Count
    cost: float | None
    latency: Latency
    keeping: Keeping
    sharing: Sharing
    outage: Outage | None
    assumed: tuple[str, ...]
    warnings: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        """Return the plan as JSON has it."""
        found: dict[str, Any] = msgspec.to_builtins(self)
        return found
