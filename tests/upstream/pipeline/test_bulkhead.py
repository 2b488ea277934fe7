"""Only so many attempts run at once; who waits is served, refused or forgotten, and no permit is ever lost."""

import asyncio
from random import Random

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from bff.events import LimitChanged, PermitRefused, PermitWaited
from bff.policy.model import UpstreamPolicy
from bff.testing import VirtualClock
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.bulkhead import Bulkhead, Permits, adaptive_of, bulkhead_of
from bff.upstream.pipeline.call import Call
from bff.upstream.pipeline.codel import Codel

OK = Response(200, {}, b"")


class Service:
    """Answers when it is told to, newest request last."""

    def __init__(self):
        self.running = []
        self.most = 0

    async def __call__(self, call):
        done = asyncio.get_running_loop().create_future()
        self.running.append((call.endpoint, done))
        self.most = max(self.most, len(self.running))
        try:
            await done
        finally:
            self.running = [(name, one) for name, one in self.running if one is not done]
        return OK

    def answer(self, index=0):
        self.running[index][1].set_result(None)

    def fail(self, index=0):
        self.running[index][1].set_exception(UpstreamError(Outcome.RESET, "gone"))

    @property
    def names(self):
        return [name for name, _ in self.running]


class World:
    """A bulkhead before a service, on a clock that the test moves."""

    def __init__(self, make_call, limit=1, queue=50, patience=0.1):
        self.clock = VirtualClock(turns=5)
        self.events = []
        self.permits = Permits(limit, queue, Codel(0.005, 0.1, patience), clock=self.clock)
        self.stage = Bulkhead(self.permits, clock=self.clock, notify=self.events.append)
        self.service = Service()
        self.make_call = make_call

    async def ask(self, name, **fields):
        task = asyncio.ensure_future(self.stage(self.make_call(endpoint=name, **fields), self.service))
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        await self.turn()
        return task

    async def turn(self):
        for _ in range(5):
            await asyncio.sleep(0)


@pytest.fixture
def world(make_call):
    def make(**options):
        def call(endpoint, **fields):
            made = make_call(**fields)
            made.endpoint = endpoint
            return made

        return World(call, **options)

    return make


async def test_bh1_so_many_run_and_the_rest_waits(world):
    some = world(limit=2)
    for name in "abcd":
        await some.ask(name)

    assert some.service.names == ["a", "b"]
    assert some.permits.waiting == 2


async def test_bh4_the_oldest_is_served_first(world):
    some = world()
    for name in "abc":
        await some.ask(name)

    some.service.answer()
    await some.turn()

    assert some.service.names == ["b"]
    assert isinstance(some.events[-1], PermitWaited)


async def test_bh1_a_full_queue_refuses_at_once(world):
    some = world(queue=1)
    await some.ask("a")
    await some.ask("b")

    refused = await some.ask("c")

    error = refused.exception()
    assert (error.outcome, error.code, error.sent, error.phase) == (
        Outcome.POOL,
        "UPSTREAM_OVERLOADED",
        False,
        "queue",
    )
    assert some.events == [PermitRefused("catalog", "c", "queue full", 0.0, "r")]


async def test_bh1_nobody_waits_longer_than_the_queue_timeout(world):
    some = world()
    await some.ask("a")
    waiting = await some.ask("b")

    await some.clock.advance(0.099)
    assert not waiting.done()
    await some.clock.advance(0.001)

    assert waiting.exception().outcome is Outcome.POOL
    assert some.events[-1] == PermitRefused("catalog", "b", "waited too long", pytest.approx(0.1), "r")
    assert some.permits.waiting == 0


async def test_bh1_nobody_waits_longer_than_its_call_may_take(world):
    some = world()
    await some.ask("a")
    patient = await some.ask("b")

    waiting = await some.ask("c", deadline=some.clock.now() + 0.02, limited_by="operation")
    await some.clock.advance(0.02)

    assert waiting.exception().code == "DEADLINE_EXCEEDED"
    assert not patient.done()


async def test_bh4_in_a_standing_queue_nobody_waits_longer_than_5_ms(world):
    some = world(patience=1.0)
    await some.ask("running")
    for number in range(20):
        await some.ask(f"old-{number}")
    for _ in range(10):
        await some.clock.advance(0.0101)
        some.service.answer()
        await some.turn()
    assert some.permits.waiting == 10

    await some.clock.advance(0.0101)
    some.service.answer()
    await some.turn()

    assert some.permits.waiting == 0
    assert [event.reason for event in some.events if isinstance(event, PermitRefused)] == ["overloaded"] * 9
    late = await some.ask("late")
    await some.clock.advance(0.0051)
    assert late.exception().outcome is Outcome.POOL


