"""The breaker opens on what matters, stays open long enough, and always finds its way back (CB-1 to CB-7)."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bff.events import BreakerChanged, BreakerProbed
from bff.policy.resilience import Breaker
from bff.upstream.pipeline.circuit import CircuitBreaker, Thresholds

SLOW = {"failed": False, "slow": True, "unreached": False}
FINE = {"failed": False, "slow": False, "unreached": False}
FAILED = {"failed": True, "slow": False, "unreached": False}
UNREACHED = {"failed": True, "slow": False, "unreached": True}


class Bench:
    """One breaker, its events, and a clock that is a number."""

    def __init__(self, mode="enforced", attempt=2.0, seed=1, **policy):
        self.events = []
        self.now = 1000.0
        self.circuit = CircuitBreaker(
            Thresholds.of(Breaker(**policy), attempt),
            mode=mode,
            upstream="catalog",
            group="default",
            rng=Random(seed),
            notify=self.events.append,
        )

    def call(self, how, times=1):
        """Make calls that end *how* at once, and return how many were permitted."""
        permitted = 0
        for _ in range(times):
            permission = self.circuit.acquire(self.now)
            if permission is not None:
                permitted += 1
                self.circuit.record(permission, self.now, **how)
        return permitted

    def open(self):
        self.call(FAILED, 20)
        assert self.circuit.state == "open"

    def half_open(self):
        self.open()
        self.now += self.circuit.retry_after(self.now) + 0.001

    @property
    def changes(self):
        return [(event.after, event.cause) for event in self.events if isinstance(event, BreakerChanged)]

    @property
    def probes(self):
        return [event.result for event in self.events if isinstance(event, BreakerProbed)]


@pytest.mark.parametrize(("failures", "state"), [(9, "closed"), (10, "open")])
def test_cb_3_half_of_twenty_calls_failing_opens_it(failures, state):
    bench = Bench()

    bench.call(FINE, 20 - failures)
    bench.call(FAILED, failures)

    assert bench.circuit.state == state


def test_cb_3_nineteen_failures_mean_nothing_yet():
    bench = Bench()

    bench.call(FAILED, 19)

    assert bench.circuit.state == "closed"
    assert bench.circuit.rates(bench.now) == (-1.0, -1.0, 19)


def test_cb_3_five_failures_in_a_row_to_reach_the_service_open_it():
    """At one call a second and worker the share would never count."""
    bench = Bench()

    bench.call(UNREACHED, 4)
    assert bench.circuit.state == "closed"
    bench.call(UNREACHED)

    assert bench.changes == [("open", "consecutive_failures")]


@pytest.mark.parametrize("between", [FINE, FAILED, SLOW])
def test_cb_3_any_answer_ends_the_run(between):
    bench = Bench()

    bench.call(UNREACHED, 4)
    bench.call(between)
    bench.call(UNREACHED, 4)

    assert bench.circuit.state == "closed"


@pytest.mark.parametrize(("slow", "state"), [(15, "closed"), (16, "open")])
def test_cb_4_four_slow_calls_of_five_open_it_though_all_succeed(slow, state):
    bench = Bench()

    bench.call(FINE, 20 - slow)
    bench.call(SLOW, slow)

    assert bench.circuit.state == state


def test_cb_2_what_is_older_than_the_window_does_not_count():
    bench = Bench()
    for _ in range(30):
        bench.call(FAILED, 1)
        bench.now += 0.6

    assert bench.circuit.state == "closed"
    bench.now += 3600
    assert bench.circuit.rates(bench.now) == (-1.0, -1.0, 0)


def test_cb_5_each_further_opening_doubles_the_time_up_to_a_minute():
    bench = Bench()
    bench.call(FAILED, 20)
    times = [bench.circuit.retry_after(bench.now)]
    for _ in range(6):
        bench.now += times[-1] + 0.001
        bench.call(FAILED, 2)
        times.append(bench.circuit.retry_after(bench.now))

    for opening, seconds in enumerate(times):
        longest = min(60, 5 * 2**opening)
        assert 0.8 * longest <= seconds <= 1.2 * longest


def test_cb_5_a_minute_of_peace_forgives_one_opening():
    bench = Bench(open_jitter=0.0)
    for _ in range(2):
        bench.half_open()
        bench.call(FINE, 2)
    bench.now += 61

    bench.open()

    assert bench.circuit.retry_after(bench.now) == pytest.approx(10)


def test_cb_6_three_probes_at_most_and_two_successes_close_it():
    bench = Bench()
    bench.half_open()

    permitted = [bench.circuit.acquire(bench.now) for _ in range(10)]
    probes = [permission for permission in permitted if permission]
    for probe in probes[:2]:
        bench.circuit.record(probe, bench.now, **FINE)

    assert len(probes) == 3
    assert bench.changes[-1] == ("closed", "probes")
    assert bench.call(FINE, 5) == 5


@pytest.mark.parametrize("bad", [FAILED, SLOW])
def test_cb_6_two_failed_or_slow_probes_open_it_again(bad):
    bench = Bench()
    bench.half_open()

    bench.call(FINE)
    assert bench.call(bad, 10) == 2

    assert bench.changes[-1] == ("open", "probes")


def test_t_cb_a_a_straggler_from_before_decides_nothing():
    """T-CB-a, CB-7: a slow call of the generation before neither closes nor opens a half-open breaker."""
    bench = Bench()
    stragglers = [bench.circuit.acquire(bench.now) for _ in range(5)]
    bench.half_open()
    bench.call(FINE)

    for straggler in stragglers:
        bench.circuit.record(straggler, bench.now, **UNREACHED)
    assert bench.circuit.state == "half_open"
    bench.call(FINE)

    assert bench.circuit.state == "closed"
    for straggler in stragglers:
        bench.circuit.record(straggler, bench.now, **UNREACHED)
    assert bench.circuit.state == "closed"


def test_t_cb_b_a_cancelled_probe_gives_its_place_back():
    """T-CB-b: three clients that leave must not block the way back."""
    bench = Bench()
    bench.half_open()

    for _ in range(50):
        bench.circuit.release(bench.circuit.acquire(bench.now))

    assert bench.call(FINE, 2) == 2
    assert bench.circuit.state == "closed"


def test_cb_6_a_probe_that_never_ends_loses_its_place_after_its_lease():
    bench = Bench()
    bench.half_open()
    lost = [bench.circuit.acquire(bench.now) for _ in range(3)]
    assert bench.circuit.acquire(bench.now) is None
    assert bench.circuit.retry_after(bench.now) == pytest.approx(2.0)

    bench.now += 10
    assert bench.call(FINE, 2) == 2

    assert bench.probes.count("expired") == 3
    assert bench.circuit.state == "closed"
    bench.circuit.record(lost[0], bench.now, **FAILED)
    assert bench.circuit.state == "closed"


def test_t_cb_e_open_times_grow_while_a_service_flaps():
    """T-CB-e: five seconds up, five down, for five minutes, at 20 calls a second."""
    bench = Bench()
    start, sends = bench.now, 0
    while bench.now < start + 300:
        down = (bench.now - start) % 10 >= 5
        sends += bench.call(UNREACHED if down else FINE)
        bench.now += 0.05

    opened = [
        event.seconds for event in bench.events if isinstance(event, BreakerChanged) and event.after == "open"
    ]
    assert max(opened[-3:]) > 4 * opened[0]
    assert sends < 3000


@pytest.mark.parametrize(
    ("mode", "permitted", "state"),
    [
        ("disabled", 100, "disabled"),
        ("metrics_only", 100, "metrics_only"),
        ("forced_open", 0, "forced_open"),
        ("enforced", 5, "open"),
    ],
)
def test_cb_1_what_an_operator_says_holds(mode, permitted, state):
    bench = Bench(mode)

    assert bench.call(UNREACHED, 100) == permitted
    assert bench.circuit.state == state


def test_cb_1_metrics_only_counts_and_disabled_does_not():
    counting, disabled = Bench("metrics_only"), Bench("disabled")

    assert counting.call(FAILED, 30) == disabled.call(FAILED, 30) == 30
    assert counting.circuit.rates(counting.now) == (1.0, 0.0, 30)
    assert disabled.circuit.rates(disabled.now) == (-1.0, -1.0, 0)


def test_forcing_and_resetting_are_told():
    bench = Bench()
    bench.circuit.force("forced_open", bench.now)
    assert bench.call(FINE) == 0
    assert bench.circuit.retry_after(bench.now) is None
    bench.circuit.force("enforced", bench.now)

    assert bench.changes == [("forced_open", "forced"), ("closed", "reset")]
    assert bench.call(FINE) == 1


def test_cb_15_other_thresholds_keep_what_was_counted():
    bench = Bench()
    bench.call(FAILED, 12)

    bench.circuit.configure(Thresholds.of(Breaker(min_calls=10), 2.0), bench.now)
    bench.call(FAILED)

    assert bench.changes == [("open", "failure_rate")]


def test_cb_15_another_window_begins_anew_and_says_so():
    bench = Bench()
    bench.open()

    bench.circuit.configure(Thresholds.of(Breaker(window="20s"), 2.0), bench.now)

    assert bench.changes[-1] == ("closed", "settings")
    assert bench.circuit.rates(bench.now)[2] == 0


class Reference(RuleBasedStateMachine):
    """The breaker agrees with a model that keeps every call and counts anew each time."""

    @initialize(seed=st.integers(0, 2**16))
    def begin(self, seed):
        self.bench = Bench(seed=seed, open_jitter=0.0, min_calls=6, consecutive_failures=4)
        self.state, self.opens, self.closed_at, self.until = "closed", 0, 0.0, 0.0
        self.calls, self.run = [], 0
        self.results, self.expected_generation = [], 0
        self.flying = []

    @property
    def now(self):
        return self.bench.now

    def move(self, state):
        self.state, self.calls, self.run, self.results = state, [], 0, []
        self.expected_generation += 1
        if state == "open":
            self.until = self.now + min(60, 5 * 2 ** (self.opens - 1))
        if state == "closed":
            self.closed_at = self.now

    def probing(self):
        """The probes that still hold their lease."""
        return [one for one in self.flying if one[1] == self.expected_generation and one[2] > self.now]

    @rule(seconds=st.sampled_from([0.05, 0.9, 1.0, 4.99, 5.0, 10.0, 70.0]))
    def wait(self, seconds):
        self.bench.now += seconds

    @rule()
    def begin_call(self):
        if self.state == "open" and self.now >= self.until:
            self.move("half_open")
        allowed = self.state == "closed" or (
            self.state == "half_open" and len(self.probing()) + len(self.results) < 3
        )
        permission = self.bench.circuit.acquire(self.now)
        assert (permission is not None) == allowed
        if permission:
            lease = self.now + 10 if self.state == "half_open" else float("inf")
            if self.state == "half_open":
                self.flying = [
                    one for one in self.flying if one[1] != self.expected_generation or one[2] > self.now
                ]
            self.flying.append((permission, self.expected_generation, lease))

    @precondition(lambda self: getattr(self, "flying", None))
    @rule(data=st.data(), how=st.sampled_from([FINE, FAILED, UNREACHED, SLOW, None]))
    def end_call(self, data, how):
        place = data.draw(st.integers(0, len(self.flying) - 1))
        permission, generation, _ = self.flying.pop(place)
        if how is None:
            self.bench.circuit.release(permission)
            return
        self.bench.circuit.record(permission, self.now, **how)
        if generation == self.expected_generation:
            self.count(how)

    def count(self, how):
        bad = how["failed"] or how["slow"]
        if self.state == "half_open":
            self.results.append(bad)
            if sum(self.results) >= 2:
                self.opens += 1
                self.move("open")
            elif self.results.count(False) >= 2:
                self.move("closed")
            return
        self.calls.append((self.now, how["failed"], how["slow"]))
        self.run = self.run + 1 if how["unreached"] else 0
        recent = [one for one in self.calls if int(one[0]) > int(self.now) - 10]
        failures, slow = sum(one[1] for one in recent), sum(one[2] for one in recent)
        enough = len(recent) >= 6
        tripped = self.run >= 4 or (enough and (failures * 2 >= len(recent) or slow >= 0.8 * len(recent)))
        if bad and tripped:
            self.opens = max(0, self.opens - int((self.now - self.closed_at) / 60)) + 1
            self.move("open")

    @invariant()
    def they_agree(self):
        if hasattr(self, "bench"):
            assert self.bench.circuit.state == self.state


Reference.TestCase.settings = settings(max_examples=150, stateful_step_count=60, deadline=None)
TestAgainstReference = Reference.TestCase


ACTS = st.lists(
    st.one_of(
        st.sampled_from(["acquire", "succeed", "fail", "release", "open", "reset", "disable", "suspect"]),
        st.floats(0.0, 8.0),
    ),
    max_size=60,
)


MODES = {"open": "forced_open", "reset": "enforced", "disable": "disabled"}


def life(acts, succeed):
    """Return all that is seen of a breaker that lives through *acts*; *succeed* tells it of successes."""
    bench = Bench(min_calls=3, consecutive_failures=2, open_time="2s")
    circuit, held, seen = bench.circuit, [], []
    for act in acts:
        match act:
            case float():
                bench.now += act
            case "acquire":
                permission = circuit.acquire(bench.now)
                held += [] if permission is None else [permission]
            case "suspect":
                circuit.suspect(bench.now)
            case "open" | "reset" | "disable":
                circuit.force(MODES[act], bench.now)
            case "succeed" if held:
                succeed(circuit, held.pop(0), bench.now)
            case "fail" if held:
                circuit.record(held.pop(0), bench.now, **UNREACHED)
            case "release" if held:
                circuit.release(held.pop(0))
        seen.append((circuit.state, circuit.rates(bench.now), len(held)))
    return seen, bench.events


@given(acts=ACTS, seconds=st.sampled_from([0.1, 1.7, 3.0]))
def test_a_success_is_counted_as_any_ending_is(acts, seconds):
    """It is told the short way; an answer that came after the attempt's timer is not slow (fault 31)."""

    def short(circuit, permission, now):
        circuit.succeeded(permission, now, seconds, 2.0)

    def long(circuit, permission, now):
        slow = circuit.slow_call < seconds <= 2.0
        circuit.record(permission, now, failed=False, slow=slow, unreached=False)

    assert life(acts, short) == life(acts, long)
