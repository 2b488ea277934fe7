"""Who may ask how often, and with which version of an app: `policies/clients/NAME.yaml` and `default.yaml`."""

from collections.abc import Iterator
from datetime import date
from typing import Annotated, Any, Literal

from packaging.version import InvalidVersion, Version
from pydantic import BeforeValidator, Field, StringConstraints

from bff.policy.base import Count, Policy, Switch
from bff.policy.names import Header, OperationName
from bff.policy.problem import Clash, Refused
from bff.policy.rates import Rate, rate_of
from bff.policy.shedding import PriorityName

Mode = Literal["enforce", "measure", "off"]
"""`enforce` refuses; `measure` only counts and logs what it would refuse; `off` does nothing."""

OnStoreError = Literal["local", "open", "closed"]
Algorithm = Literal["gcra", "fixed_window", "sliding_window"]

ClientId = Annotated[str, StringConstraints(min_length=1, max_length=200)]
Link = Annotated[str, StringConstraints(pattern=r"^https://[\x21-\x7e]+$|^[a-z][a-z0-9+.-]*://[\x21-\x7e]+$")]


def check_version(value: Any) -> str:
    """Return *value*, the version of an app, such as `4.2.0` or `4.2.0-beta.1`.

    Raises:
        Refused: Not a version, or a number, of which YAML drops the last zero.
    """
    if not isinstance(value, str):
        raise Refused("a version is text, for 4.10 is not 4.1; quote it", '"4.2.0"')
    try:
        Version(value)
    except InvalidVersion:
        raise Refused(f"{value!r} is not a version", '"4.2.0"') from None
    return value


def check_day(value: Any) -> date:
    """Return the day that *value* says, such as `2026-10-01`.

    Raises:
        Refused: Not a day.
    """
    try:
        return value if isinstance(value, date) else date.fromisoformat(str(value))
    except ValueError:
        raise Refused(f"{value!r} is not a day: write year-month-day", "2026-10-01") from None


AppVersion = Annotated[str, BeforeValidator(check_version)]
"""Version of an app; see `check_version`."""

Day = Annotated[date, BeforeValidator(check_day)]
"""A day in UTC; see `check_day`."""


