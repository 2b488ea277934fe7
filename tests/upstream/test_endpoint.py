"""Endpoints send what they declare, return what they declare, and refuse what nobody declared."""

import asyncio
from enum import StrEnum
from types import SimpleNamespace

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.policy.model import OperationsPolicy
from bff.upstream.client import UnknownUpstream
from bff.upstream.declare import Upstream
from bff.upstream.endpoint import NotAContext, UndeclaredCall
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Item, Response
from bff.upstream.outcome import Outcome
from bff.upstream.template import query_string


class Dish(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    long_name: str = ""


class NewDish(msgspec.Struct, rename="camel"):
    long_name: str


catalog = Upstream("catalog")
dish = catalog.get("/dishes/{id}{?lang}", returns=Dish)
dish_or_none = catalog.get("/dishes/{id}", returns=Dish | None)
dishes = catalog.batch("/dishes", ids="ids", returns=list[Dish], key="id", max_keys=2)
add = catalog.post("/dishes", body=NewDish, returns=Dish, headers=("idempotency-key",))
remove = catalog.delete("/dishes/{id}", returns=None)
top = catalog.query("query($n: Int) { top(n: $n) { id } }", at="top", returns=list[Dish])
by_ids = catalog.batch_query(
    "query($ids: [ID!]!) { dishes(ids: $ids) { id } }",
    ids="ids",
    at="dishes",
    returns=list[Dish],
    key="id",
    max_keys=2,
)
stranger = Upstream("stranger").get("/", returns=Dish)


def test_an_endpoint_is_named_after_its_variable():
    assert str(dishes) == "catalog.dishes"
    assert repr(dish) == "<catalog.dish GET /dishes/{id}{?lang}>"
    assert str(catalog.get("/x", returns=Dish, name="named")) == "catalog.named"


async def test_a_get_asks_for_its_target_and_returns_its_type(world, make_reply):
    world.transport.answer = lambda request: make_reply({"id": "d1", "longName": "Pho"})

    assert await dish(world.context(dish), id="d1", lang="vi") == Dish("d1", "Pho")

    (request,) = world.transport.requests
    assert (request.method, request.target, request.body) == ("GET", "/dishes/d1?lang=vi", None)
    assert request.headers["accept"] == "application/json"
    assert request.headers["x-request-id"] == "req-1"


async def test_equal_gets_of_one_operation_are_one_call(world, make_reply):
    world.transport.answer = lambda request: make_reply({"id": "d1"})
    context = world.context(dish)

    await asyncio.gather(dish(context, id="d1"), dish(context, id="d1"), dish(context, id="d2"))

    assert sorted(request.target for request in world.transport.requests) == ["/dishes/d1", "/dishes/d2"]


async def test_a_value_that_the_operation_knows_is_returned_without_waiting(world, make_reply):
    world.transport.answer = lambda request: make_reply({"id": "d1"})
    context = world.context(dish)
    found = await dish(context, id="d1")

    with pytest.raises(StopIteration) as returned:
        dish(context, id="d1").send(None)

    assert returned.value.value is found


async def test_who_leaves_an_equal_get_does_no_harm_to_the_others(world, make_reply):
    """DL-3: the first asker made the call, and may leave all the same."""
    answered = asyncio.Event()

    async def answer(request):
        await answered.wait()
        return make_reply({"id": "d1"})

    world.transport.answer = answer
    context = world.context(dish)
    first, second = (asyncio.ensure_future(dish(context, id="d1")) for _ in range(2))
    while not world.transport.requests:  # noqa: ASYNC110 - the transport has no event
        await asyncio.sleep(0)

    first.cancel()
    await asyncio.sleep(0)
    answered.set()

    assert await second == Dish("d1")
    assert len(world.transport.requests) == 1


async def test_operations_share_nothing(world, make_reply):
    """Lesson 12: a shared loader hands one user's data to another."""
    world.transport.answer = lambda request: make_reply({"id": "d1"})

    await dish(world.context(dish), id="d1")
    await dish(world.context(dish), id="d1")

    assert len(world.transport.requests) == 2


@pytest.mark.parametrize("status", [404, 410])
async def test_what_is_not_there_is_none_or_an_error_as_declared(world, make_reply, status):
    world.transport.answer = lambda request: make_reply({"title": "Not found"}, status)

    assert await dish_or_none(world.context(dish_or_none), id="d1") is None
    with pytest.raises(UpstreamError) as told:
        await dish(world.context(dish), id="d1")
    assert told.value.outcome is Outcome.NOT_FOUND
    assert (told.value.upstream, told.value.endpoint) == ("catalog", "dish")


async def test_a_post_sends_its_body_and_declared_headers_once(world, make_reply):
    world.transport.answer = lambda request: make_reply({"id": "d9", "longName": "Pho"}, 201)
    context = world.context(add, kind="mutation")

    await add(context, NewDish("Pho"), headers={"idempotency-key": "k1"})

    (request,) = world.transport.requests
    assert (request.method, request.target, request.body) == ("POST", "/dishes", b'{"longName":"Pho"}')
    assert request.headers["content-type"] == "application/json"
    assert request.headers["idempotency-key"] == "k1"
    assert context.operation.dispatched


async def test_a_body_may_be_any_object_with_the_attributes(world, make_reply):
    """A resolver passes on the Strawberry input that it received; only what the type declares is sent."""
    world.transport.answer = lambda request: make_reply({"id": "d9"}, 201)

    await add(world.context(add), SimpleNamespace(long_name="Pho", other=1))

    assert world.transport.requests[0].body == b'{"longName":"Pho"}'


async def test_equal_posts_are_not_one_call(world, make_reply):
    world.transport.answer = lambda request: make_reply({"id": "d9"}, 201)
    context = world.context(add)

    await asyncio.gather(add(context, NewDish("Pho")), add(context, NewDish("Pho")))

    assert len(world.transport.requests) == 2


async def test_no_content_is_none(world):
    world.transport.answer = lambda request: Response(204, {}, b"")

    assert await remove(world.context(remove), id="d1") is None


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda context: add(context, Dish("d1")), "catalog.add takes NewDish, not Dish"),
        (add, "catalog.add takes NewDish, not NoneType"),
        (lambda context: add(context, NewDish("x"), headers={"x-a": "1"}), "declares no header 'x-a'"),
        (lambda context: dish(context, name="d1"), "unknown 'name'; missing 'id'"),
    ],
)
async def test_a_call_that_does_not_fit_the_declaration_names_what_fits(world, call, message):
    with pytest.raises(TypeError) as refused:
        await call(world.context(add, dish))

    assert message in str(refused.value)
    assert world.transport.requests == []


