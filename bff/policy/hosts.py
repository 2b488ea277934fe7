"""Where a service is, which of its hosts a call goes to, and how many calls there may be at once.

Values and rules come from resilience table 17; sections 5.3, 6.1, 6.2 and 7 say what they do.
"""

from collections.abc import Iterable, Iterator
from datetime import timedelta
from itertools import count
from math import isqrt
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag

from bff.policy.base import Count, Policy, Switch, Timeout
from bff.policy.names import Header, Host
from bff.policy.problem import Clash, Refused
from bff.policy.units import Duration, Share, format_duration, format_share

Factor = Annotated[float, Field(allow_inf_nan=False)]
"""A number that something is multiplied by."""

_TABLE = 65_537

PLAIN_TAG, KEYED_TAG = "<url>", "<keys>"
"""Steps that pydantic puts into the path of an error about one host; no key can be called so."""


def check_path(path: str) -> str:
    """Return *path*, which is asked of a host.

    Raises:
        Refused: It does not begin with a slash, or has characters that no target has.
    """
    if not path.startswith("/"):
        raise Refused(f"{path!r} must begin with a slash", f"/{path}")
    if not path.isascii() or not path.isprintable() or " " in path or "#" in path:
        raise Refused(f"{path!r} has characters that no path has")
    return path


def check_hash_on(text: str) -> str:
    """Return *text*, what keeps calls at one host: `user`, or `header:NAME`.

    Raises:
        Refused: Neither of them.
    """
    kind, _, name = text.partition(":")
    if text == "user" or (kind == "header" and name and name == name.lower()):
        return text
    raise Refused(f"{text!r} is neither user nor header:NAME", f"header:{name.lower()}" if name else "user")


def check_prime(size: int) -> int:
    """Return *size*, a prime: every host then walks all entries of a Maglev table.

    Raises:
        Refused: It has divisors.
    """
    if not _is_prime(size):
        raise Refused(f"{size} is not a prime", str(next(filter(_is_prime, count(size)))))
    return size


def _is_prime(number: int) -> bool:
    return all(number % divisor for divisor in range(2, isqrt(number) + 1))


class HostKeys(Policy):
    """One host of an upstream, with what sets it apart from the others."""

    url: Host
    """Base URL."""

    zone: Annotated[str, Field(min_length=1, max_length=64)] = ""
    """Where it stands, such as `eu-1a`; see `balance.zone`."""

    weight: Annotated[Count, Field(ge=1, le=1000)] = 1
    """Its part of the calls, against the weights of the others."""

    priority: Annotated[Count, Field(ge=0, le=9)] = 0
    """0 is called first; 1 takes what the hosts of 0 cannot, and so on."""


def _tag(value: Any) -> str:
    return KEYED_TAG if isinstance(value, dict | HostKeys) else PLAIN_TAG


HostEntry = Annotated[
    Annotated[Host, Tag(PLAIN_TAG)] | Annotated[HostKeys, Tag(KEYED_TAG)],
    Discriminator(_tag),
]
"""A base URL, or the keys of `HostKeys`."""


def places_of(hosts: Iterable[str | HostKeys]) -> tuple[HostKeys, ...]:
    """Return *hosts* with all their keys."""
    return tuple(host if isinstance(host, HostKeys) else HostKeys.model_construct(url=host) for host in hosts)


