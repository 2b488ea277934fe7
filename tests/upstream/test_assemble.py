"""A way without the stages that do nothing for a call is the same way."""

import asyncio
from random import Random

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.testing import VirtualClock
from bff.upstream.client import open_upstreams
from bff.upstream.declare import Upstream
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.call import Call, Split
from bff.upstream.pipeline.fanout import Fanout

catalog = Upstream("catalog")
archive = catalog.get("/archive", returns=str, name="archive")
offer = catalog.get("/offer", returns=str, otherwise=archive, name="offer")
place = catalog.post("/orders", returns=str, name="place")

FALLBACKS = [
    {"on_failure": "error"},
    {"on_failure": "stale"},
    {"on_failure": "empty_list"},
    {"on_failure": "default", "default": 7},
]
CACHES = [
    {"scope": scope, "coalesce": coalesce} for scope in ("off", "auto", "public") for coalesce in (True, False)
]
ANSWERS = st.sampled_from(
    [
        Response(200, {"content-type": "application/json"}, b"[1]"),
        Response(200, {"content-type": "application/json", "cache-control": "max-age=60"}, b"[1]"),
        Response(404, {}, b""),
        Response(503, {}, b""),
        Response(500, {}, b""),
        UpstreamError(Outcome.TOO_LARGE, "as told"),
        UpstreamError(Outcome.CONNECT, "as told"),
    ]
)


def split_of(keys):
    """Return how a batch for *keys* falls into them."""

    def narrow(call, fewer):
        return msgspec.structs.replace(
            call, headers=dict(call.headers), target=target_of(fewer), split=split_of(fewer)
        )

    return Split(keys, "/batch", None, narrow, lambda response: dict.fromkeys(keys, response.body))


def target_of(keys):
    return f"/batch?ids={','.join(keys)}"


class Bench:
    """One upstream, whose service answers what it is told to, on a clock of its own."""

    def __init__(self, cache, fallback):
        self.clock = VirtualClock(turns=30)
        self.events, self.answers, self.requests = [], [], []
        policy = UpstreamPolicy(
            hosts=["http://127.0.0.1:1"],
            cache=cache,
            fallback=fallback,
            retry={"split_on": ["TOO_LARGE"]},
            endpoints={"special": {"timeouts": {"attempt": "1s"}}},
        )
        upstreams = open_upstreams(
            {"c": policy},
            OperationsPolicy(),
            open_transport=lambda limits: self,
            clock=self.clock,
            rng=Random(3),
            notify=self.events.append,
        )
        self.pipelines = upstreams["c"].pipelines

    async def send(self, request):
        await self.clock.sleep(0.01)
        self.requests.append((request.target, request.headers))
        answer = self.answers.pop(0) if self.answers else Response(200, {}, b"[]")
        if isinstance(answer, UpstreamError):
            raise answer.fresh()
        return answer

    async def close(self):
        pass

    async def ask(self, way, endpoint, targets, *, batch):
        """Make a call for each of *targets* at once; return how each ended."""

        async def one(target):
            keys = ("1", "2", "3", "4")
            call = Call("c", endpoint, "GET", target, {}, None, True, "r", self.clock.now() + 2, fanout=Fanout())
            call.cacheable = True
            if batch:
                call.target, call.split = target_of(keys), split_of(keys)
            try:
                response = await way(call)
            except UpstreamError as error:
                return str(error), error.suppressed
            items = {key: repr(item) for key, item in response.items.items()} if response.items else None
            return response.status, response.headers, response.body, response.note, response.keeping, items

        tasks = [asyncio.ensure_future(one(target)) for target in targets]
        await self.clock.advance(5)
        return await asyncio.gather(*tasks)


@settings(max_examples=80)
@given(
    cache=st.sampled_from(CACHES),
    fallback=st.sampled_from(FALLBACKS),
    steps=st.lists(
        st.tuples(
            st.sampled_from(["usual", "special"]),
            st.lists(st.sampled_from(["/a", "/a", "/b"]), min_size=1, max_size=3),
            st.booleans(),
            st.lists(ANSWERS, max_size=6),
        ),
        min_size=1,
        max_size=5,
    ),
)
async def test_a_call_that_reads_goes_the_same_way_without_what_does_nothing_for_it(cache, fallback, steps):
    whole, reading = Bench(cache, fallback), Bench(cache, fallback)

    for endpoint, targets, batch, answers in steps:
        whole.answers, reading.answers = list(answers), list(answers)
        ways = whole.pipelines, reading.pipelines
        default = ways[0].special.get(endpoint, ways[0].default)
        shorter = ways[1].special_reading.get(endpoint, ways[1].reading)

        told = await whole.ask(default, endpoint, targets, batch=batch)

        assert await reading.ask(shorter, endpoint, targets, batch=batch) == told
        assert reading.requests == whole.requests
        assert reading.events == whole.events


@pytest.mark.parametrize("cache", CACHES, ids=str)
async def test_another_source_stands_in_whatever_is_kept(make_world, make_reply, cache):
    world = make_world({"cache": cache, "retry": {"attempts": 1}})
    world.transport.answer = lambda request: make_reply("old", 200 if request.target == "/archive" else 503)

    assert await offer(world.context(offer)) == "old"


async def turns():
    """Let everything happen that waits for nothing outside."""
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_change_makes_nobody_join_a_read_that_began_before_it(make_world, make_reply):
    """CA-12: also where changes and reads go different ways."""
    world = make_world({"cache": {"scope": "public"}})
    answers = []

    async def answer(request):
        if request.method == "GET":
            answers.append(asyncio.get_running_loop().create_future())
            return await answers[-1]
        return make_reply("done")

    world.transport.answer = answer
    before = asyncio.ensure_future(archive(world.context(archive)))
    await turns()
    await place(world.context(place))
    after = asyncio.ensure_future(archive(world.context(archive)))
    await turns()
    answers[0].set_result(make_reply("old"))
    answers[1].set_result(make_reply("new"))

    assert (await before, await after) == ("old", "new")


async def test_each_call_of_an_operation_takes_over_what_its_service_may_have(make_world, make_reply):
    """UC-1: what was found out for the first call holds for the others, of the same service only."""
    world = make_world({"forward": {"headers": ["accept-language"]}})
    other = make_world({"forward": {"headers": ["traceparent"]}})
    for one in (world, other):
        one.transport.answer = lambda request: make_reply("x")
    inbound = {"accept-language": "de", "traceparent": "00-1", "cookie": "a=b", "x-attempt-count": "2"}
    context = world.context(archive, place, headers=inbound)

    await archive(context)
    await place(context)
    context.operation.upstreams, context.operation.loaders = other.upstreams, {}
    await archive(context)

    kept = [
        {name for name in request.headers if name in inbound}
        for request in (*world.transport.requests, *other.transport.requests)
    ]
    assert kept == [
        {"accept-language", "x-attempt-count"},
        {"accept-language", "x-attempt-count"},
        {"traceparent", "x-attempt-count"},
    ]


async def test_rt7_no_call_of_an_operation_is_repeated_whose_caller_repeats(make_world, make_reply):
    """RT-7: two layers that repeat would multiply."""
    world = make_world({"cache": {"scope": "off"}})
    world.transport.answer = lambda request: make_reply("x", 502)
    context = world.context(archive, headers={"x-attempt-count": "2"})
    for _ in range(2):
        with pytest.raises(UpstreamError) as told:
            await archive(context)
        assert told.value.suppressed == "caller_repeats"
        context.operation.loaders.clear()

    assert len(world.transport.requests) == 2