async def test_an_undeclared_call_names_resolver_endpoint_and_fix(world):
    with pytest.raises(UndeclaredCall) as refused:
        await dishes.many(world.context(dish), ["d1"])

    assert "resolvers.test calls catalog.dishes without declaring it" in str(refused.value)
    assert "@batched(calls=[catalog.dishes])" in str(refused.value)
    assert world.transport.requests == []


async def test_a_call_without_context_names_what_to_pass():
    with pytest.raises(NotAContext, match=r"catalog\.dish was called with dict instead of a Context"):
        await dish({}, id="d1")


async def test_an_upstream_without_policy_names_the_file_to_write(world):
    with pytest.raises(UnknownUpstream, match=r"write policies/upstreams/stranger\.yaml"):
        await stranger(world.context(stranger))


async def test_a_batch_collects_dedupes_splits_and_keeps_order(world, make_reply):
    def answer(request):
        ids = request.target.partition("ids=")[2].split(",")
        return make_reply([{"id": one} for one in reversed(ids) if one != "gone"])

    world.transport.answer = answer
    context = world.context(dishes)

    first, second = await asyncio.gather(
        dishes.many(context, ["a", "gone", None, "a"]), dishes.many(context, ["c", "a"])
    )

    assert first == [Dish("a"), None, None, Dish("a")]
    assert second == [Dish("c"), Dish("a")]
    assert [request.target for request in world.transport.requests] == ["/dishes?ids=a,gone", "/dishes?ids=c"]


