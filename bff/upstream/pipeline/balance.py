"""Picks the host that an attempt goes to, and learns from how it ended."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple
from urllib.parse import urlsplit

from bff.clock import Clock
from bff.events import Notify
from bff.policy.hosts import Balance as BalancePolicy
from bff.policy.model import UpstreamPolicy
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.call import Call, Handler
from bff.upstream.pipeline.cluster import Cluster, Rules, levels_of
from bff.upstream.pipeline.hashing import Maglev, RingHash
from bff.upstream.pipeline.outlier import Outliers
from bff.upstream.pipeline.outlier import Rules as OutlierRules
from bff.upstream.pipeline.pick import P2C, Member, PeakEwma, Picker, RandomPick, RoundRobin

_SLOW = 0.8
"""Part of the attempt timeout after which an attempt is slow (CB-4)."""


class Host(NamedTuple):
    """One address of an upstream."""

    origin: Origin
    prefix: str

    @classmethod
    def parse(cls, url: str) -> "Host":
        """Return the host that *url* names, such as `https://catalog.internal/api`."""
        parts = urlsplit(url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(Origin(parts.scheme, parts.hostname or "", port), parts.path.rstrip("/"))


class Balance:
    """Sends each attempt to one of the hosts.

    Args:
        cluster: The hosts.
        slow_after: Seconds from which an attempt that our own deadline ended counts against its host (CB-9).
        fail_header: A response with this header takes its host out at once; None for no such header.
        clock: Tells the time.

    Attributes:
        reads_answers: Whether `succeeded` has to be told of good answers; otherwise `answered` suffices.
        answered: Notes one good answer of a host.
    """

    def __init__(
        self, cluster: Cluster, *, slow_after: float, fail_header: str | None = None, clock: Clock
    ) -> None:
        self.cluster = cluster
        self._slow_after = slow_after
        self._fail_header = fail_header
        self._now = clock.now
        self._pick = cluster.pick
        self.answered = cluster.answered
        self.reads_answers = cluster.learns_latency or fail_header is not None

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Pass *call* on with its host set.

        Raises:
            UpstreamError: No host can be used; nothing was sent (LB-7).
        """
        member = self.pick(call, self._now())
        member.active += 1
        try:
            response = await send(call)
        except UpstreamError as error:
            self.failed(member, call, error)
            raise
        finally:
            member.active -= 1
        self.succeeded(member, call, response, self._now())
        return response

    def pick(self, call: Call, now: float) -> Member:
        """Return the host that *call* goes to, and tell it so.

        Raises:
            UpstreamError: CONNECT; there is none.
        """
        member = self._pick(now, call.tried, call.hash_key)
        if member is None:
            raise UpstreamError(Outcome.CONNECT, "no host is healthy, and panic is turned off", sent=False)
        call.origin, call.prefix = member.origin, member.prefix
        return member

    def failed(self, member: Member, call: Call, error: UpstreamError) -> None:
        """Note that *call* to *member* ended with *error*."""
        self.cluster.record(member, self._blame(error, call.seconds), call.seconds, self._now())

    def succeeded(self, member: Member, call: Call, response: Response, now: float) -> None:
        """Note that *member* answered *call* with *response*."""
        if not self.reads_answers:
            self.answered(member)
            return
        self.cluster.record(member, Outcome.OK, call.seconds, now)
        if self._fail_header is not None and self._fail_header in response.headers:
            detail = f"answered with {self._fail_header}"
            self.cluster.health_changed(member, "unhealthy", detail, now)

    def _blame(self, error: UpstreamError, seconds: float) -> Outcome:
        """Return the outcome as far as it says something about the host; our own haste and refusals do not."""
        hasty = error.phase in ("operation", "call") and seconds < self._slow_after
        if error.outcome is Outcome.READ_TIMEOUT and (hasty or error.sent is False):
            return Outcome.CANCELLED
        if error.outcome in {Outcome.THROTTLED, Outcome.AUTH} and error.status is None:
            return Outcome.CANCELLED
        return error.outcome


def balance_of(name: str, policy: UpstreamPolicy, *, clock: Clock, rng: Random, notify: Notify) -> Balance:
    """Return the stage that *policy* describes for upstream *name*; its `cluster` is what health checks tell.

    Args:
        name: The upstream's.
        policy: `hosts`, `balance`, `outlier` and `slow_start` of it, and `health.fail_header`.
        clock: Tells the time.
        rng: For choices and jitter.
        notify: Told of changes.
    """
    cluster = cluster_of(name, policy, rng=rng, notify=notify, now=clock.now())
    slow_after = policy.timeouts.attempt.total_seconds() * _SLOW
    return Balance(cluster, slow_after=slow_after, fail_header=policy.health.fail_header, clock=clock)


def cluster_of(name: str, policy: UpstreamPolicy, *, rng: Random, notify: Notify, now: float) -> Cluster:
    """Return the hosts of upstream *name* as *policy* describes them.

    Args:
        name: The upstream's.
        policy: `hosts`, `balance`, `outlier` and `slow_start` of it.
        rng: For choices and jitter.
        notify: Told of changes.
        now: Monotonic time in seconds.
    """
    places = []
    for place in policy.places:
        origin, prefix = Host.parse(place.url)
        places.append((Member(origin, prefix, zone=place.zone, weight=float(place.weight)), place.priority))
    levels = levels_of(places, policy.balance.zone)
    members = [member for level in levels for member in level]
    hashed = policy.balance.policy in {"ring_hash", "maglev"}
    balance, outlier, slow = policy.balance, policy.outlier, policy.slow_start
    return Cluster(
        name,
        levels,
        picker_of(balance, members, rng),
        Outliers(
            members,
            OutlierRules(
                consecutive=outlier.consecutive,
                base=outlier.base.total_seconds(),
                longest=outlier.max.total_seconds(),
                percent=outlier.percent,
                interval=outlier.interval.total_seconds(),
                success_rate_hosts=outlier.success_rate_hosts,
                success_rate_calls=outlier.success_rate_calls,
                success_rate_factor=outlier.success_rate_factor,
            ),
            rng,
            now,
        ),
        Rules(
            overprovision=balance.overprovision,
            panic_threshold=balance.panic_threshold,
            failback_hold=balance.failback_hold.total_seconds(),
            slow_start=0.0 if hashed else slow.window.total_seconds(),
            min_weight=slow.min_weight,
            aggression=slow.aggression,
        ),
        rng=rng,
        notify=notify,
        now=now,
    )


def picker_of(policy: BalancePolicy, members: Sequence[Member], rng: Random) -> Picker:
    """Return what chooses among *members* by *policy*."""
    if policy.policy == "p2c":
        return P2C(rng)
    if policy.policy == "peak_ewma":
        return PeakEwma(policy.ewma_tau.total_seconds(), rng)
    if policy.policy == "random":
        return RandomPick(rng)
    if policy.policy == "round_robin":
        return RoundRobin(rng)
    if policy.policy == "ring_hash":
        return RingHash(members, rng, policy.bounded_load)
    return Maglev(members, rng, policy.bounded_load, size=policy.maglev_table)
