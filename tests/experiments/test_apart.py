"""What a developer breaks is broken for her operation alone; nobody else's call feels anything of it."""

import pytest

from bff.events import (
    AttemptFinished,
    BreakerChanged,
    CallFinished,
    Coalesced,
    FaultInjected,
    OperationFinished,
    OperationShared,
)
from bff.upstream.outcome import Outcome

KEPT = {"cache": {"default_ttl": "1s", "stale_if_error": "60s", "ttl_jitter": "0%", "early_refresh": 0}}
WHOLE = {"ratings": ["good"], "menu": ["pasta"]}
PARTIAL = {"ratings": None, "menu": ["pasta"]}


@pytest.mark.parametrize(
    ("fault", "code"),
    [
        ("503", "UPSTREAM_UNAVAILABLE"),
        ("500", "UPSTREAM_ERROR"),
        ("429", "UPSTREAM_THROTTLED"),
        ("hang", "UPSTREAM_TIMEOUT"),
        ("slow(3s)", "UPSTREAM_TIMEOUT"),
        ("reset", "UPSTREAM_UNAVAILABLE"),
        ("garbage", "UPSTREAM_BAD_RESPONSE"),
    ],
)
def test_the_answer_is_the_real_partial_one_and_says_why(virtually, fault, code):
    async def scenario(world):
        body = await world.ask(faults=f"opinions={fault}")

        assert body["data"] == PARTIAL
        (error,) = body["errors"]
        assert (error["path"], error["extensions"]["code"]) == (["ratings"], code)
        (told,) = body["extensions"]["faults"]
        assert (told["upstream"], told["fault"], told["by"]) == ("opinions", fault, "header")
        assert world.reviews.requests == []

    virtually(scenario)


def test_what_only_comes_late_is_the_services_own_answer(virtually):
    async def scenario(world):
        started = world.clock.now()
        body = await world.ask(faults="opinions=slow(500ms)")

        assert body["data"] == WHOLE
        assert world.clock.now() - started == pytest.approx(0.51, abs=0.01)
        assert body["extensions"]["faults"] == [
            {"upstream": "opinions", "fault": "slow(500ms)", "by": "header", "times": 1}
        ]
        assert len(world.reviews.requests) == 1

    virtually(scenario)


def test_only_the_named_endpoint_fails(virtually):
    async def scenario(world):
        assert (await world.ask(faults="opinions.stars=503"))["data"] == WHOLE
        assert (await world.ask(faults="opinions.ratings=503"))["data"] == PARTIAL

    virtually(scenario)


def test_no_breaker_budget_or_metric_hears_of_it(virtually):
    async def scenario(world):
        pipelines = world.upstreams["reviews"].pipelines
        before = pipelines.budget.balance(world.clock.now())
        for _ in range(50):
            await world.ask(faults="opinions=503")

        assert pipelines.circuits["default"].state == "closed"
        assert pipelines.budget.balance(world.clock.now()) == before
        assert [member.active for member in pipelines.cluster.members] == [0]
        assert world.told(BreakerChanged) == []
        assert {event.upstream for event in world.told(AttemptFinished)} == {"catalog"}
        assert {event.upstream for event in world.told(CallFinished)} == {"catalog"}
        assert all(event.injected for event in world.told(OperationFinished))
        assert len(world.told(FaultInjected)) >= 50
        ends = [event for event in world.aside if isinstance(event, AttemptFinished)]
        assert {(event.outcome, event.status) for event in ends} == {(Outcome.GATEWAY_ERROR, 503)}
        assert (await world.ask())["data"] == WHOLE

    virtually(scenario)


