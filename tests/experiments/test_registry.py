"""Experiments of operators: within what policy allows, for whom they are, and over in time."""

import pytest

from bff.context import ANONYMOUS, Principal
from bff.events import AttemptFinished, BreakerChanged, ExperimentEnded, ExperimentStarted, FaultInjected
from bff.experiments.model import BadScope, Scope, parse_scope
from bff.experiments.registry import MOST, Impossible, NotAllowed
from bff.policy.experiments import FaultInjection
from bff.upstream.outcome import Outcome

WHOLE = {"ratings": ["good"], "menu": ["pasta"]}
PARTIAL = {"ratings": None, "menu": ["pasta"]}
ADA = Principal("https://id.example", "ada", client="app")
BOB = Principal("https://id.example", "bob", client="kiosk")
ONE_ATTEMPT = {"retry": {"attempts": 1}, "cache": {"scope": "off"}}


def test_it_is_done_where_the_service_would_have_done_it(virtually):
    """For everyone: retries, breaker and metrics see it, so that the whole protection is tried."""

    async def scenario(world):
        world.experiment("503")
        for _ in range(20):
            await world.ask()

        ends = [event for event in world.told(AttemptFinished) if event.upstream == "reviews"]
        assert {(event.outcome, event.status, str(event.origin)) for event in ends} == {
            (Outcome.GATEWAY_ERROR, 503, "http://127.0.0.1:1")
        }
        assert [event.after for event in world.told(BreakerChanged)] == ["open"]
        assert world.reviews.requests == []

    virtually(scenario)


@pytest.mark.parametrize(
    ("fault", "outcome"), [("hang", "READ_TIMEOUT"), ("slow(1h)", "READ_TIMEOUT"), ("garbage", "BAD_PAYLOAD")]
)
def test_an_attempts_time_limit_ends_it_too(virtually, fault, outcome):
    async def scenario(world):
        world.experiment(fault)
        started = world.clock.now()
        body = await world.ask("{ ratings }")

        (end,) = world.told(AttemptFinished)
        assert (body["data"], end.outcome) == ({"ratings": None}, outcome)
        assert world.clock.now() - started == pytest.approx(0.0 if fault == "garbage" else 2.0, abs=0.05)

    virtually(scenario, upstream=ONE_ATTEMPT)


def test_a_share_is_hit_and_only_what_was_hit_says_so(virtually):
    async def scenario(world):
        world.experiment("503", share=0.3)
        bodies = [await world.ask() for _ in range(400)]

        hit = [body for body in bodies if "extensions" in body]
        assert len(hit) / 400 == pytest.approx(0.3, abs=0.07)
        assert all(body["data"] == PARTIAL for body in hit)
        assert all(body["data"] == WHOLE for body in bodies if body not in hit)
        assert hit[0]["extensions"]["faults"] == [
            {"upstream": "opinions", "fault": "503", "by": "experiment", "experiment": "x1", "times": 1}
        ]

    virtually(scenario, upstream={**ONE_ATTEMPT, "breaker": {"mode": "disabled"}})


def test_who_waits_for_a_call_that_is_hit_says_so_too(virtually):
    async def scenario(world):
        world.experiment("slow(200ms)")
        bodies = await world.together({"query": "query A { ratings }"}, {"query": "query B { ratings }"})

        assert [body["extensions"]["faults"][0]["times"] for body in bodies] == [1, 1]
        assert len(world.reviews.requests) == 1

    virtually(scenario)


@pytest.mark.parametrize(
    ("scope", "who", "operation", "hit"),
    [
        ("principal:ada", ADA, "Screen", True),
        ("principal:ada", BOB, "Screen", False),
        ("principal:ada", ANONYMOUS, "Screen", False),
        ("client:app", ADA, "Screen", True),
        ("client:app", BOB, "Screen", False),
        ("operation:Screen", BOB, "Screen", True),
        ("operation:Screen", BOB, "Other", False),
    ],
)
def test_a_narrower_scope_leaves_all_others_alone(virtually, scope, who, operation, hit):
    async def scenario(world):
        world.experiment("503", scope=scope)
        asked = {"query": f"query {operation} {{ ratings menu }}", "who": who}
        bodies = [await world.ask(**asked) for _ in range(30)]

        assert {str(body["data"]) for body in bodies} == {str(PARTIAL if hit else WHOLE)}
        assert world.told(BreakerChanged) == []
        other = await world.ask("query Elsewhere { ratings menu }", who=Principal("i", "eve"))
        assert other["data"] == WHOLE

    virtually(scenario)


def test_a_share_of_a_narrower_scope_is_one_of_calls(virtually):
    async def scenario(world):
        world.experiment("503", share=0.4, scope="principal:ada")
        bodies = [await world.ask(who=ADA) for _ in range(300)]

        failed = sum(body["data"] == PARTIAL for body in bodies)
        assert failed / 300 == pytest.approx(0.4, abs=0.09)

    virtually(scenario)


def test_it_ends_by_itself(virtually):
    async def scenario(world):
        one = world.experiment("503", seconds=30)
        assert world.experiments.list() == [one]
        assert (await world.ask())["data"] == PARTIAL
        await world.clock.sleep(30.1)

        assert world.experiments.list() == []
        assert (await world.ask())["data"] == WHOLE
        (started,), (ended,) = world.told(ExperimentStarted), world.told(ExperimentEnded)
        assert (started.upstream, started.fault, started.scope) == ("reviews", "503", "everyone")
        assert (ended.id, ended.reason, ended.hits) == ("x1", "time", 2)

    virtually(scenario)


