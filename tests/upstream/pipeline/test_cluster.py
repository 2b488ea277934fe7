"""Which hosts are used, as a whole: health, ejection, priorities, slow start and panic together."""

from collections import Counter
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bff.events import HealthChanged, HostEjected, HostReturned, HostsCounted
from bff.upstream.message import Origin
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.cluster import Cluster, Rules, levels_of
from bff.upstream.pipeline.outlier import Outliers
from bff.upstream.pipeline.outlier import Rules as OutlierRules
from bff.upstream.pipeline.pick import P2C, Member, PeakEwma, RandomPick, RoundRobin


def cluster(*levels, events=None, picker=RandomPick, outlier=None, **rules):
    rng = Random(1)
    hosts = [host for level in levels for host in level]
    return Cluster(
        "catalog",
        levels,
        picker(rng),
        Outliers(hosts, outlier or OutlierRules(), rng, 0.0),
        Rules(**rules),
        rng=rng,
        notify=(events if events is not None else []).append,
        now=0.0,
    )


def picks(some, now, times=4000, **options):
    counts = Counter(some.pick(now, **options) for _ in range(times))
    return {host: count / times for host, count in counts.items()}


def break_down(some, *hosts, now=0.0):
    for host in hosts:
        some.health_changed(host, "unhealthy", "status 500", now)


def test_lb6_unhealthy_and_ejected_hosts_are_not_used(members):
    hosts = members(4)
    some = cluster(hosts)
    break_down(some, hosts[0])
    for _ in range(5):
        some.record(hosts[1], Outcome.CONNECT, 0.01, 1.0)

    assert set(picks(some, 1.0)) == {hosts[2], hosts[3]}


@pytest.mark.parametrize(
    "picker",
    [P2C, RandomPick, RoundRobin, lambda rng: PeakEwma(10.0, rng)],
    ids=["p2c", "random", "turns", "ewma"],
)
def test_the_only_host_that_can_be_used_gets_every_attempt_while_it_is_the_only_one(members, picker):
    one, other = members(2)
    some = cluster([one, other], picker=picker, slow_start=0.0)
    break_down(some, other)

    assert set(picks(some, 1.0, times=20)) == {one}
    assert set(picks(some, 2.0, times=20, tried=(one.origin,))) == {one}
    assert some.last_used == 2.0
    some.health_changed(other, "healthy", "status 200", 3.0)
    assert set(picks(some, 3.0, times=200)) == {one, other}
    assert set(picks(some, 3.0, times=20, tried=(one.origin,))) == {other}


def test_a_host_that_an_operator_has_drained_is_not_used_even_in_panic(members):
    hosts, events = members(3), []
    some = cluster(hosts, events=events)

    assert some.drain(hosts[0], 0.0)
    break_down(some, hosts[1], hosts[2])

    assert set(picks(some, 1.0)) == {hosts[1], hosts[2]}
    assert next(event.state for event in events if isinstance(event, HealthChanged)) == "draining"
    assert not some.is_available(hosts[0])


def test_a_drained_host_comes_back_slowly_and_only_by_an_operator(members):
    hosts = members(2)
    some = cluster(hosts, slow_start=30.0)
    some.drain(hosts[0], 0.0)
    some.health_changed(hosts[0], "unhealthy", "status 500", 1.0)
    some.health_changed(hosts[0], "healthy", "status 200", 2.0)
    assert set(picks(some, 40.0)) == {hosts[1]}

    some.restore(hosts[0], 50.0)

    assert 0 < picks(some, 50.0)[hosts[0]] < 0.4
    assert picks(some, 90.0)[hosts[0]] == pytest.approx(0.5, abs=0.05)


def test_the_last_host_cannot_be_drained(members):
    hosts = members(2)
    some = cluster(hosts[:1], hosts[1:])

    assert some.drain(hosts[0], 0.0)
    assert some.drain(hosts[0], 0.0)
    assert not some.drain(hosts[1], 0.0)
    assert set(picks(some, 1.0)) == {hosts[1]}


def test_lb7_when_most_hosts_are_out_all_are_used(members):
    """Two hosts of five cannot take the calls of five; some luck is better than none."""
    hosts = members(5)
    some = cluster(hosts)
    break_down(some, *hosts[:3])

    assert set(picks(some, 0.0)) == set(hosts)


def test_lb7_without_panic_nobody_is_called(members):
    hosts = members(2)
    some = cluster(hosts, panic_threshold=0.0)
    break_down(some, *hosts)

    assert some.pick(0.0) is None


def test_lb8_calls_fill_the_first_priority_and_overflow_to_the_next(members):
    near, far = members(4)[:2], members(6)[4:]
    some = cluster(near, far)
    break_down(some, near[0])

    shares = picks(some, 0.0, 20_000)

    assert shares[near[1]] == pytest.approx(0.70, abs=0.01)
    assert sum(shares[host] for host in far) == pytest.approx(0.30, abs=0.01)


def test_lb9_a_zone_that_returns_is_given_calls_late_and_little_by_little(members):
    """Fault 24: failover, failback and slow start, with nobody's help."""
    near, far = members(4)[:2], members(6)[4:]
    some = cluster(near, far)
    break_down(some, *near)
    assert set(picks(some, 0.0)) == set(far)

    for host in near:
        some.health_changed(host, "healthy", "status 200", 100.0)

    assert set(picks(some, 105.0)) == set(far)
    assert set(picks(some, 110.0)) == set(near)