async def test_bh4_while_overloaded_the_newest_is_next(world):
    some = world(patience=1.0)
    await some.ask("running")
    for number in range(30):
        await some.ask(f"old-{number}")
    for _ in range(11):
        await some.clock.advance(0.0101)
        some.service.answer()
        await some.turn()
    await some.clock.advance(0.001)
    await some.ask("x")
    await some.ask("y")

    some.service.answer()
    await some.turn()

    assert some.service.names == ["y"]


async def test_bh4_an_overload_is_over_when_the_queue_has_run_dry(world):
    some = world(patience=1.0)
    await some.ask("running")
    for number in range(30):
        await some.ask(f"old-{number}")
    for _ in range(11):
        await some.clock.advance(0.0101)
        some.service.answer()
        await some.turn()
    assert some.permits.waiting == 0
    await some.clock.advance(0.0051)

    waiting = await some.ask("patient")
    await some.clock.advance(0.5)

    assert not waiting.done()


async def test_bh4_a_waiter_that_left_is_removed(world):
    """Skipping it later would make the queue look longer than it is."""
    some = world(queue=1)
    await some.ask("a")
    leaving = await some.ask("b")

    leaving.cancel()
    await some.turn()

    assert some.permits.waiting == 0
    staying = await some.ask("c")
    some.service.answer()
    await some.turn()
    assert some.service.names == ["c"]
    assert not staying.done()


async def test_bh5_a_permit_given_to_somebody_who_just_left_goes_on(world):
    """The two happen in the same turn of the loop."""
    some = world()
    await some.ask("a")
    leaving = await some.ask("b")
    await some.ask("c")

    some.permits.limit = 2
    some.permits.serve()
    leaving.cancel()
    await some.turn()

    assert some.service.names == ["a", "c"]
    assert some.permits.in_flight == 2


@pytest.mark.parametrize("way", ["answer", "fail", "cancel"])
async def test_bh5_a_permit_comes_back_however_the_attempt_ends(world, way):
    some = world()
    task = await some.ask("a")

    if way == "cancel":
        task.cancel()
    else:
        getattr(some.service, way)()
    await some.turn()

    assert task.done()
    assert some.permits.in_flight == 0


async def test_bh5_nothing_is_left_when_all_is_over(world):
    before = asyncio.all_tasks()
    some = world(limit=2, queue=5)
    tasks = [await some.ask(str(number)) for number in range(20)]
    while some.service.running:
        some.service.answer()
        await some.turn()

    await some.clock.advance(1)

    assert all(task.done() for task in tasks)
    assert (some.permits.in_flight, some.permits.waiting) == (0, 0)
    assert asyncio.all_tasks() == before


async def test_closing_refuses_whoever_waits(world):
    before = asyncio.all_tasks()
    some = world()
    running = await some.ask("a")
    waiting = await some.ask("b")

    await some.stage.close()
    await some.turn()

    assert waiting.exception().outcome is Outcome.POOL
    some.service.answer()
    await running
    assert asyncio.all_tasks() == before


async def test_bh2_the_limit_leaves_connections_to_spare():
    policy = UpstreamPolicy.model_validate({"hosts": ["https://a"], "pool": {"max_connections": 55}})

    stage = bulkhead_of(policy, clock=VirtualClock(), notify=lambda event: None)

    assert stage.permits.limit == 50


async def test_ac4_the_limit_follows_what_the_service_can_take(make_call):
    """Opt-in: the bulkhead takes its number from the limiter, and lets in whoever waits when it grows."""
    clock, events = VirtualClock(turns=5), []
    policy = UpstreamPolicy.model_validate(
        {"hosts": ["https://a"], "adaptive": {"enabled": True}, "timeouts": {"queue": "1s"}}
    )
    stage = adaptive_of(policy, attempt=policy.timeouts.attempt, clock=clock, notify=events.append)

    async def send(call):
        await clock.sleep(0.05)
        return OK

    assert stage.permits.limit == 20
    for _ in range(20):
        calls = [asyncio.ensure_future(stage(make_call(), send)) for _ in range(25)]
        await clock.advance(0.2)
        assert all(call.exception() is None for call in calls)

    assert stage.permits.limit > 20
    assert [event.limit for event in events if isinstance(event, LimitChanged)][-1] == stage.permits.limit
    assert stage.permits.in_flight == 0
    await stage.close()


@pytest.mark.parametrize(
    ("ran", "phase", "blamed"), [(0.1, "operation", False), (1.7, "operation", True), (2.0, "attempt", True)]
)
async def test_ac4_a_client_in_a_hurry_does_not_lower_the_limit(make_call, ran, phase, blamed):
    """CB-9 for the limiter: with a fifth of such clients the limit of a healthy service fell to its minimum."""
    clock, events = VirtualClock(), []
    policy = UpstreamPolicy.model_validate({"hosts": ["https://a"], "adaptive": {"enabled": True}})
    stage = adaptive_of(policy, attempt=policy.timeouts.attempt, clock=clock, notify=events.append)

    async def send(call):
        await clock.sleep(ran)
        raise UpstreamError(Outcome.READ_TIMEOUT, "too late", phase=phase)

    for _ in range(10):
        with pytest.raises(UpstreamError):
            await clock.run(stage(make_call(), send))

    assert (stage.permits.limit < 20) is blamed


