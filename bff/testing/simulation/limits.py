"""Laws of what a service is spared: repetitions beyond the budget, calls while it is left alone."""

from collections import defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from bff.events import (
    BreakerChanged,
    BreakerProbed,
    BreakerRefused,
    GateClosed,
    GateOpened,
    PermitWaited,
    Retrying,
)
from bff.testing.simulation.log import Began, Sent, Told
from bff.testing.simulation.world import Run

_BUCKETS = 10
_MOMENT = 1e-6
_LEASE = 10.0


@dataclass(slots=True)
class _Sliding:
    """Counts moments within the current and the nine last tenths of a time."""

    width: float
    tenths: deque[int] = field(default_factory=deque)

    def add(self, at: float) -> None:
        self.tenths.append(int(at / self.width))

    def count(self, at: float) -> int:
        oldest = int(at / self.width) - _BUCKETS + 1
        while self.tenths and self.tenths[0] < oldest:
            self.tenths.popleft()
        return len(self.tenths)


def repetitions_are_within_budget(run: Run) -> Iterator[str]:
    """Repetitions are at most a share of the first sends of the last seconds, plus a reserve (RT-3)."""
    for service in run.world.services:
        budget = run.world.policy(service).retry.budget
        ttl = budget.ttl.total_seconds()
        firsts: dict[int, _Sliding] = defaultdict(lambda: _Sliding(ttl / _BUCKETS))  # noqa: B023 - used in this turn
        repeats: dict[int, _Sliding] = defaultdict(lambda: _Sliding(ttl / _BUCKETS))  # noqa: B023 - as above
        for record in run.log.records:
            if record.service != service.name:
                continue
            if isinstance(record, Began):
                firsts[record.replica].add(record.at)
            elif isinstance(record, Told) and isinstance(record.event, Retrying):
                repeats[record.replica].add(record.at)
                made = repeats[record.replica].count(record.at)
                allowed = budget.ratio * firsts[record.replica].count(record.at) + budget.reserve * ttl
                if made > allowed + _MOMENT:
                    yield f"{made} repetitions to {service.name} within {ttl:g} s, {allowed:g} allowed"
        yield from _in_all(run, service.name, budget.ratio, float(budget.reserve), ttl)


def _in_all(run: Run, service: str, ratio: float, reserve: float, ttl: float) -> Iterator[str]:
    """Compare what was really sent in the whole run."""
    firsts = sum(1 for _ in run.log.of(Began, service))
    repeats = sum(1 for sent in run.log.of(Sent, service) if sent.attempt > 1)
    hedges = run.world.policy(run.world.service(service)).hedge.extra_load * firsts
    allowed = ratio * firsts + reserve * (run.ended - run.start + ttl) * run.world.replicas + hedges
    if repeats > allowed:
        yield f"{repeats} repetitions to {service} for {firsts} calls, {allowed:g} allowed"


class _Admissions:
    """When the calls that are sent were let through to the bulkhead, where some of them waited."""

    def __init__(self) -> None:
        self._waited: dict[int, tuple[float, float]] = {}

    def note(self, told: Told) -> None:
        """Note a wait that is over; the send it was for comes next, at the same moment."""
        if isinstance(told.event, PermitWaited):
            self._waited[told.replica] = (told.at, told.event.waited)

    def of(self, sent: Sent) -> float:
        """Return the moment at which breaker and gate let *sent* pass."""
        over, waited = self._waited.pop(sent.replica, (sent.at, 0.0))
        return sent.at - waited if over == sent.at else sent.at


@dataclass(slots=True)
class _Breaker:
    """What one replica's breaker has told."""

    state: str = "closed"
    since: float = 0.0
    until: float = 0.0
    probes: int = 0
    allowed: int = 0
    probed: float = 0.0


def _follow(breaker: _Breaker, told: Told, permits: int) -> None:
    """Bring *breaker* to what *told* says."""
    event = told.event
    if isinstance(event, BreakerChanged):
        breaker.state, breaker.since = event.after, told.at
        breaker.until = told.at + event.seconds
        breaker.probes, breaker.allowed, breaker.probed = 0, permits, told.at
    elif isinstance(event, BreakerProbed):
        breaker.probed = told.at
        if event.result in ("returned", "expired"):
            breaker.allowed += 1


def open_breakers_are_obeyed(run: Run) -> Iterator[str]:
    """Nothing is sent while a breaker is open, and no more than its probes while it is half open (CB-6, CB-13).

    A call that was let through before and waited for a permit meanwhile is no such send.
    """
    for service in run.world.services:
        permits = run.world.policy(service).breaker.half_open_permits
        breakers: dict[int, _Breaker] = defaultdict(_Breaker)
        admissions = _Admissions()
        for record in run.log.records:
            if record.service != service.name:
                continue
            if isinstance(record, Told):
                admissions.note(record)
                _follow(breakers[record.replica], record, permits)
            elif isinstance(record, Sent):
                breaker = breakers[record.replica]
                if admissions.of(record) < breaker.since or breaker.state == "closed":
                    continue
                breaker.probes += 1
                if breaker.state == "open" or breaker.probes > breaker.allowed:
                    yield f"call {record.call} sent to {service.name} at {record.at:.3f} while {breaker.state}"


def breakers_are_never_stuck(run: Run) -> Iterator[str]:
    """A breaker whose open time is over lets a probe through; a lost one is replaced after its lease (CB-6)."""
    for service in run.world.services:
        policy = run.world.policy(service)
        said = policy.breaker.probe_lease
        lease = said.total_seconds() if said else max(_LEASE, policy.timeouts.attempt.total_seconds())
        breakers: dict[int, _Breaker] = defaultdict(_Breaker)
        for told in run.log.of(Told, service.name):
            breaker = breakers[told.replica]
            if not isinstance(told.event, BreakerRefused):
                _follow(breaker, told, policy.breaker.half_open_permits)
            elif told.event.state == "open" and told.at > breaker.until + _MOMENT:
                yield f"{service.name} is refused {told.at - breaker.until:.3f} s after the open time"
            elif told.event.state == "half_open" and told.at > breaker.probed + lease + _MOMENT:
                yield f"{service.name} is not probed for {told.at - breaker.probed:.3f} s"


def gates_are_obeyed(run: Run) -> Iterator[str]:
    """A host that asked for silence is not called before the time that it said, or before a success (RT-6)."""
    for service in run.world.services:
        numbers = {service.origin(host): host for host in range(service.hosts)}
        closed: dict[tuple[int, int], tuple[float, float]] = {}
        admissions = _Admissions()
        for record in run.log.records:
            if record.service != service.name:
                continue
            if isinstance(record, Told):
                admissions.note(record)
                event = record.event
                if isinstance(event, GateClosed):
                    closed[record.replica, numbers[event.origin]] = (record.at, record.at + event.seconds)
                elif isinstance(event, GateOpened):
                    closed.pop((record.replica, numbers[event.origin]), None)
            elif isinstance(record, Sent):
                passed = admissions.of(record)
                since, until = closed.get((record.replica, record.host), (0.0, 0.0))
                if since < passed < until - _MOMENT:
                    yield f"call {record.call} sent to {service.name} at {record.at:.3f} in spite of its wish"
