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
_UNDISPUTED = frozenset({Outcome.OK.value, Outcome.CANCELLED.value})
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
    for name, well in run.well.items():
        opened = _open_times(run, name, well)
        used = [well + 2 * seconds for seconds in opened]
        refused = {told.replica: told for told in _refusals(run, name) if told.at > used[told.replica]}
        for replica, told in sorted(refused.items()):
            yield f"replica {replica} refuses a call to {name} {told.at - used[replica]:.1f} s after that"
        yield from _failures(run, name, used)


def _refusals(run: Run, service: str) -> Iterator[Told]:
    return (told for told in run.log.of(Told, service) if isinstance(told.event, BreakerRefused))


def _failures(run: Run, service: str, used: list[float]) -> Iterator[str]:
    """Say which replicas' calls that began after *used* fail more often than by chance."""
    begun: list[set[int]] = [set() for _ in used]
    bad: list[list[Ended]] = [[] for _ in used]
    for began in run.log.of(Began, service):
        if began.at > used[began.replica]:
            begun[began.replica].add(began.call)
    for end in run.log.of(Ended, service):
        failed = end.outcome not in _UNDISPUTED and end.phase != "operation"
        if failed and end.call in begun[end.replica]:
            bad[end.replica].append(end)
    for replica, (calls, ends) in enumerate(zip(begun, bad, strict=True)):
        if len(ends) > _TOLERATED * len(calls):
            yield f"{len(ends)} of {len(calls)} calls of replica {replica} to {service} fail after that: {ends[0]}"


def _open_times(run: Run, service: str, well: float) -> list[float]:
    """Return for how long each replica's breaker was open last, with what calls from before the end may cause."""
    policy = run.world.policy(run.world.service(service))
    last = well + policy.timeouts.attempt.total_seconds()
    least = policy.breaker.open_time.total_seconds()
    opened = [least] * run.world.replicas
    for told in run.log.of(Told, service):
        event = told.event
        if isinstance(event, BreakerChanged) and event.after == "open" and told.at <= last:
            opened[told.replica] = max(event.seconds, least)
    return opened


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
