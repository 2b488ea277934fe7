"""Policies as models: immutable, with safe defaults, and a misspelt key is an error.

One YAML key = one field here = one term everywhere else. Values and rules come from resilience table 17.
A field's docstring is its entry in the reference page and in editors.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Annotated, Literal

from pydantic import Field

from bff.policy.base import Count, Pause, Policy, Switch, Timeout
from bff.policy.caching import Cache, Fallback
from bff.policy.chain import Chain, EndpointPart, Group, NameOfPart, grouping_clashes
from bff.policy.cost import CallCost, Cost
from bff.policy.credentials import Credentials
from bff.policy.experiments import Canary, FaultInjection, Shadow
from bff.policy.hosts import (
    AdaptiveConcurrency,
    Balance,
    Bulkhead,
    Codel,
    HealthCheck,
    HostEntry,
    HostKeys,
    OutlierEjection,
    SlowStart,
    hosts_clash,
    places_of,
)
from bff.policy.names import Alias, FileReference, Header, OperationName, is_plaintext_to_elsewhere
from bff.policy.problem import Clash
from bff.policy.resilience import Breaker, Hedge, Retry, Timeouts
from bff.policy.sharing import Sharing
from bff.policy.shedding import PriorityName, Shedding
from bff.policy.tracing import Trace
from bff.policy.trusted import TrustedDocuments
from bff.policy.units import Duration, Size, bytes_of, format_duration


class Pool(Policy):
    """Connections to one upstream, per worker (PY-6)."""

    max_connections: Annotated[Count, Field(ge=1, le=10_000)] = 110
    """Open at once, to all hosts together; further calls wait for `timeouts.queue`."""

    keepalive_expiry: Timeout = timedelta(seconds=15)
    """An idle connection is closed after this; keep it below the service's own limit."""

    max_age: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(days=1))] = timedelta(seconds=300)
    """A connection is not used again after this, so that new addresses are found."""

    dns_refresh: Annotated[Duration, Field(ge=timedelta(seconds=5), le=timedelta(hours=1))] = timedelta(seconds=30)
    """The addresses of a host are looked up again after this, and whenever connecting to it fails (LB-11)."""

    dns_stale: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=1))] = timedelta(minutes=10)
    """For how long the last good addresses are used while looking them up fails (LB-11)."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse to be idle for longer than one may live, and old addresses that end before new ones come."""
        if self.dns_stale < self.dns_refresh:
            least = format_duration(self.dns_refresh)
            yield Clash(
                (("dns_stale",), ("dns_refresh",)),
                f"dns_stale {format_duration(self.dns_stale)} is shorter than dns_refresh {least}: addresses "
                "would be lost at the first lookup that fails",
                least,
            )
        if self.keepalive_expiry > self.max_age:
            longest = format_duration(self.max_age)
            yield Clash(
                (("keepalive_expiry",), ("max_age",)),
                f"keepalive_expiry {format_duration(self.keepalive_expiry)} exceeds max_age {longest}",
                longest,
            )


class ResponseLimits(Policy):
    """What a service may answer at most."""

    max_response_bytes: Annotated[Size, Field(ge=1, le=1024**3)] = bytes_of("8MiB")
    """Decoded body; a larger one fails as UPSTREAM_RESPONSE_TOO_LARGE."""

    max_header_bytes: Annotated[Size, Field(ge=1, le=1024**2)] = bytes_of("64KiB")
    """All response header fields together; more fail as UPSTREAM_BAD_RESPONSE."""

    max_header_count: Annotated[Count, Field(ge=1, le=10_000)] = 100
    """Number of response header fields; more fail as UPSTREAM_BAD_RESPONSE."""


class Forward(Policy):
    """Which of the client's headers travel on; everything else stays here (UC-1)."""

    headers: frozenset[Header] = frozenset({"accept-language", "traceparent", "tracestate"})
    """Names in lower case. `authorization` hands the client's own credentials to the service, whomever they are
    meant for; `credentials: {mode: forward}` looks at that first."""


