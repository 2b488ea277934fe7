"""Whole answers are given again while every part of them is fresh, and to nobody whose they are not."""

import asyncio

import pytest
import strawberry

from bff.context import Principal
from bff.events import OperationFinished, OperationShared
from bff.execution.cache_control import CacheControl
from bff.execution.kept import KeptAnswers
from bff.execution.messages import Answer
from bff.testing import VirtualClock
from bff.upstream.message import NOT_KEPT, Keeping

ADA = Principal("https://id.example", "ada")
BOB = Principal("https://id.example", "bob")


FOR_A_MINUTE = Keeping(60.0, private=False)


class Shop:
    """A schema whose fields say how long they may be kept, and count how often they are resolved."""

    def __init__(self, clock, *, waits=0.0):
        self.clock, self.waits, self.resolved = clock, waits, 0
        for_an_hour = [CacheControl(max_age=3600)]

        async def part(info, name, keeping=FOR_A_MINUTE):
            operation = info.context.operation
            self.resolved += 1
            if self.waits:
                operation.waited = True
                await self.clock.sleep(self.waits)
            operation.use(keeping)
            return name

        @strawberry.type
        class Query:
            @strawberry.field(directives=for_an_hour)
            async def dishes(self, info: strawberry.Info, page: int = 0) -> str:
                return await part(info, f"dishes {page}")

            @strawberry.field(directives=for_an_hour)
            async def menu(self, info: strawberry.Info) -> str:
                return await part(info, "menu", Keeping(10.0, private=False))

            @strawberry.field(directives=for_an_hour)
            async def mine(self, info: strawberry.Info) -> str:
                return await part(info, "mine", Keeping(60.0, private=True))

            @strawberry.field(directives=for_an_hour)
            async def me(self, info: strawberry.Info) -> str:
                info.context.operation.personal = True
                return await part(info, "me")

            @strawberry.field(directives=for_an_hour)
            async def now(self, info: strawberry.Info) -> str:
                return await part(info, "now", NOT_KEPT)

            @strawberry.field(directives=for_an_hour)
            async def lang(self, info: strawberry.Info) -> str:
                return await part(info, info.context.headers.get("accept-language"))

            @strawberry.field(directives=for_an_hour)
            async def broken(self, info: strawberry.Info) -> str | None:
                raise RuntimeError(await part(info, "broken"))

        self.schema = strawberry.Schema(Query)


@pytest.fixture
def shop(world):
    """Return a function that makes a shop and the world around it."""

    def make(*, waits=0.0, **policy):
        clock = VirtualClock()
        one = Shop(clock, waits=waits)
        it = world(one.schema, clock=clock, **policy)
        it.shop = one
        return it

    return make


async def resolved(it, times, query, variables=None, **known):
    """Return how often something is resolved when *query* is asked so many *times*."""
    before = it.shop.resolved
    for _ in range(times):
        await it.timed(query, variables, **known)
    return it.shop.resolved - before


@pytest.mark.parametrize("waits", [0.0, 0.2])
async def test_an_answer_is_given_again_until_its_first_part_grows_old(shop, waits):
    it = shop(waits=waits)
    assert await resolved(it, 2, "{ dishes menu }") == 4, "the first one teaches what it depends on"

    assert await resolved(it, 5, "{ dishes menu }") == 0
    await it.clock.advance(8.5)
    aged = await it.timed("{ dishes menu }")
    assert aged.body == {"data": {"dishes": "dishes 0", "menu": "menu"}}
    assert aged.max_age == 1
    await it.clock.advance(1)
    assert await resolved(it, 1, "{ dishes menu }") == 2


async def test_it_is_told_whose_answer_it_was_and_how_old(shop):
    it = shop()
    await resolved(it, 2, "{ dishes }")
    await it.clock.advance(3)
    it.events.clear()

    await it.timed("{ dishes }")

    [event] = [event for event in it.events if isinstance(event, OperationShared)]
    assert (event.executed, event.age) == ("r1", 3.0)
    assert not any(isinstance(event, OperationFinished) for event in it.events)