class Balance(Policy):
    """Which host an attempt goes to (LB-1 to LB-9)."""

    policy: Literal["p2c", "round_robin", "random", "ring_hash", "maglev", "peak_ewma"] = "p2c"
    """`p2c`: the less busy of two. `peak_ewma`: the quicker of two. `ring_hash`, `maglev`: by `hash_on`."""

    hash_on: Annotated[str, AfterValidator(check_hash_on), Field(examples=["header:x-tenant"])] | None = None
    """What the hash is made of: `user`, or `header:NAME` of the client's request; calls without it go anywhere."""

    bounded_load: Annotated[Factor, Field(ge=1.05, le=10)] | None = None
    """A host with more than this times the mean of running calls passes hashed ones on; usual is 1.2 to 2."""

    maglev_table: Annotated[Count, Field(ge=1009, le=1_000_003), AfterValidator(check_prime)] = _TABLE
    """Entries of the table of `maglev`, a prime; a hundred for each host keep their shares within one percent."""

    zone: Annotated[str, Field(min_length=1, max_length=64)] | None = None
    """The zone that this process is in: of equal priority, hosts of this zone are called first."""

    panic_threshold: Share = 0.5
    """With fewer hosts available than this, and nobody else to take the calls, all are used; 0% turns it off."""

    overprovision: Annotated[Factor, Field(ge=1, le=10)] = 1.4
    """A priority keeps all its calls while its healthy share times this is 1 or more."""

    failback_hold: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(hours=1))] = timedelta(seconds=10)
    """A priority that had no host left must be half healthy for so long before calls return to it."""

    ewma_tau: Annotated[Duration, Field(ge=timedelta(milliseconds=100), le=timedelta(hours=1))] = timedelta(
        seconds=10
    )
    """How long `peak_ewma` remembers a slow answer."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse keys that do nothing under this policy."""
        hashed = self.policy in {"ring_hash", "maglev"}
        if hashed and self.hash_on is None:
            yield Clash(
                (("hash_on",), ("policy",)),
                f"policy {self.policy} needs hash_on: which calls stay together",
                "user",
            )
        if self.maglev_table != _TABLE and self.policy != "maglev":
            said = f"maglev_table does nothing under policy {self.policy}"
            yield Clash((("maglev_table",), ("policy",)), said, None)
        for name in ("hash_on", "bounded_load"):
            if getattr(self, name) is not None and not hashed:
                yield Clash(
                    ((name,), ("policy",)),
                    f"{name} does nothing under policy {self.policy}; it needs a hash",
                    None,
                )


class OutlierEjection(Policy):
    """When a host that fails is left alone for a while, judged by the calls it gets (OE-2 to OE-4)."""

    consecutive: Annotated[Count, Field(ge=1, le=1000)] = 5
    """Failures in a row, of the network or of the host's own making, each counted for itself."""

    base: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(hours=1))] = timedelta(seconds=10)
    """How long the first time; n times as long the n-th time in a row, with 20 % jitter."""

    max: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(days=1))] = timedelta(seconds=300)
    """Longest ejection."""

    percent: Share = 0.5
    """How many hosts may be ejected at once: at least one, never all. 0% turns ejection off."""

    interval: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(hours=1))] = timedelta(seconds=10)
    """How often success rates are compared, and good conduct shortens the next ejection."""

    success_rate_hosts: Annotated[Count, Field(ge=2)] = 5
    """Success rates are compared among at least this many hosts."""

    success_rate_calls: Annotated[Count, Field(ge=10)] = 100
    """A host is compared when it had this many calls in one interval."""

    success_rate_factor: Annotated[Factor, Field(ge=0.5, le=10)] = 1.9
    """A host is ejected when its success rate is this many standard deviations below the mean."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse a first ejection that is longer than the longest."""
        if self.base > self.max:
            longest = format_duration(self.max)
            yield Clash((("base",), ("max",)), f"base {format_duration(self.base)} exceeds max {longest}", longest)


class HealthCheck(Policy):
    """Asks hosts how they are (LB-5); off until `path` is given."""

    path: Annotated[str, AfterValidator(check_path), Field(examples=["/health"])] | None = None
    """Asked with GET: 200 to 299 is healthy, 503 is draining, all else is a failure. None: nothing is asked."""

    interval: Annotated[Duration, Field(ge=timedelta(milliseconds=100), le=timedelta(hours=1))] = timedelta(
        seconds=5
    )
    """Between two checks of one host."""

    timeout: Timeout = timedelta(seconds=1)
    """One check, from connecting to the last byte."""

    unhealthy: Annotated[Count, Field(ge=1, le=100)] = 3
    """Failures in a row after which a host gets no more calls."""

    healthy: Annotated[Count, Field(ge=1, le=100)] = 2
    """Successes in a row after which it gets calls again; the very first check decides alone."""

    jitter: Share = 0.2
    """Each interval is drawn from this much below to this much above, so that workers do not march in step."""

    no_traffic_interval: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(days=1))] = timedelta(seconds=60)
    """Between two checks when the upstream was not called for a minute."""

    fail_header: Header | None = None
    """A response that carries this header takes its host out at once."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse checks that overlap or that idle upstreams get more of, and a way out with no way back."""
        if self.fail_header is not None and self.path is None:
            yield Clash(
                (("fail_header",), ("path",)),
                "fail_header needs path: without checks a host that was taken out would never come back",
                None,
            )
        interval, idle = format_duration(self.interval), format_duration(self.no_traffic_interval)
        if self.timeout > self.interval:
            yield Clash(
                (("timeout",), ("interval",)),
                f"timeout {format_duration(self.timeout)} exceeds interval {interval}: checks would overlap",
                interval,
            )
        if self.no_traffic_interval < self.interval:
            yield Clash(
                (("no_traffic_interval",), ("interval",)),
                f"no_traffic_interval {idle} is shorter than interval {interval}",
                interval,
            )