@pytest.mark.parametrize("first", ["developer", "others"])
def test_equal_operations_under_way_are_not_shared_with_hers(virtually, first):
    """Neither the execution nor the call."""

    async def scenario(world):
        for _ in range(2):
            await world.ask()
        hers, theirs = {"faults": "opinions=503"}, {}
        asked = [hers, theirs, theirs] if first == "developer" else [theirs, theirs, hers]

        bodies = await world.together(*asked)

        found = [body["data"] for body in bodies]
        assert found == ([PARTIAL, WHOLE, WHOLE] if first == "developer" else [WHOLE, WHOLE, PARTIAL])
        assert [body for body in bodies if "faults" in body.get("extensions", {})] == [
            bodies[0 if first == "developer" else 2]
        ]
        assert len(world.told(OperationShared)) == 1, "the other two share as ever"

    virtually(scenario)


def test_a_call_of_hers_is_joined_by_nobody(virtually):
    async def scenario(world):
        late = {"query": "query A { ratings }", "faults": "opinions=slow(300ms)"}
        bodies = await world.together(late, {"query": "query B { ratings }"})

        assert [body["data"] for body in bodies] == [{"ratings": ["good"]}] * 2
        assert len(world.reviews.requests) == 2
        assert world.told(Coalesced) == []
        assert "extensions" not in bodies[1]

    virtually(scenario)


def test_fresh_entries_are_not_given_to_her_and_old_ones_stand_in(virtually):
    """The point of the product: old data, and it says so."""

    async def scenario(world):
        await world.ask()
        await world.clock.sleep(0.5)

        body = await world.ask(faults="opinions=503")

        assert body["data"] == WHOLE
        (degraded,) = body["extensions"]["degraded"]
        assert (degraded["reason"], degraded["upstream"]) == ("STALE_IF_ERROR", "opinions")
        assert degraded["ageMs"] == pytest.approx(500, abs=30)
        assert body["extensions"]["faults"][0]["times"] == 2

    virtually(scenario, upstream=KEPT)


def test_she_can_see_what_happens_where_nothing_is_kept(virtually):
    async def scenario(world):
        await world.ask()

        assert (await world.ask(faults="opinions=503;cache=empty"))["data"] == PARTIAL

    virtually(scenario, upstream=KEPT)


def test_she_leaves_nothing_in_the_cache(virtually):
    async def scenario(world):
        await world.ask(faults="opinions=slow(100ms)")
        await world.ask()
        await world.ask()

        assert len(world.reviews.requests) == 2, "her answer was not kept, the next one was"

    virtually(scenario, upstream=KEPT)


@pytest.mark.parametrize(("fault", "sent"), [("503", 0), ("slow(100ms)", 1)])
def test_a_change_that_is_really_made_is_forgotten_nowhere(virtually, fault, sent):
    """CA-7 holds where the service is reached, and only there."""

    async def scenario(world):
        world.reviews.bodies["/praise"] = "thanks"
        world.reviews.headers = {"location": "/ratings"}
        await world.ask()
        world.reviews.requests.clear()

        body = await world.ask("mutation { praise }", faults=f"opinions={fault}")
        await world.ask()

        methods = [request.method for request in world.reviews.requests]
        assert methods == ["POST", "GET"][: 2 * sent]
        assert body["extensions"]["faults"][0]["fault"] == fault
        if not sent:
            assert body["errors"][0]["extensions"]["outcome"] == "unknown", "as for the real failure"

    virtually(scenario, upstream={**KEPT, "forward": {"headers": []}})


def test_such_an_answer_is_kept_by_nobody(virtually):
    async def scenario(world):
        usual = await world.answer()
        hers = await world.answer(faults="opinions=slow(10ms)")

        assert (usual.private, hers.private) == (False, True)
        assert hers.max_age == 0

    virtually(scenario, upstream=KEPT)


def test_a_batch_is_answered_key_by_key_from_what_is_kept(virtually):
    async def scenario(world):
        await world.ask('{ stars(ids: ["a"]) }')

        body = await world.ask('{ stars(ids: ["a", "b"]) }', faults="opinions=503")

        assert body["data"] == {"stars": [5, None]}
        assert [error["path"] for error in body["errors"]] == [["stars", 1]]

    virtually(scenario, upstream=KEPT)