class UpstreamDefaults(Policy):
    """How every service is called unless its own file says otherwise: `policies/defaults.yaml`."""

    plaintext: Annotated[str | None, Field(min_length=5, examples=["service mesh encrypts"])] = None
    """Why `http://` to another machine is safe here, such as "service mesh encrypts"; it is refused without."""

    ca: FileReference | None = None
    """PEM file with the authorities to trust instead of the system's, as `file:PATH`."""

    timeouts: Timeouts = Timeouts()
    """How long each part of a call may take."""

    pool: Pool = Pool()
    """Connections, per worker."""

    limits: ResponseLimits = ResponseLimits()
    """What the service may answer at most."""

    forward: Forward = Forward()
    """Which of the client's headers travel on."""

    retry: Retry = Retry()
    """When and how patiently a failed call is sent again."""

    hedge: Hedge = Hedge()
    """A second send to another host when the first is slower than usual."""

    cache: Cache = Cache()
    """What may be kept of the service's answers, for whom and how long."""

    fallback: Fallback = Fallback()
    """What a field gets when the service fails."""

    cost: CallCost = CallCost()
    """What a call costs the client whose operation makes it."""

    breaker: Breaker = Breaker()
    """When the service is left alone, and for how long."""

    balance: Balance = Balance()
    """Which host an attempt goes to."""

    outlier: OutlierEjection = OutlierEjection()
    """When a host that fails is left alone for a while."""

    health: HealthCheck = HealthCheck()
    """Asks hosts how they are."""

    slow_start: SlowStart = SlowStart()
    """How fast a host that comes back gets its calls again."""

    bulkhead: Bulkhead = Bulkhead()
    """How many attempts may run at once."""

    codel: Codel = Codel()
    """When waiting calls are refused early."""

    adaptive: AdaptiveConcurrency = AdaptiveConcurrency()
    """Finds out how many attempts the service can take at once."""


class Address(Policy):
    """Where a service is."""

    hosts: Annotated[
        tuple[HostEntry, ...], Field(min_length=1, max_length=100, examples=[["https://catalog.internal:8443"]])
    ]
    """Base URLs, or `url` with `zone`, `weight`, `priority`. `http://` is accepted for loopback only, unless
    `plaintext` says why it is safe."""

    credentials: Credentials = Credentials()
    """What we show the service so that it lets us in."""

    alias: Alias | None = None
    """Name that clients see in errors; the upstream's own name when absent."""

    canary: Canary = Canary()
    """Other hosts that get a share of the calls, for as long as they do no worse."""

    shadow: Shadow = Shadow()
    """Other hosts that get copies of calls, whose answers are compared."""

    groups: dict[NameOfPart, Group] = Field(default_factory=dict)
    """Endpoints that succeed and fail together, each group with a breaker of its own, by name (CB-11)."""

    endpoints: dict[NameOfPart, EndpointPart] = Field(default_factory=dict)
    """What is different for single endpoints, by their name."""