def test_lb10_a_returned_host_gets_its_part_slowly(members):
    hosts = members(2)
    some = cluster(hosts, picker=P2C)
    break_down(some, hosts[0])
    some.health_changed(hosts[0], "healthy", "status 200", 100.0)

    assert picks(some, 100.0)[hosts[0]] == pytest.approx(0.1 / 1.1, abs=0.02)
    assert picks(some, 115.0)[hosts[0]] == pytest.approx(0.5 / 1.5, abs=0.03)
    assert picks(some, 130.0)[hosts[0]] == pytest.approx(0.5, abs=0.03)


def test_oe2_an_ejected_host_returns_by_itself(members):
    hosts = members(2)
    events = []
    some = cluster(hosts, events=events)
    for _ in range(5):
        some.record(hosts[0], Outcome.RESET, 0.01, 0.0)
    assert set(picks(some, 1.0)) == {hosts[1]}

    assert set(picks(some, 12.1)) == set(hosts)
    assert [type(event) for event in events] == [HostEjected, HostsCounted, HostReturned, HostsCounted]
    assert events[1] == HostsCounted("catalog", total=2, available=1, ejected=1)


def test_oe1_recovered_health_ends_an_ejection(members):
    hosts = members(2)
    events = []
    some = cluster(hosts, events=events)
    for _ in range(5):
        some.record(hosts[0], Outcome.CONNECT, 0.01, 0.0)
    break_down(some, hosts[0], now=1.0)

    some.health_changed(hosts[0], "healthy", "status 200", 3.0)

    assert some.is_available(hosts[0])
    assert [type(event) for event in events][-2:] == [HostReturned, HostsCounted]


def test_an_unchanged_health_is_not_told(members):
    hosts = members(2)
    events = []
    some = cluster(hosts, events=events)

    some.health_changed(hosts[0], "healthy", "status 200", 0.0)
    break_down(some, hosts[0], hosts[0])

    assert len([event for event in events if isinstance(event, HealthChanged)]) == 1


def test_rt10_a_repeated_attempt_goes_elsewhere(members):
    hosts = members(3)
    some = cluster(hosts)

    assert set(picks(some, 0.0, tried=(hosts[0].origin, hosts[2].origin))) == {hosts[1]}


def test_rt10_a_repeated_attempt_prefers_another_zone_to_the_same_host(members):
    hosts = members(2)
    some = cluster(hosts[:1], hosts[1:])

    assert set(picks(some, 0.0, tried=(hosts[0].origin,))) == {hosts[1]}


def test_rt10_where_all_were_tried_one_is_tried_again(members):
    hosts = members(2)
    some = cluster(hosts)

    assert set(picks(some, 0.0, tried=tuple(host.origin for host in hosts))) == set(hosts)


def test_levels_follow_priority_then_zone():
    one, two, three, four = (Member(Origin("http", str(n), 80), zone=z) for n, z in enumerate("abab"))
    places = [(one, 0), (two, 0), (three, 1), (four, 1)]

    assert levels_of(places, None) == [[one, two], [three, four]]
    assert levels_of(places, "b") == [[two], [one], [four], [three]]


class ClusterMachine(RuleBasedStateMachine):
    """Whatever happens to hosts, calls go to usable ones, or to all of a level that panics."""

    @initialize(sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3), seed=st.integers(0, 99))
    def begin(self, sizes, seed):
        numbers = iter(range(100))
        self.levels = [[Member(Origin("http", str(next(numbers)), 80)) for _ in range(size)] for size in sizes]
        self.hosts = [host for level in self.levels for host in level]
        rng = Random(seed)
        self.ejections = Outliers(self.hosts, OutlierRules(), rng, 0.0)
        self.events = []
        self.cluster = Cluster(
            "c",
            self.levels,
            P2C(rng),
            self.ejections,
            Rules(),
            rng=rng,
            notify=self.events.append,
            now=0.0,
        )
        self.now, self.sick = 0.0, set()

    @rule(index=st.integers(0, 11), state=st.sampled_from(["healthy", "unhealthy", "draining"]))
    def health(self, index, state):
        host = self.hosts[index % len(self.hosts)]
        self.cluster.health_changed(host, state, "", self.now)
        (self.sick.discard if state == "healthy" else self.sick.add)(host)

    @rule(index=st.integers(0, 11), times=st.integers(1, 6))
    def fail(self, index, times):
        for _ in range(times):
            self.cluster.record(self.hosts[index % len(self.hosts)], Outcome.RESET, 0.1, self.now)

    @rule(seconds=st.floats(0, 40))
    def wait(self, seconds):
        self.now += seconds

    @invariant()
    def picks_are_allowed(self):
        if not hasattr(self, "cluster"):
            return
        for _ in range(3):
            picked = self.cluster.pick(self.now)
            level = next(level for level in self.levels if picked in level)
            usable = [host for host in level if host not in self.sick and not self.ejections.is_ejected(host)]
            assert picked in usable or len(usable) < len(level) / 2
            assert 0 < picked.weight <= picked.share

    @invariant()
    def counts_are_told(self):
        counted = [event for event in getattr(self, "events", []) if isinstance(event, HostsCounted)]
        if counted:
            available = sum(map(self.cluster.is_available, self.hosts))
            assert counted[-1] == HostsCounted("c", len(self.hosts), available, self.ejections.ejected)


TestClusterMachine = ClusterMachine.TestCase
TestClusterMachine.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
