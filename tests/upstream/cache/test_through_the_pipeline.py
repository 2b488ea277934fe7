"""What services said is used again, asked about, replaced and forgotten as RFC 9111 and policy say."""

import asyncio

import msgspec
import pytest

from bff.upstream.declare import Upstream
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome

catalog = Upstream("catalog")


class Dish(msgspec.Struct):
    id: str
    name: str


dish = catalog.get("/dishes/{id}", returns=Dish | None, name="dish")
dishes = catalog.batch("/dishes", ids="ids", returns=list[Dish], key="id", name="dishes")
rename = catalog.put("/dishes/{id}", returns=msgspec.Raw, name="rename")
DOWN = UpstreamError(Outcome.CONNECT, "refused")


def ids(request):
    return request.target.partition("ids=")[2].split(",")


async def test_a_fresh_answer_costs_no_call(make_bff, reply):
    bff = make_bff()
    bff.service.answer = lambda _: reply({"id": "1", "name": "Soup"}, cache_control="max-age=60")

    names = [(await dish(bff.context(dish), id=1)).name for _ in range(3)]
    await bff.clock.advance(60.1)
    await dish(bff.context(dish), id=1)

    assert names == ["Soup"] * 3
    assert len(bff.service.requests) == 2


async def test_what_says_nothing_is_kept_by_policy_only(make_bff, reply):
    """CA-5: default_ttl is 0."""
    for cache, calls in ({}, 2), ({"default_ttl": "1m"}, 1):
        bff = make_bff(cache=cache)
        bff.service.answer = lambda _: reply({"id": "1", "name": "Soup"})
        for _ in range(2):
            await dish(bff.context(dish), id=1)
        assert len(bff.service.requests) == calls


async def test_an_old_answer_is_asked_about_and_its_body_kept(make_bff, reply):
    """CA-6: 304 refreshes, the body is not sent again."""
    bff = make_bff()
    bff.service.answer = lambda _: reply({"id": "1", "name": "Soup"}, cache_control="max-age=1", etag='"v1"')
    await dish(bff.context(dish), id=1)
    await bff.clock.advance(2)

    bff.service.answer = lambda _: Response(304, {"cache-control": "max-age=9", "etag": '"v1"'}, b"")
    found = await dish(bff.context(dish), id=1)
    await bff.clock.advance(5)
    again = await dish(bff.context(dish), id=1)

    assert found == again == Dish("1", "Soup")
    assert [request.headers.get("if-none-match") for request in bff.service.requests] == [None, '"v1"']


async def test_no_cache_is_asked_about_each_time(make_bff, reply):
    """CA-6."""
    bff = make_bff()
    bff.service.answer = lambda _: reply({"id": "1", "name": "Soup"}, cache_control="no-cache", etag='"v1"')
    for _ in range(2):
        await dish(bff.context(dish), id=1)

    assert bff.service.requests[1].headers["if-none-match"] == '"v1"'


async def test_answers_that_vary_are_kept_side_by_side(make_bff, reply):
    """CA-4."""
    bff = make_bff()

    def answer(request):
        name = request.headers.get("accept-language", "none")
        return reply({"id": "1", "name": name}, cache_control="max-age=60", vary="Accept-Language")

    bff.service.answer = answer
    for _ in range(2):
        for headers in {}, {"accept-language": "nl"}, {"accept-language": "de"}:
            found = await dish(bff.context(dish, headers=headers), id=1)
            assert found.name == headers.get("accept-language", "none")

    assert len(bff.service.requests) == 3


async def test_a_change_forgets_what_it_changed(make_bff, reply):
    """CA-7: the URI, and what policy tags."""
    bff = make_bff()
    bff.service.answer = lambda request: reply({"id": "1", "name": request.method}, cache_control="max-age=60")
    for number in 1, 2:
        await dish(bff.context(dish), id=number)

    await rename(bff.context(rename), id=1)
    for number in 1, 2:
        await dish(bff.context(dish), id=number)

    assert [request.target for request in bff.service.requests if request.method == "GET"] == [
        "/dishes/1",
        "/dishes/2",
        "/dishes/1",
    ]