class UpstreamPolicy(UpstreamDefaults, Address):
    """How one service is called: `policies/upstreams/NAME.yaml`."""

    @property
    def places(self) -> tuple[HostKeys, ...]:
        """The hosts, each with all its keys."""
        return places_of(self.hosts)

    def clashes(self) -> Iterator[Clash]:
        """Refuse hosts named twice or reached unencrypted for no given reason, and a pool that is too small."""
        urls = [place.url for place in self.places]
        for index, host in enumerate(urls):
            if host in urls[:index]:
                yield Clash((("hosts", index),), f"host {host!r} is named twice", None)
            if self.credentials.mode == "mtls" and host.startswith("http://"):
                what = f"{host!r} asks for no certificate: credentials of mode mtls need https://"
                yield Clash((("hosts", index), ("credentials", "mode")), what, f"https{host.removeprefix('http')}")
            if self.plaintext is None and is_plaintext_to_elsewhere(host):
                yield Clash(
                    (("hosts", index), ("plaintext",)),
                    f"{host!r} is another machine, and http:// is not encrypted; use https:// or say in "
                    "`plaintext` why it is safe",
                    f"https{host.removeprefix('http')}",
                )
        yield from self._headers_set_twice()
        plaintext, certificate = self.plaintext is not None, self.credentials.mode == "mtls"
        for section, others in (("canary", self.canary), ("shadow", self.shadow)):
            yield from others.host_clashes(section, self.places, plaintext=plaintext, certificate=certificate)
        yield from grouping_clashes(self.chain(None), self.groups, self.endpoints, hosts=len(urls))
        yield from hosts_clash(self.hosts, self.balance.zone, self.outlier.percent)
        most, connections = self.bulkhead.max_concurrency, self.pool.max_connections
        if "max_concurrency" in self.bulkhead.model_fields_set and most > connections:
            yield Clash(
                (("bulkhead", "max_concurrency"), ("pool", "max_connections")),
                f"max_concurrency {most} exceeds max_connections {connections}: calls would wait for a connection "
                "instead of their turn",
                str(self.concurrency),
            )

    def _headers_set_twice(self) -> Iterator[Clash]:
        """Refuse headers that come from the client and from us."""
        for name in sorted(self.credentials.sets_headers & self.forward.headers):
            rest = ", ".join(sorted(self.forward.headers - {name}))
            what = f"header {name!r} comes from credentials (mode {self.credentials.mode}) and from the client"
            yield Clash((("forward", "headers"), ("credentials",)), what, f"[{rest}]")

    def chain(self, endpoint: str | None) -> Chain:
        """Return what is in force for *endpoint*; None for those that no group and no override names."""
        chain = Chain(
            "default",
            self.timeouts,
            self.retry,
            self.hedge,
            self.breaker,
            self.cache,
            self.fallback,
            self.cost,
        )
        for name, group in self.groups.items():
            if endpoint in group.endpoints:
                chain = chain.narrowed(group, name)
        part = self.endpoints.get(endpoint) if endpoint else None
        return chain.narrowed(part) if part else chain

    def breaker_of(self, group: str) -> Breaker:
        """Return what is in force for the breaker of *group*."""
        part, default = self.groups.get(group), self.chain(None)
        return default.narrowed(part, group).breaker if part else default.breaker

    @property
    def concurrency(self) -> int:
        """Attempts that may run at once: what the bulkhead says, with a tenth of the pool to spare (BH-2)."""
        return max(1, min(self.bulkhead.max_concurrency, self.pool.max_connections * 10 // 11))


class DocumentLimits(Policy):
    """What a GraphQL request may ask at most; refused before anything is executed (PY-16)."""

    body: Annotated[Size, Field(ge=1, le=64 * 1024**2)] = bytes_of("256KiB")
    """Bytes of the request body."""

    document: Annotated[Size, Field(ge=1, le=64 * 1024**2)] = bytes_of("64KiB")
    """Bytes of the document's text."""

    tokens: Annotated[Count, Field(ge=10)] = 1000
    """Lexical tokens of the document."""

    depth: Annotated[Count, Field(ge=1)] = 15
    """Fields below one another, fragments followed."""

    aliases: Annotated[Count, Field(ge=0)] = 30
    """Aliased fields, fragments counted once for each use."""

    root_fields: Annotated[Count, Field(ge=1)] = 20
    """Fields directly below the operation."""

    directives_per_field: Annotated[Count, Field(ge=0)] = 10
    """Directives on one place of the document."""

    input_depth: Annotated[Count, Field(ge=1, le=64)] = 32
    """Lists and objects within one another, in variables and in the document's own values."""

    input_values: Annotated[Count, Field(ge=1)] = 5000
    """Values in the variables, those in lists and objects counted one by one."""

    merge_pairs: Annotated[Count, Field(ge=100)] = 20_000
    """Pairs of fields that validation would have to compare; the work grows with the square of equal names."""

    validation_time: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(seconds=10))] = timedelta(
        milliseconds=250
    )
    """Parsing and validation of one document."""

    max_errors: Annotated[Count, Field(ge=1, le=1000)] = 100
    """Errors in one answer; the rest are counted in a last one (PD-3)."""


class Batching(Policy):
    """Several operations in one request, as a JSON array."""

    enabled: Switch = False
    """Off: an array is answered with 400."""

    max_operations: Annotated[Count, Field(ge=1, le=100)] = 10
    """Longest array."""


class Drain(Policy):
    """What happens between SIGTERM and the end of the process (DR-1)."""

    delay: Pause = timedelta(seconds=5)
    """Still accepting while readiness already says no, until load balancers have noticed."""

    timeout: Pause = timedelta(seconds=20)
    """For operations in flight, after which they are cancelled."""