@pytest.mark.parametrize(
    "query",
    ["{ mine dishes }", "{ me dishes }", "{ now dishes }", "{ broken dishes }"],
    ids=["private", "looks at who asks", "not to be kept", "not whole"],
)
async def test_what_may_not_be_kept_is_made_anew(shop, query):
    it = shop()

    assert await resolved(it, 4, query) == 8


async def test_other_variables_are_another_answer(shop):
    it = shop()
    query = "query ($page: Int!) { dishes(page: $page) }"
    await resolved(it, 2, query, {"page": 1})

    assert (await it.timed(query, {"page": 2})).body["data"] == {"dishes": "dishes 2"}
    assert (await it.timed(query, {"page": 1})).body["data"] == {"dishes": "dishes 1"}


async def test_a_header_that_was_looked_at_is_part_of_the_question(shop):
    it = shop()
    for _ in range(3):
        for language in ("de", "fr"):
            answer = await it.timed("{ lang }", headers={"accept-language": language})
            assert answer.body["data"] == {"lang": language}

    assert it.shop.resolved < 6


@pytest.mark.parametrize(("scope", "again"), [("principal", 1), ("public", 0)])
async def test_policy_says_with_whom_an_answer_is_shared(shop, scope, again):
    it = shop(sharing={"scope": scope})
    await resolved(it, 2, "{ dishes }", principal=ADA)

    assert await resolved(it, 1, "{ dishes }", principal=ADA) == 0
    assert await resolved(it, 1, "{ dishes }", principal=BOB) == again


@pytest.mark.parametrize("sharing", [{"answers": 0}, {"scope": "off"}, {"operations": {"Mine": "off"}}])
async def test_policy_can_switch_it_off(shop, sharing):
    it = shop(sharing=sharing)

    assert await resolved(it, 4, "query Mine { dishes }", name="Mine") == 4


async def test_what_is_forgotten_is_not_given_again(shop):
    it = shop()
    await resolved(it, 2, "{ dishes }")

    it.kept.forget()

    assert await resolved(it, 1, "{ dishes }") == 1


async def test_what_was_begun_before_a_forgetting_is_not_kept_ca_21(shop):
    it = shop(waits=0.5)
    await resolved(it, 1, "{ dishes }")

    async def forgotten_meanwhile():
        asking = asyncio.create_task(it.ask("{ dishes }"))
        await it.clock.sleep(0.1)
        it.kept.forget()
        await asking

    await it.clock.run(forgotten_meanwhile())

    assert await resolved(it, 1, "{ dishes }") == 1


async def test_only_so_many_are_kept_and_the_least_used_goes_first(shop):
    it = shop(sharing={"answers": 2})
    query = "query ($page: Int!) { dishes(page: $page) }"
    for page in (1, 1, 2, 1, 3):
        await it.timed(query, {"page": page})

    assert await resolved(it, 1, query, {"page": 1}) == 0
    assert await resolved(it, 1, query, {"page": 2}) == 1


async def test_where_others_forget_too_answers_are_good_for_a_second_ca_17():
    clock = VirtualClock()
    kept = KeptAnswers(10, clock=clock, unchecked_for=lambda: 1.0)
    kept.put("key", Answer({"data": {}}, max_age=60, private=False), "r1", since=clock.now(), epoch=0)

    await clock.advance(1)
    assert kept.get("key").answer.max_age == 59
    await clock.advance(0.5)
    assert kept.get("key") is None


async def test_what_is_large_is_made_anew():
    clock = VirtualClock()
    kept = KeptAnswers(10, clock=clock)
    kept.put("key", Answer({"data": {}}, max_age=60, private=False), "r1", since=clock.now(), epoch=0)
    kept.get("key").answer.pieces = [b" " * 300_000]

    assert kept.get("key") is None
