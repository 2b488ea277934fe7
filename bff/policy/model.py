"""Policies as models: immutable, with safe defaults, and a misspelt key is an error.

One YAML key = one field here = one term everywhere else. Values come from resilience table 17.
"""

from datetime import timedelta
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bff.policy.units import Duration, Size, bytes_of


class Policy(BaseModel):
    """Base of all policies."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Timeouts(Policy):
    """How long each part of a call may take (DL-6)."""

    total: Duration = timedelta(seconds=5)
    """One call with everything in it; never longer than what is left of the operation."""

    attempt: Duration = timedelta(seconds=2)
    """One try, from connecting to the last byte of the body."""

    connect: Duration = timedelta(milliseconds=500)
    """TCP and TLS handshake together."""

    dns: Duration = timedelta(seconds=1)
    """Finding the address of a host."""

    write_idle: Duration = timedelta(seconds=2)
    """Longest pause while sending."""

    read_idle: Duration = timedelta(seconds=2)
    """Longest pause while receiving."""

    queue: Duration = timedelta(milliseconds=100)
    """Longest wait for a free connection."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.attempt > self.total:
            raise ValueError(f"attempt {self.attempt} exceeds total {self.total}: no try could ever use its time")
        if self.connect >= self.attempt:
            raise ValueError(f"connect {self.connect} must be shorter than attempt {self.attempt}")
        if self.queue >= self.attempt:
            raise ValueError(f"queue {self.queue} must be shorter than attempt {self.attempt}")
        return self


class Pool(Policy):
    """Connections to one upstream, per worker (PY-6)."""

    max_connections: Annotated[int, Field(ge=1, le=10_000)] = 110
    """Open at once, to all hosts together."""

    keepalive_expiry: Duration = timedelta(seconds=15)
    """An idle connection is closed after this; keep it below the service's own limit."""

    max_age: Duration = timedelta(seconds=300)
    """A connection is not used again after this, so that new addresses are found."""


class ResponseLimits(Policy):
    """What a service may answer at most."""

    max_response_bytes: Size = bytes_of("8MiB")
    """Decoded body; a larger one fails as UPSTREAM_RESPONSE_TOO_LARGE."""

    max_header_bytes: Size = bytes_of("64KiB")
    """All response header fields together."""

    max_header_count: Annotated[int, Field(ge=1, le=10_000)] = 100
    """Number of response header fields."""


class Forward(Policy):
    """Which of the client's headers travel on; everything else stays here (UC-1)."""

    headers: frozenset[str] = frozenset({"accept-language", "traceparent", "tracestate"})
    """Names in lower case. `authorization` hands the client's own credentials to the service."""


class UpstreamPolicy(Policy):
    """How one service is called: `policies/upstreams/NAME.yaml`."""

    hosts: Annotated[tuple[str, ...], Field(min_length=1)]
    """Base URLs, used in turn. `http://` is accepted for loopback only, unless `plaintext` says why it is safe."""

    alias: str | None = None
    """Name that clients see in errors; the upstream's own name when absent."""

    plaintext: str | None = None
    """Why `http://` to another machine is safe here, such as "service mesh encrypts"; it is refused without."""

    ca: str | None = None
    """PEM file with the authorities to trust instead of the system's, as `file:PATH`."""

    timeouts: Timeouts = Timeouts()
    pool: Pool = Pool()
    limits: ResponseLimits = ResponseLimits()
    forward: Forward = Forward()


class DocumentLimits(Policy):
    """What a GraphQL request may ask at most; refused before anything is executed (PY-16)."""

    body: Size = bytes_of("256KiB")
    """Bytes of the request body."""

    tokens: Annotated[int, Field(ge=10)] = 1000
    """Lexical tokens of the document."""

    depth: Annotated[int, Field(ge=1)] = 15
    """Fields below one another, fragments followed."""

    aliases: Annotated[int, Field(ge=0)] = 30
    """Aliased fields, fragments counted once for each use."""

    root_fields: Annotated[int, Field(ge=1)] = 20
    """Fields directly below the operation."""

    directives_per_field: Annotated[int, Field(ge=0)] = 10
    """Directives on one place of the document."""

    merge_pairs: Annotated[int, Field(ge=100)] = 20_000
    """Pairs of fields that validation would have to compare; the work grows with the square of equal names."""

    validation_time: Duration = timedelta(milliseconds=250)
    """Parsing and validation of one document."""

    max_errors: Annotated[int, Field(ge=1, le=1000)] = 100
    """Errors in one answer; the rest are counted in a last one (PD-3)."""


class Batching(Policy):
    """Several operations in one request, as a JSON array."""

    enabled: bool = False
    """Off: an array is answered with 400."""

    max_operations: Annotated[int, Field(ge=1, le=100)] = 10
    """Longest array."""


class Drain(Policy):
    """What happens between SIGTERM and the end of the process (DR-1)."""

    delay: Duration = timedelta(seconds=5)
    """Still accepting while readiness already says no, until load balancers have noticed."""

    timeout: Duration = timedelta(seconds=20)
    """For operations in flight, after which they are cancelled."""


class OperationsPolicy(Policy):
    """What clients may ask and how long it may take: `policies/operations.yaml`."""

    deadline: Duration = timedelta(seconds=10)
    """Time for one operation; when it is up, what is there is returned."""

    deadline_max: Duration = timedelta(seconds=30)
    """Longest time that a client may ask for with `x-request-timeout-ms`."""

    deadline_reserve: Duration = timedelta(milliseconds=50)
    """Kept of the deadline for putting the answer together (DL-4)."""

    min_attempt_time: Duration = timedelta(milliseconds=10)
    """No call starts with less time than this left (DL-4)."""

    deadlines: dict[str, Duration] = {}
    """Deadline for single operations, by name."""

    limits: DocumentLimits = DocumentLimits()
    batching: Batching = Batching()
    drain: Drain = Drain()

    document_cache: Annotated[int, Field(ge=1)] = 1000
    """Documents kept parsed and validated."""

    introspection: Literal["allow", "deny"] = "deny"
    """Whether clients may read the schema; `deny` also ends "did you mean" hints (PD-10)."""

    graphiql: Literal["allow", "deny"] = "deny"
    """Whether a browser that opens the endpoint gets GraphiQL."""

    partial_status: Literal[200, 294] = 200
    """HTTP status of an answer with data and errors (PD-7)."""

    request_error_status: Literal["draft", "classic"] = "draft"
    """`draft`: 422 where the GraphQL-over-HTTP draft says so; `classic`: 400 (PD-7)."""

    always_200_for_json: bool = False
    """For old clients: whoever accepts only `application/json` gets 200 for every GraphQL answer (PD-8)."""

    csrf_headers: frozenset[str] = frozenset(
        {"graphql-require-preflight", "x-bff-csrf", "x-apollo-operation-name"}
    )
    """A request that a foreign page could send without asking must carry one of these."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.deadline > self.deadline_max:
            raise ValueError(f"deadline {self.deadline} exceeds deadline_max {self.deadline_max}")
        if self.deadline_reserve >= self.deadline:
            raise ValueError(
                f"deadline_reserve {self.deadline_reserve} leaves nothing of deadline {self.deadline}"
            )
        return self