class OperationsPolicy(Policy):
    """What clients may ask and how long it may take: `policies/operations.yaml`."""

    deadline: Timeout = timedelta(seconds=10)
    """Time for one operation; when it is up, what is there is returned."""

    deadline_max: Timeout = timedelta(seconds=30)
    """Longest deadline that any operation may have. Clients may ask for less than their operation's deadline with
    `x-request-timeout-ms`, never for more."""

    deadline_reserve: Pause = timedelta(milliseconds=50)
    """Kept of the deadline for putting the answer together (DL-4)."""

    min_attempt_time: Pause = timedelta(milliseconds=10)
    """No call starts with less time than this left (DL-4)."""

    max_concurrent_attempts: Annotated[Count, Field(ge=1, le=10_000)] = 64
    """Attempts at services that one operation may have under way; further ones wait (BH-3)."""

    max_attempts_total: Annotated[Count, Field(ge=1, le=100_000)] = 256
    """Attempts at services that one operation may begin; further ones fail as OPERATION_FANOUT_EXCEEDED."""

    deadlines: dict[OperationName, Timeout] = Field(default_factory=dict)
    """Deadline of single operations, by their name, shorter or longer than `deadline`, which all others have."""

    limits: DocumentLimits = DocumentLimits()
    """What a request may ask at most."""

    cost: Cost = Cost()
    """What operations cost, and how much one of them may."""

    documents: TrustedDocuments = TrustedDocuments()
    """Documents that were registered before they are sent."""

    batching: Batching = Batching()
    """Several operations in one request."""

    priorities: dict[OperationName, PriorityName] = Field(default_factory=dict)
    """How much single operations matter when there is too much to do; all others are `default`."""

    on_error: Literal["allow", "deny"] = "deny"
    """Whether clients may say in a request's `onError` what an error makes null: `NULL` its own position whatever
    its type, `PROPAGATE` the nearest nullable one, `HALT` all data. A draft of the specification; where it is
    denied, the member is ignored as any unknown one is."""

    default_max_age: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=1))] = timedelta(0)
    """How long clients and CDNs may keep a field of which neither the schema (`@cacheControl`) nor a service says
    anything: one at the root, or one with a resolver of its own that returns objects (CA-22)."""

    sharing: Sharing = Sharing()
    """Which equal queries are executed once for all who ask."""

    shedding: Shedding = Shedding()
    """When requests are refused at the door."""

    drain: Drain = Drain()
    """What happens between SIGTERM and the end of the process."""

    document_cache: Annotated[Count, Field(ge=1)] = 1000
    """Documents kept parsed and validated; the one longest unused makes room."""

    trace: Trace = Trace()
    """Who may see what became of the calls of an operation."""

    fault_injection: FaultInjection = FaultInjection()
    """Who may make services fail on purpose, and how much."""

    introspection: Literal["allow", "deny"] = "deny"
    """Whether clients may read the schema; `deny` also ends "did you mean" hints (PD-10)."""

    graphiql: Literal["allow", "deny"] = "deny"
    """Whether a browser that opens the endpoint gets GraphiQL, and with it `/graphql/explain`, which tells
    everybody which services an operation calls and for how long."""

    partial_status: Literal[200, 294] = 200
    """HTTP status of an answer with data and errors (PD-7)."""

    request_error_status: Literal["draft", "classic"] = "draft"
    """`draft`: 422 where the GraphQL-over-HTTP draft says so; `classic`: 400 (PD-7)."""

    always_200_for_json: Switch = False
    """For old clients: whoever accepts only `application/json` gets 200 for every GraphQL answer (PD-8)."""

    csrf_headers: frozenset[Header] = frozenset(
        {"graphql-require-preflight", "x-bff-csrf", "x-apollo-operation-name"}
    )
    """A request that a foreign page could send without asking must carry one of these."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse deadlines under which nothing could ever be answered."""
        longest, reserve = format_duration(self.deadline_max), format_duration(self.deadline_reserve)
        deadlines = {("deadline",): self.deadline} | {
            ("deadlines", name): deadline for name, deadline in self.deadlines.items()
        }
        for key, deadline in deadlines.items():
            said = f"{'.'.join(key)} {format_duration(deadline)}"
            if deadline > self.deadline_max:
                yield Clash((key, ("deadline_max",)), f"{said} exceeds deadline_max {longest}", longest)
            if deadline <= self.deadline_reserve + self.min_attempt_time:
                yield Clash(
                    (key, ("deadline_reserve",), ("min_attempt_time",)),
                    f"{said} leaves no time for a call: deadline_reserve {reserve} and min_attempt_time "
                    f"{format_duration(self.min_attempt_time)} use it up",
                    format_duration((self.deadline_reserve + self.min_attempt_time) * 10),
                )
