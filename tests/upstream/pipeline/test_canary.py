"""A share of the calls goes to other hosts, for as long as these do no worse."""

from random import Random

import msgspec
import pytest

from bff.context import ANONYMOUS, Context, Deadline, Operation, Principal
from bff.events import BreakerChanged, CanaryCalled, CanaryStopped
from bff.policy.experiments import Canary
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.testing.simulation.virtual_loop import LoopClock, run
from bff.upstream.client import open_upstreams
from bff.upstream.declare import Upstream
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.pipeline.canary import Trial

catalog = Upstream("catalog")
menu = catalog.get("/menu", returns=list[str], name="menu")
place = catalog.post("/orders", returns=list[str], name="place")
STABLE, NEXT = 1, 2


class Hosts:
    """Stands for all hosts; each port answers with a status of its own."""

    def __init__(self):
        self.status = {STABLE: 200, NEXT: 200}
        self.requests = []
        self.closed = 0

    async def send(self, request):
        self.requests.append(request.origin.port)
        answer = self.status[request.origin.port]
        if isinstance(answer, Exception):
            raise answer
        return Response(answer, {"content-type": "application/json"}, msgspec.json.encode(["pasta"]))

    async def close(self):
        self.closed += 1


class World:
    """An upstream whose canary gets calls by *canary*; nothing is kept or joined."""

    def __init__(self, loop, canary, **policy):
        self.clock = LoopClock(loop)
        self.hosts, self.events = Hosts(), []
        self.upstreams = open_upstreams(
            {
                "catalog": UpstreamPolicy(
                    hosts=[f"http://127.0.0.1:{STABLE}"],
                    canary={"hosts": [f"http://127.0.0.1:{NEXT}"], "sticky": "none", **canary},
                    **{"cache": {"scope": "off"}, **policy},
                )
            },
            OperationsPolicy(),
            open_transport=lambda _: self.hosts,
            clock=self.clock,
            rng=Random(1),
            notify=self.events.append,
        )

    async def ask(self, endpoint=menu, who=ANONYMOUS):
        operation = Operation("r", Deadline.after(5, self.clock), self.upstreams, principal=who)
        try:
            return await endpoint(Context(operation, frozenset({endpoint}), "test"))
        except UpstreamError as error:
            return error

    @property
    def arm(self):
        return self.upstreams["catalog"].pipelines.canary

    def told(self, kind):
        return [event for event in self.events if isinstance(event, kind)]


def play(scenario, canary=None, **policy):
    async def main(loop):
        world = World(loop, canary or {"share": "100%"}, **policy)
        try:
            return await scenario(world)
        finally:
            await world.upstreams.close()

    return run(main)


def test_a_share_of_the_calls_goes_there():
    async def scenario(world):
        for _ in range(1000):
            assert await world.ask() == ["pasta"]
        return world.hosts.requests.count(NEXT)

    assert play(scenario, {"share": "20%"}) == pytest.approx(200, abs=50)


def test_what_fails_there_is_repeated_at_the_own_hosts_within_the_budget():
    async def scenario(world):
        world.hosts.status[NEXT] = 503

        assert await world.ask() == ["pasta"]
        assert world.hosts.requests == [NEXT, STABLE]

    play(scenario)


def test_what_may_not_be_repeated_is_not():
    """RT-1 holds as ever: a POST without key arrives once."""

    async def scenario(world):
        world.hosts.status[NEXT] = 503

        assert (await world.ask(place)).status == 503
        assert world.hosts.requests == [NEXT]

    play(scenario)


def test_what_was_not_sent_goes_to_the_own_hosts_at_once_and_for_nothing():
    """An open breaker of the canary costs nobody a call, not even one that may not be repeated."""

    async def scenario(world):
        world.hosts.status[NEXT] = 503
        for _ in range(5):
            await world.ask()
        assert world.arm.circuits["default"].state == "open"
        world.hosts.requests.clear()
        before = world.upstreams["catalog"].pipelines.budget.balance(world.clock.now())

        assert await world.ask(place) == ["pasta"]

        assert world.hosts.requests == [STABLE]
        assert world.upstreams["catalog"].pipelines.budget.balance(world.clock.now()) >= before
        assert world.told(CanaryCalled)[-2].fell_back

    play(scenario, {"share": "100%", "min_calls": 1000}, retry={"attempts": 2})


def test_its_trouble_opens_its_own_breaker_only():
    async def scenario(world):
        world.hosts.status[NEXT] = 503
        for _ in range(10):
            assert await world.ask() == ["pasta"]

        assert {(event.upstream, event.group) for event in world.told(BreakerChanged)} == {
            ("catalog", "default.canary")
        }
        assert world.upstreams["catalog"].pipelines.circuits["default"].state == "closed"

    play(scenario)


def test_it_is_stopped_when_it_does_worse_by_more_than_the_margin():
    async def scenario(world):
        world.hosts.status[NEXT] = 500
        for _ in range(300):
            await world.ask()

        (stopped,) = world.told(CanaryStopped)
        assert (stopped.upstream, stopped.canary_failures, stopped.stable_failures) == ("catalog", 1.0, 0.0)
        assert world.hosts.requests.count(NEXT) == stopped.calls == 20
        assert world.arm.trial.stopped

    play(scenario, {"share": "50%", "min_calls": 20}, breaker={"mode": "disabled"})


def test_trouble_that_both_have_stops_nobody():
    async def scenario(world):
        world.hosts.status = {STABLE: 500, NEXT: 500}
        for _ in range(300):
            await world.ask()

        assert world.told(CanaryStopped) == []
        assert world.hosts.requests.count(NEXT) > 100

    play(scenario, {"share": "50%", "min_calls": 20}, breaker={"mode": "disabled"})


def test_old_failures_do_not_count():
    async def scenario(world):
        world.hosts.status[NEXT] = 500
        for _ in range(19):
            await world.ask()
        world.hosts.status[NEXT] = 200
        await world.clock.sleep(61)
        for _ in range(30):
            await world.ask()

        assert world.told(CanaryStopped) == []

    play(scenario, {"share": "100%", "min_calls": 20}, breaker={"mode": "disabled"})


@pytest.mark.parametrize("share", [0.05, 0.3])
def test_a_caller_always_or_never_gets_there_in_every_process(share):
    people = [Principal("https://id.example", f"user-{number}") for number in range(2000)]
    trials = [Trial(Canary(hosts=("http://127.0.0.1:2",), share=share), Random(seed)) for seed in (1, 2)]

    first, second = ([trial.takes(one) for one in people] for trial in trials)

    assert first == second
    assert sum(first) / len(people) == pytest.approx(share, abs=0.02)


def test_callers_without_a_name_are_drawn_anew():
    trial = Trial(Canary(hosts=("http://127.0.0.1:2",), share=0.5), Random(1))

    assert len({trial.takes(ANONYMOUS) for _ in range(50)}) == 2


def test_it_has_connections_of_its_own_which_are_closed():
    async def scenario(world):
        await world.upstreams.close()
        return world.hosts.closed

    assert play(scenario) == 2


def test_an_upstream_without_one_has_no_such_stage():
    async def scenario(world):
        return world.arm

    assert play(scenario, {"hosts": []}) is None
