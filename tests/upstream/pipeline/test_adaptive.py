"""The limit finds what a service can take, follows when that changes, and does not move without reason (AC-5)."""

import heapq
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.adaptive import WINDOW, Gradient2


class Server:
    """A service of *capacity* workers, each busy for about *service* seconds a call."""

    def __init__(self, limiter, capacity, service, seed=1):
        self.limiter, self.capacity, self.service = limiter, capacity, service
        self.rng = Random(seed)
        self.now = 0.0
        self.busy = [0.0] * capacity
        self.running = []
        self.latencies = []

    def run(self, until, demand=10_000):
        """Keep as many attempts running as the limit and *demand* allow."""
        while self.now < until:
            while len(self.running) < min(self.limiter.limit, demand):
                start = max(self.now, heapq.heappop(self.busy))
                end = start + self.service * self.rng.uniform(0.8, 1.2)
                heapq.heappush(self.busy, end)
                heapq.heappush(self.running, (end, self.now, len(self.running) + 1))
            self.now, began, running = heapq.heappop(self.running)
            self.limiter.sample(self.now - began, running, Outcome.OK, self.now)
            self.latencies.append((self.now, self.now - began))

    def p99(self, since):
        recent = sorted(latency for at, latency in self.latencies if at >= since)
        return recent[int(len(recent) * 0.99)]


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("capacity", [25, 50, 80])
def test_ac5_the_limit_converges_to_the_capacity(capacity, seed):
    """Within 20 % in 30 s, and it stays there."""
    limiter = Gradient2(initial=20, most=200)
    server = Server(limiter, capacity, 0.05, seed)

    server.run(30)
    assert limiter.limit == pytest.approx(capacity, rel=0.2)

    server.run(120)
    assert limiter.limit == pytest.approx(capacity, rel=0.2)


def test_ac5_latency_returns_when_the_service_becomes_three_times_as_slow():
    """p99 under twice the new service time within 10 s."""
    limiter = Gradient2(initial=20, most=200)
    server = Server(limiter, 50, 0.05)
    server.run(30)

    server.service = 0.15
    server.run(60)

    assert server.p99(since=40) < 2 * 0.15
    server.run(180)
    assert limiter.limit == pytest.approx(50, rel=0.2)


def test_ac5_a_pause_leaves_the_limit_where_it_was():
    limiter = Gradient2(initial=20, most=200)
    server = Server(limiter, 50, 0.05)
    server.run(30)
    before = limiter.limit

    server.now += 60
    server.run(95)

    assert limiter.limit == pytest.approx(before, rel=0.2)


def test_ac1_the_limit_does_not_grow_while_less_than_half_is_used():
    limiter = Gradient2(initial=20, most=200)

    Server(limiter, 50, 0.05).run(30, demand=8)

    assert limiter.limit == 20


@pytest.mark.parametrize("outcome", [Outcome.READ_TIMEOUT, Outcome.GATEWAY_ERROR])
def test_ac4_a_drop_shrinks_the_limit_once_for_all_that_fail_together(outcome):
    limiter = Gradient2(initial=20)
    for _ in range(WINDOW):
        limiter.sample(1.0, 20, Outcome.OK, 0.0)
    before = limiter.limit

    assert limiter.sample(1.0, 20, outcome, 10.0)
    after = limiter.limit
    for _ in range(20):
        limiter.sample(1.0, 20, outcome, 10.5)

    assert before > after == limiter.limit


@pytest.mark.parametrize(
    "outcome", sorted(set(Outcome) - {Outcome.OK, Outcome.READ_TIMEOUT, Outcome.GATEWAY_ERROR})
)
def test_ac4_other_outcomes_move_nothing(outcome):
    limiter = Gradient2(initial=20)

    assert not any(limiter.sample(9.0, 20, outcome, 0.0) for _ in range(1000))


@given(
    st.lists(
        st.tuples(st.floats(0, 100), st.integers(1, 300), st.sampled_from(sorted(Outcome)), st.floats(0, 10)),
        max_size=300,
    )
)
def test_ac4_the_limit_stays_within_its_bounds(samples):
    limiter, now = Gradient2(least=5, initial=20, most=100), 0.0
    for seconds, running, outcome, pause in samples:
        now += pause
        before = limiter.limit
        assert limiter.sample(seconds, running, outcome, now) == (limiter.limit != before)
        assert 5 <= limiter.limit <= 100
