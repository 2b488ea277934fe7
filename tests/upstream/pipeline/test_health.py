"""Hosts are asked how they are: often enough to know, seldom enough to be no load (LB-5)."""

import asyncio
import itertools
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.events import HealthChanged
from bff.testing import VirtualClock
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.cluster import Cluster, Rules
from bff.upstream.pipeline.health import HealthChecks, Judge, Settings, found
from bff.upstream.pipeline.outlier import Outliers
from bff.upstream.pipeline.outlier import Rules as OutlierRules
from bff.upstream.pipeline.pick import P2C, Member

FINDINGS = st.sampled_from(["healthy", "failing", "draining"])


class TestJudge:
    def test_lb5_three_failures_in_a_row_make_a_host_unhealthy(self):
        judge = Judge(3, 2)

        assert [judge.note("failing") for _ in range(3)] == ["healthy", "healthy", "unhealthy"]

    def test_lb5_two_good_checks_in_a_row_make_it_healthy_again(self):
        judge = Judge(1, 2)
        judge.note("failing")

        assert [judge.note(one) for one in ("healthy", "failing", "healthy", "healthy")] == [
            "unhealthy",
            "unhealthy",
            "unhealthy",
            "healthy",
        ]

    def test_lb5_a_draining_host_is_believed_at_once(self):
        judge = Judge(3, 2)

        assert judge.note("draining") == "draining"
        assert judge.note("failing") == "unhealthy"

    def test_lb5_one_failing_check_suffices_for_a_host_that_calls_found_bad(self):
        """Otherwise its ejection would end before three checks have failed, and calls would fail again."""
        assert Judge(3, 2).note("failing", suspected=True) == "unhealthy"

    @given(st.lists(FINDINGS, max_size=40), st.integers(1, 4), st.integers(1, 4))
    def test_lb5_it_agrees_with_a_model_that_remembers_everything(self, findings, unhealthy, healthy):
        judge, state = Judge(unhealthy, healthy), "healthy"
        for number, finding in enumerate(findings):
            told = judge.note(finding)
            seen = findings[: number + 1]
            bad = [one != "healthy" for one in seen]
            if finding == "draining":
                state = "draining"
            elif finding == "failing" and (
                state == "draining" or (len(seen) >= unhealthy and all(bad[-unhealthy:]))
            ):
                state = "unhealthy"
            elif finding == "healthy" and len(seen) >= healthy and not any(bad[-healthy:]):
                state = "healthy"
            assert told == state


class Scripted:
    """A transport whose hosts answer as the test says, at once."""

    def __init__(self):
        self.asked = []
        self.answers = {}

    async def send(self, request):
        self.asked.append(request)
        answer = self.answers.get(request.origin.port, 200)
        if isinstance(answer, BaseException):
            raise answer
        if answer == "hang":
            await asyncio.Event().wait()
        status, headers = answer if isinstance(answer, tuple) else (answer, {})
        return Response(status, headers, b"")

    async def close(self):
        pass


class World:
    def __init__(self, **settings):
        self.clock = VirtualClock(turns=5)
        self.events = []
        self.transport = Scripted()
        self.hosts = [Member(Origin("http", "127.0.0.1", port), "/api") for port in (1, 2)]
        rng = Random(1)
        self.cluster = Cluster(
            "catalog",
            [self.hosts],
            P2C(rng),
            Outliers(self.hosts, OutlierRules(), rng, self.clock.now()),
            Rules(),
            rng=rng,
            notify=self.events.append,
            now=self.clock.now(),
        )
        self.checks = HealthChecks(
            self.cluster, self.transport, Settings("/health", **settings), clock=self.clock, rng=rng
        )

    async def pass_time(self, seconds, *, busy=True):
        for _ in range(int(seconds)):
            if busy:
                self.cluster.pick(self.clock.now())
            await self.clock.advance(1)

    @property
    def health(self):
        return [(event.origin[-1], event.state) for event in self.events if isinstance(event, HealthChanged)]


@pytest.fixture
async def world():
    opened = []

    async def start(**settings):
        opened.append(World(**settings))
        await opened[-1].checks.start()
        return opened[-1]

    yield start
    for some in opened:
        await some.checks.close()
    assert not [task for task in asyncio.all_tasks() if task.get_name().startswith("health")]