def test_it_is_stopped_once(virtually):
    async def scenario(world):
        one = world.experiment("503")

        assert world.experiments.stop("x1") is one
        assert world.experiments.stop("x1") is None
        assert [event.reason for event in world.told(ExperimentEnded)] == ["stopped"]
        assert (await world.ask())["data"] == WHOLE
        await world.clock.sleep(100)
        assert len(world.told(ExperimentEnded)) == 1

    virtually(scenario)


def test_what_was_heard_twice_runs_once(virtually):
    async def scenario(world):
        one = world.experiment("503")
        world.experiments.start(one)

        assert len(world.told(ExperimentStarted)) == len(world.experiments.list()) == 1

    virtually(scenario)


def test_it_stops_when_too_many_operations_fail(virtually):
    """ChAP: an experiment that hurts more than it was meant to ends, and others hear of it."""

    async def scenario(world):
        told = []
        world.experiments.ended = told.append
        world.experiment("503", scope="principal:ada", stop_above=0.5)
        for _ in range(19):
            await world.ask(who=ADA)
        assert len(world.experiments.list()) == 1
        for _ in range(10):
            await world.ask("{ menu }", who=ADA)
        assert len(world.experiments.list()) == 1, "those that never called the service do not count"

        await world.ask(who=ADA)

        assert world.experiments.list() == []
        assert [event.reason for event in world.told(ExperimentEnded)] == ["errors"]
        assert [one.id for one in told] == ["x1"]

    virtually(scenario)


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"share": 0.6}, "A share of 60% is not above 0% and up to 50%"),
        ({"share": 0.0}, "A share of 0%"),
        ({"seconds": 601.0}, "lasts longer than 0s and up to 10m"),
        ({"seconds": -1.0}, "lasts longer than 0s"),
    ],
)
def test_more_than_policy_allows_is_refused_with_the_key_that_decides(virtually, wrong, said):
    async def scenario(world):
        with pytest.raises(Impossible) as caught:
            world.experiment("503", **{"share": 0.5, **wrong})
        assert said in str(caught.value)
        assert world.experiments.list() == []

    virtually(scenario, max_share="50%")


@pytest.mark.parametrize(
    ("allow", "development", "allowed"),
    [("never", True, False), ("development", False, False), ("development", True, True), ("scope", False, True)],
)
def test_operators_too_need_policys_leave(virtually, allow, development, allowed):
    async def scenario(world):
        if allowed:
            world.experiment("503")
            return
        with pytest.raises(NotAllowed, match=f"is {allow}"):
            world.experiment("503")

    virtually(scenario, allow=allow, development=development)


def test_there_are_only_so_many_at_once(virtually):
    async def scenario(world):
        for number in range(MOST):
            world.experiment("503", name=f"x{number}")
        with pytest.raises(Impossible, match="stop one first"):
            world.experiment("503", name="one more")

    virtually(scenario)


@pytest.mark.parametrize(
    ("policy", "names", "left"),
    [
        (FaultInjection(allow="scope"), {"opinions": "reviews"}, 1),
        (FaultInjection(), {"opinions": "reviews"}, 0),
        (FaultInjection(allow="scope"), {"catalog": "catalog"}, 0),
        (FaultInjection(allow="scope", max_share=0.1), {"opinions": "reviews"}, 0),
    ],
)
def test_under_another_policy_only_what_it_allows_goes_on(virtually, policy, names, left):
    """What a reload of the policies does."""

    async def scenario(world):
        world.experiment("503", share=0.5)
        world.experiments.obey(policy, names)

        assert len(world.experiments.list()) == left
        assert [event.reason for event in world.told(ExperimentEnded)] == ["policy"] * (1 - left)

    virtually(scenario)


def test_an_operation_in_no_scope_has_no_plan(virtually):
    async def scenario(world):
        assert world.experiments.plan(None, ADA, "Screen") is None
        world.experiment("503", scope="operation:Other")
        assert world.experiments.plan(None, ADA, "Screen") is None
        assert world.experiments.plan(None, ADA, "Other") is not None

    virtually(scenario)


@pytest.mark.parametrize("text", ["everyone", "client:app", "principal:a:b", "operation:Screen"])
def test_a_scope_is_told_as_it_is_written(text):
    assert str(parse_scope(text)) == text


@pytest.mark.parametrize("text", ["", "all", "client:", "client", "everyone:x"])
def test_a_wrong_scope_is_answered_by_what_may_be_written(text):
    with pytest.raises(BadScope, match="scopes are everyone, client:NAME"):
        parse_scope(text)


def test_nobody_is_meant_by_an_absent_name():
    assert not Scope("client", "app").holds(ANONYMOUS, None)
    assert not Scope("operation", "Screen").holds(ANONYMOUS, None)


def test_each_fault_is_told_with_who_asked_for_it(virtually):
    async def scenario(world):
        world.experiment("503")
        await world.ask()
        await world.ask(faults="catalog=reset")

        asked = {(event.upstream, event.kind, event.experiment) for event in world.told(FaultInjected)}
        assert ("reviews", "status", "x1") in asked
        assert ("catalog", "reset_before_response", None) in asked

    virtually(scenario)
