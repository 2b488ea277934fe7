"""A host that fails is left alone for a while; never all of them, never for ever."""

from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from bff.upstream.message import Origin
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.outlier import LOCAL, REPORTED, SILENT, Outliers, Rules
from bff.upstream.pipeline.pick import Member

BASE = 10.0


def outliers(hosts, **rules):
    return Outliers(hosts, Rules(**rules), Random(1), 0.0)


def fail(judge, host, times, outcome=Outcome.CONNECT, now=0.0):
    return [judge.record(host, outcome, now) for _ in range(times)]


@pytest.mark.parametrize("outcome", sorted(LOCAL | REPORTED))
def test_oe2_the_fifth_failure_in_a_row_ejects(members, outcome):
    hosts = members(2)
    judge = outliers(hosts)

    *early, last = fail(judge, hosts[0], 5, outcome)

    assert early == [None] * 4
    assert last.member is hosts[0]
    assert last.cause == ("local failures" if outcome in LOCAL else "upstream failures")
    assert judge.is_ejected(hosts[0])


@pytest.mark.parametrize("outcome", sorted(SILENT))
def test_oe2_what_says_nothing_about_the_host_is_not_counted(members, outcome):
    hosts = members(2)
    judge = outliers(hosts)

    assert not any(fail(judge, hosts[0], 100, outcome))


@pytest.mark.parametrize("outcome", [Outcome.OK, Outcome.NOT_FOUND, Outcome.CLIENT_ERROR, Outcome.THROTTLED])
def test_oe2_an_answer_begins_the_count_anew(members, outcome):
    hosts = members(2)
    judge = outliers(hosts)

    for _ in range(10):
        assert not any([*fail(judge, hosts[0], 4), *fail(judge, hosts[0], 4, Outcome.SERVER_ERROR)])
        judge.record(hosts[0], outcome, 0.0)


def test_oe3_failures_of_the_network_and_of_the_host_are_counted_apart(members):
    """An answer of 500 proves that the network works."""
    hosts = members(2)
    judge = outliers(hosts)

    assert not any([*fail(judge, hosts[0], 4), *fail(judge, hosts[0], 4, Outcome.SERVER_ERROR)])
    assert not any(fail(judge, hosts[0], 4))
    assert fail(judge, hosts[0], 1, Outcome.GATEWAY_ERROR)[0].cause == "upstream failures"


@pytest.mark.parametrize(("count", "most"), [(1, 0), (2, 1), (3, 1), (4, 2), (10, 5)])
def test_oe2_at_most_half_of_the_hosts_are_ejected_at_least_one_may_be_and_one_is_kept(members, count, most):
    hosts = members(count)
    judge = outliers(hosts)

    for host in hosts:
        fail(judge, host, 20)

    assert judge.ejected == most


def test_oe2_ejections_grow_and_end(members):
    hosts = members(2)
    judge = outliers(hosts, interval=1e6)
    now = 0.0
    for times in range(1, 40):
        ejection = fail(judge, hosts[0], 5, now=now)[-1]

        assert ejection.times == times
        assert min(0.8 * BASE * times, 240) <= ejection.seconds <= min(1.2 * BASE * times, 300)
        assert judge.returned(now + ejection.seconds - 0.001) == []
        now += ejection.seconds
        assert judge.returned(now) == [hosts[0]]


def test_oe2_good_conduct_shortens_the_next_ejection(members):
    hosts = members(2)
    judge = outliers(hosts)
    for _ in range(3):
        fail(judge, hosts[0], 5)
        judge.let_back(hosts[0])

    judge.sweep(10.0)
    judge.sweep(20.0)

    assert fail(judge, hosts[0], 5, now=20.0)[-1].times == 2


def test_oe2_failures_from_before_an_ejection_do_not_count_after_it(members):
    hosts = members(2)
    judge = outliers(hosts)
    fail(judge, hosts[0], 9)

    judge.let_back(hosts[0])

    assert not any(fail(judge, hosts[0], 4))


class TestSuccessRate:
    """OE-4."""

    def run(self, hosts, calls, bad, **rules):
        judge = outliers(hosts, **rules)
        for host in hosts:
            for call in range(calls):
                failed = host is hosts[0] and call % 2 < bad
                judge.record(host, Outcome.SERVER_ERROR if failed else Outcome.OK, 1.0)
        return judge.sweep(10.0)

    def test_oe4_a_host_far_below_its_peers_is_ejected(self, members):
        hosts = members(6)

        (ejection,) = self.run(hosts, 100, bad=1)

        assert (ejection.member, ejection.cause) == (hosts[0], "success rate")

    @pytest.mark.parametrize(("count", "calls"), [(4, 100), (6, 99)])
    def test_oe4_few_hosts_or_few_calls_prove_nothing(self, members, count, calls):
        assert self.run(members(count), calls, bad=1) == []

    def test_oe4_equal_hosts_are_left_in_peace(self, members):
        assert self.run(members(6), 100, bad=0) == []


class OutlierMachine(RuleBasedStateMachine):
    """Random outcomes and times against a model of a few lines."""

    @initialize(count=st.integers(1, 6), seed=st.integers(0, 1000))
    def begin(self, count, seed):
        self.hosts = [Member(Origin("http", str(number), 80)) for number in range(count)]
        self.judge = Outliers(self.hosts, Rules(), Random(seed), 0.0)
        self.now = 0.0
        self.rows = {host: {"local": 0, "reported": 0} for host in self.hosts}
        self.out = {}
        self.most = min(max(1, count // 2), count - 1)

    @rule(index=st.integers(0, 5), outcome=st.sampled_from(sorted(Outcome)), times=st.integers(1, 7))
    def record(self, index, outcome, times):
        host = self.hosts[index % len(self.hosts)]
        for _ in range(times):
            ejection = self.judge.record(host, outcome, self.now)
            row = self.rows[host]
            if outcome in LOCAL:
                row["local"] += 1
            elif outcome in REPORTED:
                row["local"] = 0
                row["reported"] += 1
            elif outcome not in SILENT:
                row["local"] = row["reported"] = 0
            due = (outcome in LOCAL and row["local"] >= 5) or (outcome in REPORTED and row["reported"] >= 5)
            expected = due and host not in self.out and len(self.out) < self.most
            assert (ejection is not None) == expected
            if ejection:
                assert 0.8 * BASE * ejection.times <= ejection.seconds <= 300
                self.out[host] = self.now + ejection.seconds
                row["local"] = row["reported"] = 0

    @rule(seconds=st.floats(0, 60))
    def wait(self, seconds):
        self.now += seconds
        back = set(self.judge.returned(self.now))
        assert back == {host for host, until in self.out.items() if until <= self.now}
        for host in back:
            del self.out[host]
            self.rows[host] = {"local": 0, "reported": 0}
        assert self.judge.sweep(self.now) == []

    @rule(index=st.integers(0, 5))
    def let_back(self, index):
        host = self.hosts[index % len(self.hosts)]
        assert self.judge.let_back(host) == (host in self.out)
        self.out.pop(host, None)
        self.rows[host] = {"local": 0, "reported": 0}

    @invariant()
    def agree(self):
        if hasattr(self, "judge"):
            assert {host for host in self.hosts if self.judge.is_ejected(host)} == set(self.out)
            assert self.judge.ejected == len(self.out) <= self.most


TestOutlierMachine = OutlierMachine.TestCase
TestOutlierMachine.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
