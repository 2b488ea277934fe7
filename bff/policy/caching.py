"""What is kept of what services say: `cache` and `fallback` of an upstream, and `policies/store.yaml`."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Any, Literal

from pydantic import Field, StringConstraints

from bff.policy.base import Count, Policy, Switch, Timeout
from bff.policy.names import Header, SecretReference
from bff.policy.problem import Clash
from bff.policy.resilience import Part
from bff.policy.units import Duration, Share, Size, bytes_of, format_duration

_DAY = timedelta(days=1)
_STALE_IF_ERROR = timedelta(seconds=300)

Lifetime = Annotated[Duration, Field(ge=timedelta(0), le=_DAY)]
"""How long something is kept; nothing is kept for more than a day (CA-5)."""

Tag = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_.:/-]{1,64}$")]
"""A name under which many entries are forgotten at once (CA-17)."""

Scope = Literal["auto", "public", "user", "off"]
OnFailure = Literal["error", "stale", "default", "empty_list"]


class CacheRules(Policy):
    """What may be kept of a service's answers, for whom and how long (RFC 9111 as a shared cache)."""

    scope: Scope = "auto"
    """Who may get an answer again. `auto`: one user where the call carried credentials, unless the answer says
    `public`, `s-maxage` or `must-revalidate`; everybody otherwise (CA-2). `public`: everybody, whatever the call
    carried. `user`: always one user only, `private` answers too. `off`: nothing is kept."""

    default_ttl: Lifetime = timedelta(0)
    """How long an answer is fresh that says nothing about it itself (CA-5)."""

    max_ttl: Lifetime = _DAY
    """How long an answer is fresh at most, whatever it says itself (CA-5)."""

    stale_while_revalidate: Lifetime = timedelta(0)
    """How long after that it is still given at once while it is fetched anew; an answer's own word goes first
    (CA-8)."""

    stale_if_error: Lifetime | None = None
    """How long after that it stands in when the service fails; an answer's own word goes first. When absent:
    `300s` where `default_ttl` is set, else not at all (CA-9)."""

    override_stale: Switch = False
    """Whether `stale_if_error` holds even against `must-revalidate`, `no-cache` and `s-maxage` of the answer."""

    negative_ttl: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(minutes=5))] = timedelta(0)
    """How long "there is no such thing" is remembered; no other refusal ever is (CA-10)."""

    tags: Annotated[tuple[Tag, ...], Field(max_length=32)] = ()
    """Names under which `bff cache purge --tag` forgets these answers; so does an unsafe call that succeeds."""

    surrogate_keys: Switch = False
    """Whether names in the answer's `Surrogate-Key` and `Cache-Tag` count as tags, 32 at most (CA-17)."""

    key_headers: frozenset[Header] = frozenset()
    """Request headers that make a different answer although the service's `Vary` does not say so (CA-3)."""

    impersonal_headers: frozenset[Header] = frozenset()
    """Request headers that travel on and tell no two users apart, such as `x-app-version`. Every other one that
    travels on counts as a credential, but the language, media types and tracing (CA-2)."""

    sort_query: Switch = False
    """Whether the order of query parameters means nothing."""

    coalesce: Switch = True
    """Whether equal calls under way at the same time are made once (CA-12)."""

    @property
    def stale_if_error_seconds(self) -> float:
        """What `stale_if_error` means, in seconds."""
        if self.stale_if_error is not None:
            return self.stale_if_error.total_seconds()
        return _STALE_IF_ERROR.total_seconds() if self.default_ttl else 0.0

    def clashes(self) -> Iterator[Clash]:
        """Refuse a lifetime that is never reached."""
        if self.default_ttl > self.max_ttl:
            longest = format_duration(self.max_ttl)
            said = f"default_ttl {format_duration(self.default_ttl)} exceeds max_ttl {longest}"
            yield Clash((("default_ttl",), ("max_ttl",)), said, longest)


class PartialCache(Part, CacheRules):
    """What is kept differently of a group's or endpoint's answers."""


class Cache(CacheRules):
    """What may be kept of a service's answers, for whom and how long (RFC 9111 as a shared cache)."""

    ttl_jitter: Annotated[Share, Field(le=0.5)] = 0.1
    """How much earlier or later than told an answer grows old by chance, so that answers stored together do not
    (CA-15)."""

    early_refresh: Annotated[float, Field(ge=0, le=10)] = 1.0
    """How eagerly an answer that takes long is fetched before it is old: the beta of XFetch; 0 never (CA-14)."""


