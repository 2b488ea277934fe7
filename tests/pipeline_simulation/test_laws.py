"""Each law notices the crime that it forbids: a lawful run is taken, and one thing in it is changed."""

from dataclasses import replace

import msgspec
import pytest

from bff.events import BreakerChanged, BreakerProbed, BreakerRefused, GateClosed, GateOpened, Retrying
from bff.testing.simulation import faults, laws, limits
from bff.testing.simulation.clients import Load, Rate
from bff.testing.simulation.log import Acted, Ended, Log, Sent, Told
from bff.testing.simulation.services import Service
from bff.testing.simulation.virtual_loop import START
from bff.testing.simulation.world import Leftovers, World, policy_of, simulate
from bff.upstream.outcome import Outcome

CATALOG = Service("catalog")
END = START + 60
NAMES = ("catalog", "default")


@pytest.fixture(scope="module")
def honest():
    """A run with an outage of 5 s that keeps all laws."""
    world = World(
        1,
        (CATALOG,),
        (
            Load("catalog", Rate.steady(50.0)),
            Load("catalog", Rate.steady(10.0), endpoint="place", safe=False),
        ),
        (faults.down("catalog", 10.0, 5.0),),
    )
    run = simulate(world)
    laws.check(run)
    return run


def changed(run, change):
    """Return *run* with what *change* makes of its records."""
    log = Log()
    log.records.extend(change(list(run.log.records)))
    return replace(run, log=log)


def added(run, *records):
    """Return *run* with *records* put where their moments say."""
    return changed(run, lambda all_: sorted([*all_, *records], key=lambda record: record.at))


def mended(run, kind, number, **facts):
    """Return *run* with the *number*-th record of *kind* altered."""
    old = list(run.log.of(kind))[number]
    return changed(
        run, lambda all_: [msgspec.structs.replace(old, **facts) if each is old else each for each in all_]
    )


def told(at, event):
    return Told(at, "catalog", 0, event)


def sent(at, call=1, **facts):
    return Sent(at, "catalog", 0, call, 0, facts.get("attempt", 1), facts.get("running", 1))


def broken(law, run):
    return list(law(run))


def test_an_honest_run_breaks_no_law(honest):
    """Otherwise what follows would say nothing."""
    assert {law.__name__: broken(law, honest) for law in laws.LAWS} == {law.__name__: [] for law in laws.LAWS}


def test_a_late_end_is_noticed(honest):
    end = next(honest.log.of(Ended))

    assert broken(laws.deadlines_are_kept, mended(honest, Ended, 0, at=end.at + 5.5))
    assert not broken(laws.deadlines_are_kept, mended(honest, Ended, 0, at=end.at + 4.5))


def test_a_call_that_never_ends_or_ends_twice_is_noticed(honest):
    end = next(honest.log.of(Ended))

    assert broken(laws.calls_end_once, changed(honest, lambda all_: [each for each in all_ if each is not end]))
    assert broken(laws.calls_end_once, added(honest, end))


def test_an_answer_that_the_service_never_gave_is_noticed(honest):
    act = next(honest.log.of(Acted))

    forged = changed(honest, lambda all_: [each for each in all_ if each is not act])

    assert broken(laws.answers_are_real, forged)


def test_an_order_placed_twice_is_noticed(honest):
    order = next(act for act in honest.log.of(Acted) if act.call >= 1_000_000_000)
    read = next(act for act in honest.log.of(Acted) if act.call < 1_000_000_000)

    assert broken(laws.unsafe_calls_act_once, added(honest, order))
    assert not broken(laws.unsafe_calls_act_once, added(honest, read))


def test_a_send_too_many_is_noticed(honest):
    once = sent(START + 1, call=0, attempt=2)

    assert not broken(laws.sends_are_counted, added(honest, once))
    assert broken(laws.sends_are_counted, added(honest, once, once))


def test_repetitions_beyond_the_budget_are_noticed(honest):
    """60 calls a second and a reserve of 2 pay for 140 repetitions in 10 s."""
    again = Retrying("catalog", "read", "1", 2, 0.0, Outcome.RESET, 0.0)

    def repeated(times):
        return added(honest, *(told(START + 40 + at / 1000, again) for at in range(times)))

    assert not broken(limits.repetitions_are_within_budget, repeated(100))
    assert broken(limits.repetitions_are_within_budget, repeated(170))


def test_repetitions_that_are_sent_without_being_told_are_noticed(honest):
    hidden = (sent(START + at / 100, attempt=2) for at in range(1, 2000))

    assert broken(limits.repetitions_are_within_budget, added(honest, *hidden))


def opened(at, seconds):
    return told(at, BreakerChanged(*NAMES, "closed", "open", "failure_rate", 1.0, 0.0, 20, seconds))


def half_opened(at):
    return told(at, BreakerChanged(*NAMES, "open", "half_open", "open_time_over", -1, -1, 0, 0.0))