@pytest.mark.parametrize(
    ("error", "forgets"),
    [
        (UpstreamError(Outcome.CONNECT, "never sent"), False),
        (UpstreamError(Outcome.RESET, "perhaps done"), True),
        (Response(409, {}, b""), False),
        (Response(500, {}, b""), True),
    ],
)
async def test_a_change_that_may_have_happened_forgets_too(make_bff, reply, error, forgets):
    bff = make_bff()
    bff.service.answer = lambda _: reply({"id": "1", "name": "Soup"}, cache_control="max-age=60")
    await dish(bff.context(dish), id=1)
    bff.service.answer = lambda _: error
    with pytest.raises(UpstreamError):
        await rename(bff.context(rename), id=1)

    bff.service.answer = lambda _: reply({"id": "1", "name": "Soup"}, cache_control="max-age=60")
    await dish(bff.context(dish), id=1)

    assert sum(request.method == "GET" for request in bff.service.requests) == (2 if forgets else 1)


async def test_who_made_something_of_what_is_kept_hears_when_it_is_forgotten(make_bff, reply):
    bff, heard = make_bff(), []
    bff.service.answer = lambda request: reply({"id": "1", "name": request.method}, cache_control="max-age=60")
    end = bff.entries.follow(lambda: heard.append(len(bff.service.requests)))
    await dish(bff.context(dish), id=1)
    assert not heard

    await rename(bff.context(rename), id=1)
    assert heard
    heard.clear()
    await bff.entries.forget(["upstream:catalog"])
    assert heard
    heard.clear()
    bff.entries.uncertain()
    assert heard
    end()
    heard.clear()
    await bff.entries.forget(["upstream:catalog"])
    assert not heard


async def test_a_slow_answer_is_not_kept_after_a_change(make_bff, reply):
    """CA-21: what was fetched before an invalidation must not be stored after it."""
    bff, gate = make_bff(), asyncio.Event()

    async def slow(_):
        await gate.wait()
        return reply({"id": "1", "name": "before"}, cache_control="max-age=60")

    bff.service.answer = slow
    reading = asyncio.create_task(dish(bff.context(dish), id=1))
    await asyncio.sleep(0.01)
    bff.service.answer = lambda _: reply({})
    await rename(bff.context(rename), id=1)
    gate.set()
    assert (await reading).name == "before"

    bff.service.answer = lambda _: reply({"id": "1", "name": "after"}, cache_control="max-age=60")

    assert (await dish(bff.context(dish), id=1)).name == "after"


async def test_surrogate_keys_of_an_answer_forget_it(make_bff, reply):
    """CA-17."""
    bff = make_bff(cache={"surrogate_keys": True})
    bff.service.answer = lambda _: reply(
        {"id": "1", "name": "Soup"}, cache_control="max-age=60", surrogate_key="menu-7 soups"
    )
    for tag in "soups", "upstream:catalog", "other":
        await dish(bff.context(dish), id=1)
        await bff.entries.forget([tag])
    await dish(bff.context(dish), id=1)

    assert len(bff.service.requests) == 3


async def test_old_data_is_given_at_once_while_it_is_fetched(make_bff, reply):
    """CA-8: one refresh in the background, however many ask."""
    bff = make_bff()
    control = "max-age=1, stale-while-revalidate=10"
    bff.service.answer = lambda _: reply({"id": "1", "name": "old"}, cache_control=control)
    await dish(bff.context(dish), id=1)
    await bff.clock.advance(2)
    bff.service.answer = lambda _: reply({"id": "1", "name": "new"}, cache_control=control)

    given = [(await dish(context := bff.context(dish), id=1)).name for _ in range(3)]
    await asyncio.sleep(0.01)
    after = (await dish(bff.context(dish), id=1)).name

    assert (given[0], after) == ("old", "new")
    assert len(bff.service.requests) == 2
    assert context.operation.degraded == []


async def test_old_data_is_noted_once_fetching_it_anew_has_failed(make_bff, reply):
    """PD-12: until then it is as good as new; from then on it is old because the service fails."""
    bff = make_bff()
    control = "max-age=1, stale-while-revalidate=60, stale-if-error=60"
    bff.service.answer = lambda _: reply({"id": "1", "name": "Soup"}, cache_control=control)
    await dish(bff.context(dish), id=1)
    await bff.clock.advance(2)

    async def noted():
        context = bff.context(dish)
        assert (await dish(context, id=1)).name == "Soup"
        await asyncio.sleep(0.01)
        return [one.note.reason for one in context.noted]

    bff.service.answer = lambda _: DOWN
    assert [await noted(), await noted()] == [[], ["STALE_IF_ERROR"]]
    bff.service.answer = lambda _: reply({"id": "1", "name": "Soup"}, cache_control=control)
    assert [await noted(), await noted()] == [["STALE_IF_ERROR"], []]


