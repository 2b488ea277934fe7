"""The next attempt goes where it is served soonest, and to each host as much as its weight says."""

import heapq
from collections import Counter
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.upstream.message import Origin
from bff.upstream.pipeline.pick import P2C, Member, PeakEwma, RandomPick, RoundRobin, ramp

PICKERS = {
    "p2c": P2C,
    "peak_ewma": lambda rng: PeakEwma(10.0, rng),
    "random": RandomPick,
    "round_robin": RoundRobin,
}


def simulate(picker, hosts, latencies, *, rate=200.0, seconds=60.0, seed=1, warmup=10.0):
    """Return each host's part of the calls that arrive at *rate* a second, when each host has its own latency."""
    rng, now, running, number = Random(seed), 0.0, [], 0
    counts = Counter()
    while now < seconds:
        now += rng.expovariate(rate)
        while running and running[0][0] <= now:
            ended, _, member, took = heapq.heappop(running)
            member.active -= 1
            if isinstance(picker, PeakEwma):
                picker.learn(member, took, ended)
        member = picker.pick(hosts, now, "")
        member.active += 1
        took = latencies[hosts.index(member)] * rng.uniform(0.8, 1.2)
        number += 1
        heapq.heappush(running, (now + took, number, member, took))
        if now > warmup:
            counts[hosts.index(member)] += 1
    return [counts[index] / counts.total() for index in range(len(hosts))]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    ("policy", "least", "most"),
    [("p2c", 0.0, 0.15), ("peak_ewma", 0.0, 0.05), ("round_robin", 0.32, 0.34), ("random", 0.30, 0.37)],
)
def test_lb14_a_host_ten_times_as_slow_gets_its_part(members, policy, least, most, seed):
    """LB-14: one of three hosts has 10 times the latency of the others."""
    shares = simulate(PICKERS[policy](Random(seed)), members(3), [0.02, 0.02, 0.2], seed=seed)

    assert least <= shares[2] <= most


@pytest.mark.parametrize("policy", ["round_robin", "random"])
def test_lb1_calls_are_spread_by_weight(members, policy):
    hosts = members([1, 2, 5])
    picker = PICKERS[policy](Random(3))

    counts = Counter(picker.pick(hosts, 0.0, "") for _ in range(20_000))

    assert [counts[host] / 20_000 for host in hosts] == pytest.approx([1 / 8, 2 / 8, 5 / 8], abs=0.01)


def test_lb2_two_idle_hosts_of_unequal_weight_share_calls_by_weight(members):
    """The larger value alone would starve the light one, and a host in slow start, for as long as all are idle."""
    hosts = members([1, 3])
    picker = P2C(Random(1))

    counts = Counter(picker.pick(hosts, 0.0, "") for _ in range(20_000))

    assert counts[hosts[0]] / 20_000 == pytest.approx(0.25, abs=0.01)


def test_lb2_of_two_equal_hosts_the_busier_one_is_never_chosen(members):
    """With picks that may coincide it would be, a quarter of the time (Envoy's own remark)."""
    busy, idle = hosts = members(2)
    busy.active = 1
    picker = P2C(Random(1))

    assert {picker.pick(hosts, 0.0, "") for _ in range(1000)} == {idle}


def test_lb2_equal_hosts_are_drawn_evenly(members):
    hosts = members(4)
    picker = P2C(Random(1))

    counts = Counter(picker.pick(hosts, 0.0, "") for _ in range(40_000))

    assert [counts[host] / 40_000 for host in hosts] == pytest.approx([0.25] * 4, abs=0.01)


@given(st.lists(st.integers(0, 20), min_size=2, max_size=8), st.integers())
def test_lb2_the_busiest_of_equals_is_never_chosen_unless_it_is_not_alone(active, seed):
    """Reference model: of two distinct hosts the less busy one wins, so the strictly busiest always loses."""
    hosts = [Member(Origin("http", str(number), 80)) for number in range(len(active))]
    for host, running in zip(hosts, active, strict=True):
        host.active = running
    chosen = P2C(Random(seed)).pick(hosts, 0.0, "")

    assert chosen in hosts
    if active.count(max(active)) == 1:
        assert chosen.active < max(active)


@given(st.sampled_from(sorted(PICKERS)), st.lists(st.integers(1, 9), min_size=1, max_size=6), st.integers())
def test_every_policy_chooses_one_of_those_it_is_given(policy, weights, seed):
    hosts = [Member(Origin("http", str(number), 80), weight=weight) for number, weight in enumerate(weights)]
    picker = PICKERS[policy](Random(seed))
    rng = Random(seed)

    for _ in range(20):
        some = rng.sample(hosts, rng.randint(1, len(hosts)))
        assert picker.pick(some, 0.0, "") in some


def test_round_robin_uses_equal_hosts_in_turn(members):
    hosts = members(3)
    picker = RoundRobin(Random(5))

    turns = [picker.pick(hosts, 0.0, "") for _ in range(30)]

    assert all(len(set(turns[start : start + 3])) == 3 for start in range(28))


def test_round_robin_begins_anywhere(members):
    """Workers that start together must not march in step."""
    hosts = members(3)

    assert {RoundRobin(Random(seed)).pick(hosts, 0.0, "") for seed in range(50)} == set(hosts)


class TestPeakEwma:
    """LB-3."""

    def test_lb3_a_slower_answer_counts_at_once_and_a_quicker_one_by_and_by(self, members):
        (host,) = members(1)
        picker = PeakEwma(10.0, Random(1))
        picker.learn(host, 0.1, 0.0)
        picker.learn(host, 1.0, 0.0)
        assert picker.score(host, 0.0) == pytest.approx(1.0)

        picker.learn(host, 0.1, 10.0)

        assert 0.4 < picker.score(host, 10.0) < 0.5

    def test_lb3_an_unknown_idle_host_gets_the_probe_and_only_one(self, members):
        known, unknown = hosts = members(2)
        picker = PeakEwma(10.0, Random(1))
        picker.learn(known, 0.001, 0.0)

        assert picker.pick(hosts, 0.0, "") is unknown
        unknown.active = 1
        assert picker.pick(hosts, 0.0, "") is known

    def test_lb3_the_score_grows_with_the_queue(self, members):
        (host,) = members(1)
        picker = PeakEwma(10.0, Random(1))
        picker.learn(host, 0.1, 0.0)
        host.active = 4

        assert picker.score(host, 0.0) == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("age", "aggression", "part"),
    [(0, 1, 0.1), (3, 1, 0.1), (15, 1, 0.5), (30, 1, 1.0), (99, 1, 1.0), (15, 2, 0.7071), (-1, 1, 0.1)],
)
def test_lb10_a_host_in_slow_start_has_part_of_its_weight(age, aggression, part):
    assert ramp(age, 30.0, 0.1, aggression) == pytest.approx(part, abs=1e-4)