class Limit(Policy):
    """How often something may happen."""

    rate: Rate | None = None
    """How many in what time, such as `600 per minute`; no limit where none is said."""

    burst: Annotated[Count, Field(ge=1, le=10_000_000)] | None = None
    """How many at once; a fifth of what `rate` allows in its time when absent (RL-2). For `gcra` only."""

    algorithm: Algorithm = "gcra"
    """`gcra`: even, with a burst, exact across processes. `fixed_window`: counts from the first request on, and
    lets through twice as much around the end of a window. `sliding_window`: about `rate` in any window. Windows
    need several commands to the store and know no refunds."""

    mode: Mode = "enforce"
    """`enforce` refuses; `measure` counts and logs what it would have refused; `off` does nothing."""

    on_store_error: OnStoreError = "local"
    """When Redis is away: `local` goes on in each process with its share, `open` lets everything in, `closed`
    refuses everything and is for log-ins and the like (RL-18)."""

    @property
    def at_once(self) -> int:
        """What `burst` means (RL-2)."""
        if self.burst is not None or self.rate is None:
            return self.burst or 1
        return max(1, rate_of(self.rate).amount // 5)

    @property
    def counts(self) -> bool:
        """Whether anything has to be counted."""
        return self.rate is not None and self.mode != "off"

    def clashes(self) -> Iterator[Clash]:
        """Refuse a burst that would mean nothing."""
        if self.burst is not None and self.algorithm != "gcra":
            said = f"burst is never used: algorithm is {self.algorithm}"
            yield Clash((("burst",), ("algorithm",)), said, None)
        if self.burst is not None and self.rate is None:
            yield Clash((("burst",), ("rate",)), "burst says how many at once of a rate, and there is none", None)


class AddressLimit(Limit):
    """How often one address may ask, whoever is behind it; counted before anything is read (RL-8)."""

    rate: Rate | None = "6000 per minute"
    """How many in what time. Refused log-ins count here and nowhere else (RL-17); many people may share an
    address."""


class UserLimit(Limit):
    """How often one user, or one API key, may ask."""

    rate: Rate | None = "600 per minute"
    """How many in what time, for each user by issuer and subject."""


class AnonymousLimit(Limit):
    """How often somebody may ask who does not say who they are, by address."""

    rate: Rate | None = "60 per minute"
    """How many in what time, for each IPv4 address and each IPv6 network of 64 bits (RL-6)."""


class OperationLimit(Limit):
    """How often one user may run one operation."""

    rate: Annotated[Rate, Field(examples=["10 per minute"])]
    """How many in what time, for each user, or address of somebody unknown."""


class CostLimit(Limit):
    """How much one user's operations may cost (RL-10)."""

    rate: Rate | None = "100 per second"
    """How much of the cost is given back in what time."""

    burst: Annotated[Count, Field(ge=1, le=10_000_000)] | None = 5000
    """How much there is when nothing was spent; an operation that costs more never runs."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse an algorithm that cannot give back."""
        if self.algorithm != "gcra":
            said = f"{self.algorithm} cannot give back what an operation did not need"
            yield Clash((("algorithm",),), said, "gcra")


class Concurrency(Policy):
    """How many operations of one user may run at the same time (RL-20)."""

    max: Annotated[Count, Field(ge=1, le=100_000)] = 20
    """Operations in flight, for each user, or address of somebody unknown."""

    shared: Switch = False
    """Whether all processes count together, by leases in Redis, instead of each for itself."""

    mode: Mode = "enforce"
    """`enforce` refuses; `measure` counts and logs what it would have refused; `off` does nothing."""


class Limits(Policy):
    """How often and how much; a request must fit all of them, and one that is refused uses up none (RL-4)."""

    client: Limit = Limit()
    """All requests of this client together; only of clients that prove who they are (RL-6)."""

    user: UserLimit = UserLimit()
    """Each user, or API key."""

    anonymous: AnonymousLimit = AnonymousLimit()
    """Each address of people who do not say who they are."""

    operations: dict[OperationName, OperationLimit] = Field(default_factory=dict)
    """Single operations by name, besides the limits above. The name is the client's word unless documents are
    registered."""

    cost: CostLimit = CostLimit()
    """What operations cost, each user, or address of somebody unknown."""

    concurrency: Concurrency = Concurrency()
    """Operations in flight."""


class Deprecation(Policy):
    """Which versions of an app will no longer be served one day (RFC 9745, RFC 8594)."""

    below: AppVersion | None = None
    """Versions before this one; all where only dates are said."""

    since: Day | None = None
    """From when on they are deprecated, as `2026-10-01`, in UTC: header `Deprecation`."""

    sunset: Day | None = None
    """When they may stop working: header `Sunset`. Nothing is refused by it; `minimum` does that."""

    link: Link | None = None
    """Page that says what to do."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse an end before the beginning (RFC 9745 section 4), and dates that nobody would be told."""
        if self.since and self.sunset and self.sunset < self.since:
            said = f"sunset {self.sunset} is before since {self.since}"
            yield Clash((("sunset",), ("since",)), said, str(self.since))
        if self.since is None and (self.below or self.sunset or self.link):
            key = next(name for name in ("sunset", "below", "link") if getattr(self, name))
            yield Clash((("since",), (key,)), f"{key} needs since, the day from which on it is so", "2026-10-01")


class Versions(Policy):
    """Which versions of an app are served."""

    minimum: AppVersion | None = None
    """Older ones are answered CLIENT_UPGRADE_REQUIRED with `storeUrl`."""

    recommended: AppVersion | None = None
    """Older ones are told in `extensions.client` and the header `x-client-recommended-version`."""

    unknown: Literal["allow", "refuse"] = "allow"
    """What happens to a request without a version that can be read, where there is a `minimum`."""

    store_url: Link | None = None
    """Where people get the newest version."""

    deprecated: Deprecation = Deprecation()
    """Which versions will no longer be served one day."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse to recommend what is refused."""
        if self.minimum and self.recommended and Version(self.recommended) < Version(self.minimum):
            said = f"recommended {self.recommended} is older than minimum {self.minimum}"
            yield Clash((("recommended",), ("minimum",)), said, f'"{self.minimum}"')


class Match(Policy):
    """How a client is known."""

    clients: Annotated[tuple[ClientId, ...], Field(max_length=1000)] = ()
    """OAuth client ids and API keys: the client has proven that it is one of them."""

    names: Annotated[tuple[ClientId, ...], Field(max_length=1000)] = ()
    """Names that it gives itself in a header. Anybody can say them, so they choose `versions` only."""

    trust_names: Switch = False
    """Whether a proxy in front sets the header itself, so that the name also chooses `limits` and `priority`."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse a client that nobody can be."""
        if not self.clients and not self.names:
            yield Clash((("clients",), ("names",)), "say `clients` or `names`: nobody is this client", "[my-app]")


class ClientRules(Policy):
    """What holds for a client."""

    limits: Limits = Limits()
    """How often and how much."""

    priority: PriorityName | None = None
    """How much its operations matter when there is too much to do; `priorities` of single operations go first."""

    versions: Versions = Versions()
    """Which versions of the app are served."""


class ClientPolicy(ClientRules):
    """What is different for one client: `policies/clients/NAME.yaml`."""

    match: Annotated[Match, Field(examples=[{"clients": ["my-app"]}])]
    """How it is known."""


class ClientDefaults(ClientRules):
    """What holds for every client whose own file says nothing else: `policies/clients/default.yaml`.

    Nothing is limited where there is no folder `clients`.
    """

    address: AddressLimit = AddressLimit()
    """Each address, before anything is read."""

    name_headers: Annotated[tuple[Header, ...], Field(max_length=10)] = (
        "apollographql-client-name",
        "x-client-name",
    )
    """Headers in which apps say their name; the first that is there counts."""

    version_headers: Annotated[tuple[Header, ...], Field(max_length=10)] = (
        "apollographql-client-version",
        "x-client-version",
    )
    """Headers in which apps say their version."""

    expected_replicas: Annotated[Count, Field(ge=1, le=10_000)] = 1
    """Machines or pods that serve together. Where Redis is not there, each of their processes takes its share of
    every limit (RL-18)."""

    disclose: Literal["everybody", "authenticated", "nobody"] = "everybody"
    """Who is told the limits and what is left of them, in `RateLimit-Policy` and `RateLimit` (RL-15, RL-16)."""

    legacy_headers: Switch = False
    """Whether the tightest limit is also told as `X-RateLimit-Limit`, `-Remaining` and `-Reset` (RL-16)."""

    extensions: Literal["asked", "always"] = "asked"
    """When the figures also stand in `extensions.rateLimit`: if the client sends `x-bff-ratelimit`, or always."""