def test_a_call_while_a_breaker_is_open_is_noticed(honest):
    """The run's own calls go on, so an open breaker that is only claimed is enough."""
    assert broken(limits.open_breakers_are_obeyed, added(honest, opened(START + 40, 5.0)))


def test_more_calls_than_probes_are_noticed(honest):
    quiet = changed(honest, lambda all_: [each for each in all_ if each.at < START + 40])
    probes = [sent(START + 41 + number / 10) for number in range(4)]

    assert not broken(limits.open_breakers_are_obeyed, added(quiet, half_opened(START + 41), *probes[:3]))
    assert broken(limits.open_breakers_are_obeyed, added(quiet, half_opened(START + 41), *probes))
    returned = told(START + 41.1, BreakerProbed(*NAMES, "returned"))
    assert not broken(limits.open_breakers_are_obeyed, added(quiet, half_opened(START + 41), *probes, returned))


def test_a_breaker_that_stays_open_is_noticed(honest):
    refusal = told(START + 47, BreakerRefused(*NAMES, "read", "1", "open"))

    assert broken(limits.breakers_are_never_stuck, added(honest, opened(START + 40, 5.0), refusal))
    assert not broken(limits.breakers_are_never_stuck, added(honest, opened(START + 40, 8.0), refusal))


def test_a_breaker_that_waits_for_ever_for_its_probes_is_noticed(honest):
    refusal = BreakerRefused(*NAMES, "read", "1", "half_open")

    assert broken(
        limits.breakers_are_never_stuck, added(honest, half_opened(START + 40), told(START + 51, refusal))
    )
    assert not broken(
        limits.breakers_are_never_stuck, added(honest, half_opened(START + 40), told(START + 49, refusal))
    )


def test_a_call_to_a_host_that_asked_for_silence_is_noticed(honest):
    origin = CATALOG.origin(0)
    closed = told(START + 40, GateClosed(*NAMES, origin, 2.0, "retry_after"))
    reopened = told(START + 40, GateOpened(*NAMES, origin, "success"))

    assert broken(limits.gates_are_obeyed, added(honest, closed))
    assert not broken(limits.gates_are_obeyed, added(honest, closed, reopened))


def test_more_requests_than_permits_are_noticed(honest):
    assert broken(laws.bulkheads_hold, added(honest, sent(START + 1, running=101)))
    assert not broken(laws.bulkheads_hold, added(honest, sent(START + 1, running=100)))


@pytest.mark.parametrize("name", Leftovers.__slots__)
def test_whatever_is_not_given_back_is_noticed(honest, name):
    kept = replace(honest, leftovers=replace(honest.leftovers, **{name: 1}))

    assert broken(laws.everything_is_given_back, kept) == [f"1 {name} left"]


def test_a_recovered_service_that_is_not_used_is_noticed(honest):
    refusal = BreakerRefused(*NAMES, "read", "1", "open")

    assert broken(laws.recovered_services_are_used, added(honest, told(END - 1, refusal)))
    assert not broken(laws.recovered_services_are_used, added(honest, told(START + 16, refusal)))


def test_failures_long_after_recovery_are_noticed(honest):
    late = [number for number, end in enumerate(honest.log.of(Ended)) if end.at > END - 10][:10]
    run = honest
    for number in late:
        run = mended(run, Ended, number, outcome="RESET")

    assert broken(laws.recovered_services_are_used, run)


def test_a_service_that_feels_the_trouble_of_others_is_noticed():
    loads = (Load("catalog", Rate.steady(10.0)), Load("orders", Rate.steady(10.0)))
    world = World(1, (CATALOG, Service("orders")), loads, (faults.down("catalog", 1.0, 1.0),), seconds=5.0)
    run, undisturbed = simulate(world), simulate(world.without_faults())

    assert list(laws.others_notice_nothing(run, undisturbed)) == []
    touched = added(run, Acted(START + 3, "orders", 0, 1))
    assert list(laws.others_notice_nothing(touched, undisturbed)) != []


def test_what_is_broken_is_told_with_the_seed(honest):
    with pytest.raises(laws.LawBroken, match="seed 1 breaks 1 of the laws:\n  calls end once"):
        laws.check(added(honest, next(honest.log.of(Ended))))


def test_settings_without_budget_and_breaker_break_what_ours_keep():
    """The world is hard enough to tell good settings from bad ones."""
    naive = policy_of(
        retry={"attempts": 4, "budget": {"ratio": "100%", "reserve": 1000}}, breaker={"mode": "disabled"}
    )
    world = World(
        1,
        (CATALOG,),
        (Load("catalog", Rate.steady(200.0)),),
        (faults.down("catalog", 5.0, 20.0),),
        policies={"catalog": naive},
        seconds=25.0,
    )
    run = simulate(world)

    ours = replace(run, world=replace(world, policies={}))
    assert broken(limits.repetitions_are_within_budget, ours)
    assert broken(laws.sends_are_counted, ours)