async def test_an_endpoint_that_begins_to_say_how_long_is_kept_from_then_on(make_bff, reply):
    """What never could be kept is not looked for; the first answer that can be ends that."""
    bff = make_bff()
    bff.service.answer = lambda _: reply({"id": "1", "name": "Soup"})
    for _ in range(3):
        await dish(bff.context(dish), id=1)
    bff.service.answer = lambda _: reply({"id": "1", "name": "Soup"}, cache_control="max-age=60")
    for _ in range(3):
        await dish(bff.context(dish), id=1)

    assert len(bff.service.requests) == 4
    assert bff.entries.counts["misses"] == 4


async def test_absence_is_remembered_where_policy_says_so(make_bff):
    """CA-10."""
    for cache, calls in ({}, 2), ({"negative_ttl": "5s"}, 1):
        bff = make_bff(cache=cache)
        bff.service.answer = lambda _: Response(404, {}, b"")
        assert [await dish(bff.context(dish), id=1) for _ in range(2)] == [None, None]
        assert len(bff.service.requests) == calls


async def test_failures_are_never_kept(make_bff):
    """CA-10: that is the breaker's work."""
    bff = make_bff(cache={"default_ttl": "1m", "negative_ttl": "5s"})
    bff.service.answer = lambda _: Response(500, {"cache-control": "max-age=60"}, b"")
    for _ in range(2):
        with pytest.raises(UpstreamError):
            await dish(bff.context(dish), id=1)

    assert len(bff.service.requests) == 2


async def test_a_body_that_cannot_be_read_is_never_kept(make_bff):
    bff = make_bff()
    page = Response(200, {"content-type": "text/html", "cache-control": "max-age=60"}, b"<html>")
    bff.service.answer = lambda _: page
    for _ in range(2):
        with pytest.raises(UpstreamError):
            await dish(bff.context(dish), id=1)

    assert len(bff.service.requests) == 2


async def test_a_batch_asks_only_for_the_keys_it_lacks(make_bff, reply):
    """97 of 100 are fresh: 3 are asked for."""
    bff = make_bff()
    bff.service.answer = lambda request: reply(
        [{"id": one, "name": f"dish {one}"} for one in ids(request)], cache_control="max-age=60"
    )
    await dishes.many(bff.context(dishes), range(97))

    found = await dishes.many(bff.context(dishes), range(100))

    assert [one.id for one in found] == [str(number) for number in range(100)]
    assert [len(ids(request)) for request in bff.service.requests] == [97, 3]


async def test_a_batch_with_a_broken_service_gives_what_is_there(make_bff, reply):
    """Fresh, stale and absent keys each get what they can."""
    bff = make_bff(cache={"stale_if_error": "1h"})
    bff.service.answer = lambda request: reply(
        [{"id": one, "name": "n"} for one in ids(request)], cache_control="max-age=60"
    )
    await dishes.many(bff.context(dishes), ["old"])
    await bff.clock.advance(61)
    await dishes.many(bff.context(dishes), ["fresh"])
    bff.service.answer = lambda _: DOWN.fresh()

    context = bff.context(dishes)
    fresh, old, absent = await dishes.many(context, ["fresh", "old", "absent"])

    assert (fresh.id, old.id) == ("fresh", "old")
    assert absent.outcome is Outcome.CONNECT
    assert [(noted.place, noted.note.reason, noted.note.age_ms) for noted in context.noted] == [
        (1, "STALE_IF_ERROR", 61_000)
    ]


async def test_stale_data_stands_in_for_a_failure_and_tells_its_age(make_bff, reply):
    """CA-9, PD-12."""
    bff = make_bff()
    bff.service.answer = lambda _: reply({"id": "1", "name": "S"}, cache_control="max-age=1, stale-if-error=60")
    await dish(bff.context(dish), id=1)
    await bff.clock.advance(30.25)
    bff.service.answer = lambda _: Response(503, {}, b"")

    context = bff.context(dish)
    found = await dish(context, id=1)
    await bff.clock.advance(40)

    assert found.name == "S"
    assert [(noted.note.reason, noted.note.age_ms) for noted in context.noted] == [("STALE_IF_ERROR", 30_250)]
    assert context.operation.max_age == 0
    with pytest.raises(UpstreamError):
        await dish(bff.context(dish), id=1)