@given(st.lists(st.none() | st.integers(0, 3) | st.booleans() | st.sampled_from(["0", "1", "x,", ""])))
@settings(deadline=None)
def test_each_place_gets_the_value_of_its_key_however_often_it_is_asked_for(make_world, make_reply, keys):
    """Whatever is done once for equal keys, and for lists without None."""

    async def many():
        world = make_world()
        world.transport.answer = lambda request: make_reply(
            [{"id": one} for one in request.target.partition("ids=")[2].split(",") if one != "2"]
        )
        return await dishes.many(world.context(dishes), keys)

    found = asyncio.run(many())
    absent = {None, "x,", "", 2}
    assert found == [None if key in absent or isinstance(key, bool) else Dish(str(key)) for key in keys], (
        "a service that knows 1 does not know true"
    )


async def test_each_place_gets_an_error_of_its_own(world):
    """CA-12: also where one asker names a key twice."""
    world.transport.answer = lambda request: UpstreamError(Outcome.RESET, "gone")

    first, second, third = await dishes.many(world.context(dishes), ["a", "b", "a"])

    assert len({id(first), id(second), id(third)}) == 3
    assert {one.outcome for one in (first, second, third)} == {Outcome.RESET}


@pytest.mark.parametrize("key", ["a,b", ",", ""])
async def test_a_key_that_cannot_stand_in_a_list_is_nothing(world, key):
    """A client's id must not become two keys, nor push a batch over the service's maximum."""
    assert await dishes.many(world.context(dishes), [key]) == [None]
    assert world.transport.requests == []


async def test_one_key_and_many_of_one_moment_travel_together(make_world, make_reply):
    world = make_world()
    world.transport.answer = lambda request: make_reply([{"id": "a"}, {"id": "b"}])
    context = world.context(dishes)

    assert await asyncio.gather(dishes.one(context, "a"), dishes.many(context, ["b"])) == [Dish("a"), [Dish("b")]]
    assert [request.target for request in world.transport.requests] == ["/dishes?ids=a,b"]


class Kind(StrEnum):
    MAIN = "main"


@given(
    st.lists(
        st.one_of(
            st.integers(),
            st.text(min_size=1).filter(lambda key: "," not in key),
            st.booleans(),
            st.just(Kind.MAIN),
        ),
        min_size=1,
        max_size=5,
        unique_by=str,
    ),
    st.sampled_from([{}, {"lang": "vi"}]),
)
@settings(deadline=None)
def test_keys_are_written_as_any_list_in_a_query_is(make_world, make_reply, keys, arguments):
    """Plain keys are written faster than by the template's rule, and no differently."""
    batch = catalog.batch("/dishes{?lang}", ids="dish ids", returns=list[Dish], key="id", name="batch")

    async def targets():
        world = make_world()
        world.transport.answer = lambda request: make_reply([])
        await batch.many(world.context(batch), keys, **arguments)
        return [request.target for request in world.transport.requests]

    query = query_string([*arguments.items(), ("dish ids", keys)])
    assert asyncio.run(targets()) == [f"/dishes{query}"]


async def test_a_failed_chunk_costs_only_its_own_keys(world, make_reply):
    def answer(request):
        if "c" in request.target.partition("ids=")[2]:
            return UpstreamError(Outcome.RESET, "gone")
        return make_reply([{"id": "a"}, {"id": "b"}])

    world.transport.answer = answer

    a, b, c = await dishes.many(world.context(dishes), ["a", "b", "c"])

    assert (a, b) == (Dish("a"), Dish("b"))
    assert (c.outcome, c.upstream, c.endpoint) == (Outcome.RESET, "catalog", "dishes")