class FallbackRules(Policy):
    """What a field gets when its service fails (PD-13)."""

    on_failure: OnFailure = "stale"
    """`error`: null and an error. `stale`: what the cache has, within `cache.stale_if_error`, else the error.
    `default`: the same, but `default` instead of the error. `empty_list`: the same with an empty list. A refusal
    (4xx) is an answer and always told."""

    default: Any = None
    """The value for `on_failure: default`, as the service would send it; for a batch, the value of each item."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse a value that would never be used."""
        if self.default is not None and self.on_failure != "default":
            yield Clash(
                (("default",), ("on_failure",)),
                f"default is never used: on_failure is {self.on_failure}",
                None,
            )


class PartialFallback(Part, FallbackRules):
    """What a field gets when a group's or endpoint's call fails."""

    def clashes(self) -> Iterator[Clash]:
        """Leave the comparison to the whole that this is a part of."""
        yield from ()


class Fallback(FallbackRules):
    """What a field gets when its service fails (PD-13)."""


class LimitStore(Policy):
    """How the store is reached where it counts limits: a request waits for it (RL-19)."""

    connect_timeout: Timeout = timedelta(milliseconds=100)
    """Connecting to Redis."""

    command_timeout: Timeout = timedelta(milliseconds=20)
    """One Redis command, and the wait for a connection; after it each process counts for itself."""


class StorePolicy(Policy):
    """How what replicas share is reached, and how much one process keeps: `policies/store.yaml`.

    The address is a process setting: `--redis-url` or `BFF_REDIS_URL`; without one all stays in the process.
    """

    namespace: Annotated[str, StringConstraints(pattern=r"^[a-z0-9-]{1,32}$")] = "default"
    """Keeps environments apart that share a Redis, such as `staging`."""

    entry_max: Annotated[Size, Field(ge=1024, le=64 * 1024**2)] = bytes_of("1MiB")
    """Largest answer that is kept (CA-11)."""

    local_max: Annotated[Size, Field(ge=1024**2)] = bytes_of("256MiB")
    """Bytes that one process keeps; what was longest unused makes room (CA-11)."""

    local_entries: Annotated[Count, Field(ge=1)] = 10_000
    """Answers that one process keeps."""

    local_ttl: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(minutes=10))] = timedelta(seconds=30)
    """How long a process trusts its own copy of what is in Redis (CA-16)."""

    connect_timeout: Timeout = timedelta(milliseconds=200)
    """Connecting to Redis (CA-19)."""

    command_timeout: Timeout = timedelta(milliseconds=50)
    """One Redis command; a slower one counts as failed, and nothing is sent twice."""

    pool_size: Annotated[Count, Field(ge=1, le=1000)] = 50
    """Connections to Redis, per worker."""

    pool_wait: Timeout = timedelta(milliseconds=50)
    """Longest wait for one of them."""

    breaker_errors: Annotated[Count, Field(ge=1, le=1000)] = 5
    """Failed commands within ten seconds after which Redis is left alone."""

    breaker_open: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(minutes=1))] = timedelta(seconds=2)
    """For how long, the first time; doubled each time the next command fails as well."""

    breaker_open_max: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(minutes=10))] = timedelta(seconds=30)
    """For how long at most."""

    encryption_key: SecretReference | None = None
    """Encrypts what is one user's before it is written to Redis (CA-20): `env:NAME` or `file:PATH` of any long
    random text, the same for all replicas. After a change what was written before is fetched anew."""

    lease_max: Timeout = timedelta(seconds=5)
    """Longest time for which one replica fetches an answer while the others wait for it (CA-13)."""

    ratelimit: LimitStore = LimitStore()
    """What is different where limits are counted."""

    def for_limits(self) -> "StorePolicy":
        """Return the policy of the store that counts limits."""
        own = self.ratelimit
        times = {"connect_timeout": own.connect_timeout, "command_timeout": own.command_timeout}
        return self.model_copy(update={**times, "pool_wait": own.command_timeout})

    def clashes(self) -> Iterator[Clash]:
        """Refuse limits in the wrong order."""
        if self.entry_max > self.local_max:
            yield Clash((("entry_max",), ("local_max",)), "entry_max exceeds local_max: nothing would fit", None)
        if self.breaker_open > self.breaker_open_max:
            longest = format_duration(self.breaker_open_max)
            said = f"breaker_open {format_duration(self.breaker_open)} exceeds breaker_open_max {longest}"
            yield Clash((("breaker_open",), ("breaker_open_max",)), said, longest)