@pytest.mark.parametrize("rate", [2000, 4000])
async def test_bh4_under_twice_the_load_all_permits_work_and_hardly_anybody_is_late(make_call, rate):
    """Ten permits of 10 ms each serve 1000 calls a second; those beyond are told so within 5 ms."""
    rng, clock, events, served = Random(1), VirtualClock(turns=6), [], []
    permits = Permits(10, 50, Codel(0.005, 0.1, 0.1), clock=clock)
    stage = Bulkhead(permits, clock=clock, notify=lambda event: events.append((clock.now(), event)))

    async def send(call):
        await clock.sleep(rng.expovariate(100))
        served.append(clock.now())
        return OK

    start, calls = clock.now(), []
    for _ in range(2 * rate):
        calls.append(asyncio.ensure_future(stage(make_call(), send)))
        await clock.advance(rng.expovariate(rate))
    end = clock.now()
    await clock.advance(1)

    settled = start + 0.3
    waits = [event.waited for at, event in events if isinstance(event, PermitWaited) and at > settled]
    refusals = [event.waited for at, event in events if isinstance(event, PermitRefused) and at > settled]
    for some in (waits, refusals):
        assert sum(wait <= 0.005 + 1e-9 for wait in some) / len(some) > 0.8
    assert sum(settled < at < end for at in served) / (end - settled) == pytest.approx(1000, rel=0.1)
    assert (permits.in_flight, permits.waiting) == (0, 0)
    assert all(call.exception() is None or isinstance(call.exception(), UpstreamError) for call in calls)


class BulkheadMachine(RuleBasedStateMachine):
    """Any order of arrivals, answers, failures, departures and pauses."""

    @initialize(limit=st.integers(1, 4), queue=st.integers(0, 5), seed=st.integers(0, 99))
    def begin(self, limit, queue, seed):
        self.runner = asyncio.Runner()
        self.rng = Random(seed)
        self.limit, self.queue, self.number, self.tasks = limit, queue, 0, []
        self.runner.run(self._begin())

    async def _begin(self):
        def call(endpoint, deadline=1e9):
            return Call("c", endpoint, "GET", "/", {}, None, safe=True, request_id="r", deadline=deadline)

        self.world = World(call, limit=self.limit, queue=self.queue)

    @rule(count=st.integers(1, 4), patience=st.floats(0.001, 0.3))
    def arrive(self, count, patience):
        async def arrive():
            for _ in range(count):
                self.number += 1
                deadline = self.world.clock.now() + patience
                self.tasks.append(await self.world.ask(str(self.number), deadline=deadline))

        self.runner.run(arrive())

    @precondition(lambda self: self.tasks)
    @rule(way=st.sampled_from(["answer", "fail", "leave", "answer and leave"]))
    def end(self, way):
        async def end():
            running = self.world.service.running
            if way != "leave" and running:
                index = self.rng.randrange(len(running))
                (self.world.service.fail if way == "fail" else self.world.service.answer)(index)
            if "leave" in way:
                self.rng.choice(self.tasks).cancel()
            await self.world.turn()

        self.runner.run(end())

    @rule(seconds=st.floats(0, 0.12))
    def wait(self, seconds):
        self.runner.run(self.world.clock.advance(seconds))

    @rule(limit=st.integers(1, 4))
    def change_limit(self, limit):
        async def change():
            self.world.permits.limit = limit
            self.world.permits.serve()
            await self.world.turn()

        self.limit = limit
        self.runner.run(change())

    @invariant()
    def permits_agree_with_what_runs(self):
        if hasattr(self, "world"):
            permits = self.world.permits
            assert permits.in_flight == len(self.world.service.running)
            assert permits.in_flight <= 4
            assert permits.waiting <= self.queue
            unfinished = sum(not task.done() for task in self.tasks)
            assert unfinished == permits.in_flight + permits.waiting
            assert not (permits.waiting and permits.in_flight < permits.limit)

    def teardown(self):
        if not hasattr(self, "runner"):
            return

        async def finish():
            await self.world.clock.advance(1)
            while self.world.service.running:
                self.world.service.answer()
                await self.world.turn()
            await self.world.clock.advance(1)
            assert self.world.permits.in_flight == 0
            assert self.world.permits.waiting == 0
            assert asyncio.all_tasks() == {asyncio.current_task()}

        try:
            self.runner.run(finish())
        finally:
            self.runner.close()


TestBulkheadMachine = BulkheadMachine.TestCase
TestBulkheadMachine.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