async def test_cb_14_an_open_breaker_is_no_reason_to_have_nothing(make_bff, reply):
    """Stale data stands in while the service is left alone, and what is fresh is not even affected."""
    bff = make_bff(policy={"breaker": {"min_calls": 2, "consecutive_failures": 1}})
    control = "max-age=1, stale-if-error=60"
    bff.service.answer = lambda _: reply({"id": "1", "name": "S"}, cache_control=control)
    await dish(bff.context(dish), id=1)
    await bff.clock.advance(5)
    bff.service.answer = lambda _: DOWN.fresh()
    await dish(bff.context(dish), id=1)
    assert bff.upstreams["catalog"].pipelines.circuits["default"].state == "open"
    asked = len(bff.service.requests)

    found = await dish(bff.context(dish), id=1)

    assert found.name == "S"
    assert len(bff.service.requests) == asked


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409])
async def test_a_refusal_is_never_covered_up(make_bff, reply, status):
    """CA-9: AUTH, NOT_FOUND and CLIENT_ERROR never fall back to stale."""
    bff = make_bff(cache={"stale_if_error": "1h"})
    bff.service.answer = lambda _: reply({"id": "1", "name": "S"}, cache_control="max-age=1")
    await dish(bff.context(dish), id=1)
    await bff.clock.advance(2)
    bff.service.answer = lambda _: Response(status, {}, b"")

    if status == 404:
        assert await dish(bff.context(dish), id=1) is None
    else:
        with pytest.raises(UpstreamError):
            await dish(bff.context(dish), id=1)


async def test_lifetimes_are_spread_and_never_lengthened(make_bff, reply):
    """CA-15: what is stored together does not end together, and no explicit lifetime is outstayed."""
    bff = make_bff(cache={"ttl_jitter": "10%"})
    bff.service.answer = lambda request: reply({"id": "1", "name": "S"}, cache_control="max-age=100")
    for number in range(100):
        await dish(bff.context(dish), id=number)
    await bff.clock.advance(95)
    bff.service.requests.clear()
    for number in range(100):
        await dish(bff.context(dish), id=number)
    asked = len(bff.service.requests)

    assert 30 < asked < 70
    for kept in bff.entries._local._slots.values():
        assert kept.value.ttl <= 100.0


async def test_an_entry_of_another_release_is_fetched_anew(make_bff, reply):
    """A release that added a field must not fail on what its predecessor kept."""
    bff = make_bff()
    bff.service.answer = lambda _: reply({"id": "1"}, cache_control="max-age=60")
    old = catalog.get("/dishes/{id}", returns=msgspec.Raw, name="dish")
    await old(bff.context(old), id=1)
    bff.service.answer = lambda _: reply({"id": "1", "name": "S"}, cache_control="max-age=60")

    assert (await dish(bff.context(dish), id=1)).name == "S"


async def test_the_local_tier_has_its_bounds(make_bff, reply):
    """CA-11: what was longest unused makes room; what is too large is not kept."""
    from bff.policy.caching import StorePolicy  # noqa: PLC0415 - beside its use

    bff = make_bff(store_policy=StorePolicy(local_entries=3, entry_max="4KiB"))
    bff.service.answer = lambda request: reply(
        {"id": "1", "name": "x" * (9000 if "big" in request.target else 1)}, cache_control="max-age=60"
    )
    for one in 1, 2, 3, 1, 4, 1, 2, "big", "big":
        await dish(bff.context(dish), id=one)

    assert [request.target.rpartition("/")[2] for request in bff.service.requests] == [
        "1", "2", "3", "4", "2", "big", "big",
    ]  # fmt: skip


async def test_the_shortest_part_decides_how_long_an_answer_may_be_kept(make_bff, reply):
    """CA-22."""
    bff = make_bff()
    ages = {"/dishes/1": "public, max-age=60", "/dishes/2": "public, max-age=20"}
    bff.service.answer = lambda request: reply({"id": "1", "name": "S"}, cache_control=ages[request.target])

    context = bff.context(dish)
    for number in 1, 2:
        await dish(context, id=number)
    await bff.clock.advance(5)
    later = bff.context(dish)
    for number in 1, 2:
        await dish(later, id=number)

    assert (context.operation.max_age, context.operation.private) == (20, False)
    assert (later.operation.max_age, later.operation.private) == (15, False)
