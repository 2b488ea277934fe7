"""One call on its way through the pipeline."""

from collections.abc import Awaitable, Callable, Mapping
from math import inf
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from bff.upstream.errors import Phase
from bff.upstream.message import Origin, Response

if TYPE_CHECKING:
    from bff.context import Principal
    from bff.experiments.plan import Injection
    from bff.policy.credentials import Speaker
    from bff.upstream.cache.lookup import Lookup
    from bff.upstream.pipeline.fanout import Fanout

UNDECODED: Any = object()
"""The value of a call whose response nobody has decoded yet."""


class Split(msgspec.Struct, frozen=True):
    """How a batch falls into its keys, so that each can be kept on its own.

    Attributes:
        keys: What is asked for, as text.
        target: Path and query without the keys.
        body: The body without the keys.
        narrow: Returns the call for fewer keys.
        items: Returns the JSON of each key that the response holds; raises `UpstreamError` where it is unusable.
        join: Returns the body that holds these items; None where a body holds more than them.
    """

    keys: tuple[str, ...]
    target: str
    body: bytes | None
    narrow: Callable[["Call", tuple[str, ...]], "Call"]
    items: Callable[[Response], dict[str, bytes]]
    join: Callable[[Mapping[str, bytes]], bytes] | None = None


class Call(msgspec.Struct):
    """What is asked of a service, and until when.

    Attributes:
        upstream: Name of the upstream.
        endpoint: Name of the endpoint.
        method: HTTP method, upper case.
        target: Path and query as the endpoint names them; the host's prefix is added when one is picked.
        safe: Whether sending it twice does no harm: by method, or because the endpoint says so.
        deadline: Moment on the monotonic clock at which the call is over.
        limited_by: Whose time `deadline` is: the operation's, or the policy's for one call.
        origin: Where it goes, once a host is picked.
        prefix: The picked host's path prefix.
        attempt: Number of the send under way, from 1; told to the service (RT-7).
        tried: Hosts that an earlier attempt of this call went to; the next one avoids them (RT-10).
        repeatable: Whether it may be sent again at all; not when our own caller already repeats (RT-7).
        refused_once: Whether the service has refused the stream before; it does so for free only once (RT-5).
        decode: Makes a value of a response, so that an unusable payload counts as this attempt's outcome (CB-10).
        value: What `decode` made; `UNDECODED` where the response came from elsewhere, such as a cache.
        hash_key: What keeps the call at one host under a hashing balance; "" for nothing.
        fanout: The attempts of its operation; None where nobody counts them.
        seconds: How long the last attempt took, from its start to the last byte.
        limit: How long it was allowed to take; a whole answer after more than that means that we stood still.
        principal: In whose name it is made; None where nobody said.
        speaks_for: Whom its credentials speak for: the principal, ourselves, or nobody.
        cacheable: Whether its answer may be kept: a GET, or a query that says so (CA-1).
        split: How it falls into keys, where it is a batch.
        alternate: Fetches the same from elsewhere, where the endpoint names another source.
        keepable: Says whether a response is whole; one of GraphQL that has errors is not, and is never kept.
        lookup: What the cache knew of it before it was sent.
        number: Names it within its upstream, in events.
        injection: What is done to it on purpose; None for nothing.
    """

    upstream: str
    endpoint: str
    method: str
    target: str
    headers: dict[str, str]
    body: bytes | None
    safe: bool
    request_id: str
    deadline: float
    limited_by: Phase = "operation"
    origin: Origin | None = None
    prefix: str = ""
    attempt: int = 1
    tried: tuple[Origin, ...] = ()
    repeatable: bool = True
    refused_once: bool = False
    decode: Callable[[Response], Any] | None = None
    value: Any = UNDECODED
    hash_key: str = ""
    fanout: "Fanout | None" = None
    seconds: float = 0.0
    limit: float = inf
    principal: "Principal | None" = None
    speaks_for: "Speaker" = "nobody"
    cacheable: bool = False
    split: Split | None = None
    alternate: Callable[["Call"], Awaitable[Response]] | None = None
    keepable: Callable[[Response], bool] | None = None
    lookup: "Lookup | None" = None
    number: int = 0
    injection: "Injection | None" = None

    @property
    def keyed(self) -> bool:
        """Whether it carries a key by which the service recognises a repetition."""
        return "idempotency-key" in self.headers

    def twin(self) -> "Call":
        """Return the same call for a second send beside this one, which goes to another host (HG-1)."""
        tried = self.tried if self.origin is None else (*self.tried, self.origin)
        return msgspec.structs.replace(self, attempt=self.attempt + 1, tried=tried, headers=dict(self.headers))


Handler = Callable[[Call], Awaitable[Response]]
"""Answers a call with a usable response, or raises `UpstreamError`."""


class Stage(Protocol):
    """One step around the next: may refuse, change, time or observe the call."""

    def __call__(self, call: Call, send: Handler) -> Awaitable[Response]:
        """Answer *call*, as a rule by passing it on to *send*."""