class SlowStart(Policy):
    """A host that comes back is given calls little by little (LB-10); not under `ring_hash` and `maglev`."""

    window: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(hours=1))] = timedelta(seconds=30)
    """Until it has its whole weight again; 0s turns slow start off."""

    min_weight: Annotated[Share, Field(gt=0)] = 0.1
    """Part of its weight that it begins with."""

    aggression: Annotated[Factor, Field(gt=0, le=10)] = 1.0
    """1 grows evenly; more than 1 grows fast at first."""


class Bulkhead(Policy):
    """How many attempts may run at once, per worker (BH-1)."""

    max_concurrency: Annotated[Count, Field(ge=1, le=10_000)] = 100
    """Attempts at once, to all hosts together; ten elevenths of `pool.max_connections` where that is less."""

    queue: Annotated[Count, Field(ge=0, le=10_000)] = 50
    """Calls that may wait, for `timeouts.queue` at most; more fail at once as UPSTREAM_OVERLOADED."""


class Codel(Policy):
    """When waiting becomes a habit, most calls are refused early instead of all being late (BH-4)."""

    target: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(seconds=10))] = timedelta(milliseconds=5)
    """When the shortest wait of an interval is longer, nobody waits longer until the queue was empty once."""

    interval: Annotated[Duration, Field(gt=timedelta(0), le=timedelta(minutes=1))] = timedelta(milliseconds=100)
    """How long the shortest wait is looked for."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse a target that no interval can show."""
        target, interval = format_duration(self.target), format_duration(self.interval)
        if self.target >= self.interval:
            yield Clash(
                (("target",), ("interval",)),
                f"target {target} must be shorter than interval {interval}, in which it is looked for",
                format_duration(self.interval / 20),
            )


class AdaptiveConcurrency(Policy):
    """Finds out how many attempts a service can take at once (AC-4: Gradient2); off unless enabled."""

    enabled: Switch = False
    """On: the limit moves between `min` and `max` by how long answers take."""

    min: Annotated[Count, Field(ge=1)] = 5
    """Lowest limit."""

    initial: Annotated[Count, Field(ge=1)] = 20
    """Where it begins."""

    max: Annotated[Count, Field(ge=1, le=10_000)] = 100
    """Highest limit; `bulkhead.max_concurrency` holds all the same."""

    smoothing: Annotated[Share, Field(gt=0)] = 0.2
    """How far one look moves the limit towards what it suggests."""

    tolerance: Annotated[Factor, Field(ge=1, le=10)] = 1.5
    """Answers may take this many times as long as usual before the limit falls."""

    queue: Annotated[Count, Field(ge=1, le=1000)] = 4
    """How much the limit tries to grow."""

    long_window: Annotated[Count, Field(ge=10, le=100_000)] = 600
    """Answers over which "as usual" is averaged."""

    def clashes(self) -> Iterator[Clash]:
        """Refuse limits out of order."""
        if self.min > self.initial:
            yield Clash(
                (("min",), ("initial",)), f"min {self.min} exceeds initial {self.initial}", str(self.initial)
            )
        if self.initial > self.max:
            yield Clash((("initial",), ("max",)), f"initial {self.initial} exceeds max {self.max}", str(self.max))


def hosts_clash(hosts: tuple[str | HostKeys, ...], zone: str | None, percent: float) -> Iterator[Clash]:
    """Return what does not go together in *hosts* as a whole.

    Args:
        hosts: Of one upstream.
        zone: `balance.zone`.
        percent: `outlier.percent`.
    """
    places = places_of(hosts)
    if min(place.priority for place in places) > 0:
        yield Clash((("hosts", 0, "priority"),), "no host has priority 0: calls begin there", "0")
    zones = sorted({place.zone for place in places if place.zone})
    if zone is not None and zone not in zones:
        known = ", ".join(zones) or "none"
        yield Clash(
            (("balance", "zone"), ("hosts",)),
            f"no host is in zone {zone!r}; zones here are {known}",
            next(iter(zones), None),
        )
    if percent == 1 and len(places) > 1:
        yield Clash(
            (("outlier", "percent"),),
            f"percent {format_share(percent)} would eject every host; one is always kept",
            "50%",
        )