async def test_lb5_each_host_is_asked_about_every_five_seconds(world):
    some = await world()

    await some.pass_time(100)

    asked = [request.origin.port for request in some.transport.asked]
    assert 18 <= asked.count(1) <= 26
    assert 18 <= asked.count(2) <= 26
    assert (some.transport.asked[0].method, some.transport.asked[0].target) == ("GET", "/api/health")


async def test_lb5_intervals_differ_so_that_workers_do_not_march_in_step(world):
    some = await world()
    moments, seen = [], 0
    for _ in range(600):
        some.cluster.pick(some.clock.now())
        await some.clock.advance(0.1)
        if len(some.transport.asked) > seen:
            seen = len(some.transport.asked)
            moments.append(some.clock.now())

    gaps = {round(later - earlier, 1) for earlier, later in itertools.pairwise(moments)}
    assert len(gaps) > 5


async def test_lb5_an_idle_upstream_is_asked_once_a_minute(world):
    some = await world()

    await some.pass_time(600, busy=False)

    assert 2 * 9 <= len(some.transport.asked) <= 2 * 11
    assert some.events == []


async def test_lb5_an_upstream_that_is_used_again_is_asked_soon(world):
    some = await world()
    await some.pass_time(300, busy=False)
    before = len(some.transport.asked)

    await some.pass_time(7)

    assert len(some.transport.asked) >= before + 2


@pytest.mark.parametrize(
    "answer",
    [500, 404, 302, "hang", UpstreamError(Outcome.CONNECT, "refused"), UpstreamError(Outcome.RESET, "gone")],
    ids=str,
)
async def test_lb5_a_failing_host_is_out_after_three_checks_and_back_after_two(world, answer):
    some = await world(timeout=0.001)
    some.transport.answers[1] = answer
    for _ in range(30):
        await some.pass_time(1)
        await asyncio.sleep(0.002 if answer == "hang" else 0)
    assert some.health == [("1", "unhealthy")]
    assert {some.cluster.pick(some.clock.now()) for _ in range(50)} == {some.hosts[1]}

    some.transport.answers[1] = 200
    await some.pass_time(13)

    assert some.health == [("1", "unhealthy"), ("1", "healthy")]


async def test_lb5_503_means_draining(world):
    some = await world()
    some.transport.answers[1] = 503

    await some.pass_time(8)

    assert some.health == [("1", "draining")]
    assert not some.cluster.is_available(some.hosts[0])


async def test_lb5_a_header_takes_a_host_out_at_once(world):
    some = await world(fail_header="x-fail")
    some.transport.answers[1] = (200, {"x-fail": "yes"})

    await some.pass_time(2)

    assert some.health == [("1", "unhealthy")]


async def test_lb5_a_host_taken_out_by_an_answer_needs_two_good_checks(world):
    some = await world(fail_header="x-fail")
    await some.pass_time(20)
    some.cluster.health_changed(some.hosts[0], "unhealthy", "answered with x-fail", some.clock.now())

    await some.pass_time(4)
    assert not some.cluster.is_available(some.hosts[0])
    await some.pass_time(9)

    assert some.cluster.is_available(some.hosts[0])


async def test_our_own_full_pool_is_not_the_hosts_fault(world):
    some = await world()
    some.transport.answers[1] = UpstreamError(Outcome.POOL, "no connection free")

    await some.pass_time(100)

    assert some.health == []


async def test_oe1_an_ejected_host_that_fails_its_check_stays_out_until_it_passes(world):
    """Without flapping: its ejection ends long before the host is back."""
    some = await world()
    some.transport.answers[1] = UpstreamError(Outcome.CONNECT, "refused")
    await some.pass_time(1)
    for _ in range(5):
        some.cluster.record(some.hosts[0], Outcome.CONNECT, 0.001, some.clock.now())

    picked = set()
    for _ in range(120):
        await some.pass_time(1)
        picked.add(some.cluster.pick(some.clock.now()))
    assert picked == {some.hosts[1]}

    some.transport.answers[1] = 200
    await some.pass_time(13)
    assert some.cluster.is_available(some.hosts[0])
    assert some.health == [("1", "unhealthy"), ("1", "healthy")]


@pytest.mark.parametrize(
    ("status", "finding"),
    [(200, "healthy"), (204, "healthy"), (299, "healthy"), (302, "failing"), (503, "draining"), (500, "failing")],
)
def test_lb5_the_status_says_how_a_host_is(status, finding):
    assert found(status) == finding
