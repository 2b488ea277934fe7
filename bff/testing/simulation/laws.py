"""What must be true of every run, whatever went wrong in it; each law returns what broke it, in words.

Laws of single calls are here, those of breakers, gates and budgets in `limits`.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict

from bff.events import BreakerChanged, BreakerRefused
from bff.testing.simulation.limits import (
    breakers_are_never_stuck,
    gates_are_obeyed,
    open_breakers_are_obeyed,
    repetitions_are_within_budget,
)
from bff.testing.simulation.log import Acted, Began, Ended, Sent, Told
from bff.testing.simulation.world import Run
from bff.upstream.outcome import Outcome

LATE = 0.02
"""Seconds by which a call may exceed its deadline (T-DL-a)."""

_TOLERATED = 0.001
_SHOWN = 5

Law = Callable[[Run], Iterator[str]]
"""Yields what is wrong with a run."""


class LawBroken(AssertionError):
    """A run broke laws; the message has the seed that repeats it."""

    def __init__(self, seed: int, wrong: dict[str, list[str]]) -> None:
        lines = [f"seed {seed} breaks {len(wrong)} of the laws:"]
        for law, broken in wrong.items():
            lines += [f"  {law} ({len(broken)} times)", *(f"    {each}" for each in broken[:_SHOWN])]
        super().__init__("\n".join(lines))


def check(run: Run, *, laws: "tuple[Law, ...] | None" = None) -> None:
    """Check *run* against *laws*, all of them as a rule.

    Raises:
        LawBroken: It breaks one.
    """
    wrong = {law.__name__.replace("_", " "): list(law(run)) for law in laws or LAWS}
    wrong = {law: broken for law, broken in wrong.items() if broken}
    if wrong:
        raise LawBroken(run.world.seed, wrong)


def deadlines_are_kept(run: Run) -> Iterator[str]:
    """A call ends by its operation's deadline and within its policy's total, whatever it went through."""
    for name, calls in _began(run).items():
        total = run.world.policy(run.world.service(name)).timeouts.total.total_seconds()
        for end in run.log.of(Ended, name):
            call = calls[end.call]
            late = end.at - min(call.until, call.at + total)
            if late > LATE:
                yield f"call {end.call} of {name} ended {late:.3f} s late as {end.outcome}"


def calls_end_once(run: Run) -> Iterator[str]:
    """Nothing is lost: who asks is answered, once."""
    for name, calls in _began(run).items():
        ends = Counter(end.call for end in run.log.of(Ended, name))
        yield from (f"call {call} of {name} ended {ends[call]} times" for call in calls if ends[call] != 1)


def answers_are_real(run: Run) -> Iterator[str]:
    """Who was told of success got what the service did for it; answers that may be kept are not looked at."""
    for service in run.world.services:
        if service.cache_control:
            continue
        acted = {act.call for act in run.log.of(Acted, service.name)}
        for end in run.log.of(Ended, service.name):
            if end.outcome == Outcome.OK and end.call not in acted:
                yield f"call {end.call} of {service.name} succeeded, and the service knows nothing of it"


def unsafe_calls_act_once(run: Run) -> Iterator[str]:
    """An order is not placed twice: without a key an unsafe call acts at most once."""
    for name, calls in _began(run).items():
        for call, times in Counter(act.call for act in run.log.of(Acted, name)).items():
            if times > 1 and not calls[call].safe and not calls[call].keyed:
                yield f"unsafe call {call} of {name} acted {times} times"


def sends_are_counted(run: Run) -> Iterator[str]:
    """No call is sent more often than policy says, a hedge included."""
    for service in run.world.services:
        policy = run.world.policy(service)
        most = policy.retry.attempts + policy.hedge.enabled
        for call, times in Counter(sent.call for sent in run.log.of(Sent, service.name)).items():
            if times > most:
                yield f"call {call} of {service.name} was sent {times} times, {most} are allowed"


def bulkheads_hold(run: Run) -> Iterator[str]:
    """No replica has more requests under way than its permits and its health checks."""
    for service in run.world.services:
        policy = run.world.policy(service)
        most = policy.concurrency + (service.hosts if policy.health.path else 0)
        for sent in run.log.of(Sent, service.name):
            if sent.running > most:
                yield f"{sent.running} requests to {service.name} at {sent.at:.3f}, {most} are allowed"


def everything_is_given_back(run: Run) -> Iterator[str]:
    """Permits, sockets and tasks return to zero (G5)."""
    yield from (f"{count} {what} left" for what, count in asdict(run.leftovers).items() if count)


def recovered_services_are_used(run: Run) -> Iterator[str]:
    """Once a service is well, it is fully used again within twice the open time of its breaker (G8)."""
    for service in run.world.services:
        if service.name not in run.well:
            continue
        well = run.well[service.name]
        for replica in range(run.world.replicas):
            used = well + 2 * _open_time(run, service.name, replica, well)
            yield from _disused(run, service.name, replica, used)


def _disused(run: Run, service: str, replica: int, used: float) -> Iterator[str]:
    for told in run.log.of(Told, service):
        if told.replica == replica and told.at > used and isinstance(told.event, BreakerRefused):
            yield f"replica {replica} refuses a call to {service} {told.at - used:.1f} s after that"
            return
    begun = {began.call for began in run.log.of(Began, service) if began.replica == replica and began.at > used}
    bad = [
        end
        for end in run.log.of(Ended, service)
        if end.call in begun and end.outcome not in (Outcome.OK, Outcome.CANCELLED) and end.phase != "operation"
    ]
    if len(bad) > _TOLERATED * len(begun):
        yield f"{len(bad)} of {len(begun)} calls of replica {replica} to {service} fail after that: {bad[0]}"


def _open_time(run: Run, service: str, replica: int, well: float) -> float:
    """Return for how long the breaker was open last, counting what calls from before the end may still cause."""
    policy = run.world.policy(run.world.service(service))
    last = well + policy.timeouts.attempt.total_seconds()
    seconds = policy.breaker.open_time.total_seconds()
    for told in run.log.of(Told, service):
        event = told.event
        if told.replica == replica and isinstance(event, BreakerChanged) and told.at <= last:
            seconds = event.seconds if event.after == "open" else seconds
    return max(seconds, policy.breaker.open_time.total_seconds())


def others_notice_nothing(run: Run, undisturbed: Run) -> Iterator[str]:
    """Calls to services without faults are the same, to the last byte and moment, as when nothing goes wrong (G4).

    Args:
        run: A world with faults.
        undisturbed: The same world without.
    """
    sick = {fault.service for fault in run.world.faults}
    for service in run.world.services:
        if service.name not in sick and run.log.digest(service.name) != undisturbed.log.digest(service.name):
            yield f"{service.name} has no fault and is called otherwise all the same"


def _began(run: Run) -> dict[str, dict[int, Began]]:
    return {
        service.name: {began.call: began for began in run.log.of(Began, service.name)}
        for service in run.world.services
    }


LAWS: tuple[Law, ...] = (
    deadlines_are_kept,
    calls_end_once,
    answers_are_real,
    unsafe_calls_act_once,
    sends_are_counted,
    repetitions_are_within_budget,
    open_breakers_are_obeyed,
    breakers_are_never_stuck,
    gates_are_obeyed,
    bulkheads_hold,
    everything_is_given_back,
    recovered_services_are_used,
)
"""All laws that need one run only."""