@pytest.mark.parametrize("endpoint", [dishes, by_ids])
def test_the_error_of_a_key_names_its_service_beside_kept_answers_of_others(endpoint):
    """Put together key by key, as when kept answers stand in for a failed call."""
    items = {"a": Item(b'{"id": "a"}'), "b": Item(UpstreamError(Outcome.CONNECT, "refused")), "c": Item(b"[]")}

    kept, failed, unreadable = endpoint._of_items(Response(200, {}, b"", items=items), "abc", dishes._decode.one)

    assert kept == Dish("a")
    for error in (failed, unreadable):
        assert (error.upstream, error.endpoint) == ("catalog", endpoint.name)


async def test_one_of_a_batch_raises_its_own_error(world, make_reply):
    world.transport.answer = lambda request: make_reply([{"id": "b", "longName": 5}])
    context = world.context(dishes)

    assert await dishes.one(context, "a") is None
    with pytest.raises(UpstreamError) as told:
        await dishes.one(context, "b")
    assert told.value.outcome is Outcome.BAD_PAYLOAD


async def test_a_graphql_service_is_sent_document_and_variables(world, make_reply):
    world.transport.answer = lambda request: make_reply({"data": {"top": [{"id": "a"}]}})

    assert await top(world.context(top), n=1) == [Dish("a")]

    (request,) = world.transport.requests
    assert (request.method, request.target) == ("POST", "/graphql")
    assert msgspec.json.decode(request.body) == {"query": top.document, "variables": {"n": 1}}


async def test_a_graphql_batch_is_split_and_matched_like_any_other(world, make_reply):
    def answer(request):
        ids = msgspec.json.decode(request.body)["variables"]["ids"]
        return make_reply({"data": {"dishes": [{"id": one} for one in ids if one != "b"]}})

    world.transport.answer = answer

    assert await by_ids.many(world.context(by_ids), ["a", "b", "c"]) == [Dish("a"), None, Dish("c")]
    assert len(world.transport.requests) == 2


async def test_only_headers_that_policy_lists_travel_on(make_world, make_reply):
    """UC-1: credentials are forwarded to nobody by default."""
    world = make_world({"forward": {"headers": ["authorization", "accept-language"]}})
    world.transport.answer = lambda request: make_reply({"id": "d1"})
    inbound = {"authorization": "Bearer x", "accept-language": "de", "cookie": "a=b", "x-forwarded-for": "1.2.3.4"}

    await dish(world.context(dish, headers=inbound), id="d1")

    sent = world.transport.requests[0].headers
    assert (sent["authorization"], sent["accept-language"]) == ("Bearer x", "de")
    assert not {"cookie", "x-forwarded-for"} & sent.keys()


async def test_dl_2_each_operation_has_its_own_deadline_whatever_task_asks(make_world, make_reply):
    """A deadline that came with the task would be that of whoever asked first."""
    world = make_world({"cache": {"coalesce": False}})
    world.transport.answer = lambda request: make_reply({"id": "d1"})

    async def both():
        for seconds in (4.0, 1.0):
            await dish(world.context(dish, seconds=seconds), id="d1")

    await asyncio.create_task(both())

    long, short = (int(request.headers["x-request-timeout-ms"]) for request in world.transport.requests)
    assert 1000 < long <= 2000, "the policy's attempt"
    assert short <= 950, "its own operation, less the reserve"


async def test_no_call_starts_without_time_for_it(make_world):
    """DL-4: zero bytes are sent when less than the least useful time is left."""
    world = make_world(operations=OperationsPolicy(deadline_reserve="50ms", min_attempt_time="10ms"))

    with pytest.raises(UpstreamError) as told:
        await dish(world.context(dish, seconds=0.055), id="d1")

    assert (told.value.code, told.value.phase, told.value.sent) == ("DEADLINE_EXCEEDED", "operation", False)
    assert world.transport.requests == []
