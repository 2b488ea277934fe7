"""Copies of calls go to other hosts when the real answer is there; nothing but a counter notices."""

import asyncio
from random import Random

import msgspec
import pytest

from bff.context import Context, Deadline, Operation
from bff.events import AttemptFinished, CallFinished, ShadowCompared
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.testing.simulation.virtual_loop import LoopClock, run
from bff.upstream.client import open_upstreams
from bff.upstream.declare import Upstream
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome

catalog = Upstream("catalog")
menu = catalog.get("/menu", returns=dict[str, int], name="menu")
place = catalog.post("/orders", returns=dict[str, int], name="place")
search = catalog.query("{ found }", at="found", returns=int, name="search")
ENDPOINTS = frozenset({menu, place, search})


class Service:
    """One set of hosts; answers with its body after its time."""

    def __init__(self, clock, seconds=0.01):
        self.clock = clock
        self.seconds = seconds
        self.body = {"pasta": 12}
        self.status = 200
        self.headers = {}
        self.requests = []

    async def send(self, request):
        self.requests.append((self.clock.now(), request))
        await self.clock.sleep(self.seconds)
        if isinstance(self.status, Exception):
            raise self.status
        body = {"data": {"found": 1}} if request.target == "/graphql" else self.body
        return Response(
            self.status, {"content-type": "application/json", **self.headers}, msgspec.json.encode(body)
        )

    async def close(self):
        pass


class World:
    """An upstream whose every call is copied, if policy does not say otherwise."""

    def __init__(self, loop, shadow, **policy):
        self.clock = LoopClock(loop)
        self.events = []
        self.real, self.other = Service(self.clock), Service(self.clock, 0.5)
        services = iter((self.real, self.other))
        self.upstreams = open_upstreams(
            {
                "catalog": UpstreamPolicy(
                    hosts=["http://127.0.0.1:1"],
                    shadow={"hosts": ["http://127.0.0.1:2/next"], "share": "100%", **shadow},
                    **{"cache": {"scope": "off"}, **policy},
                )
            },
            OperationsPolicy(),
            open_transport=lambda _: next(services),
            clock=self.clock,
            rng=Random(1),
            notify=self.events.append,
        )

    async def ask(self, endpoint=menu, **headers):
        operation = Operation("r", Deadline.after(5, self.clock), self.upstreams, headers=headers)
        return await endpoint(Context(operation, ENDPOINTS, "test"))

    async def compared(self):
        """Return how the copies went, when all have ended."""
        await self.clock.sleep(5)
        return [event.result for event in self.events if isinstance(event, ShadowCompared)]

    @property
    def shadow(self):
        return self.upstreams["catalog"].pipelines.shadow


def play(scenario, shadow=None, **policy):
    async def main(loop):
        world = World(loop, shadow or {}, **policy)
        try:
            return await scenario(world)
        finally:
            await world.upstreams.close()

    return run(main)


def test_the_client_does_not_wait_and_the_copy_is_what_was_sent():
    async def scenario(world):
        started = world.clock.now()
        assert await world.ask(**{"accept-language": "de"}) == {"pasta": 12}
        assert world.clock.now() - started == pytest.approx(0.01, abs=0.001)

        assert await world.compared() == ["same"]
        ((sent, copy),) = world.other.requests
        ((_, original),) = world.real.requests
        assert sent == pytest.approx(started + 0.01, abs=0.001), "not before the real answer was there"
        assert (copy.method, copy.target, str(copy.origin)) == ("GET", "/next/menu", "http://127.0.0.1:2")
        assert copy.headers["accept-language"] == original.headers["accept-language"] == "de"
        assert copy.headers["x-bff-shadow"] == "1"
        assert "x-bff-shadow" not in original.headers

    play(scenario)


def test_credentials_travel_too(monkeypatch):
    """The other hosts must be trusted as much; the reference says so."""
    monkeypatch.setenv("CATALOG_KEY", "SECRETkey")

    async def scenario(world):
        await world.ask()
        await world.compared()
        ((_, copy),) = world.other.requests
        assert copy.headers["x-api-key"] == "Bearer SECRETkey"

    play(scenario, credentials={"mode": "static", "header": "x-api-key", "secret": "env:CATALOG_KEY"})


def test_differences_are_told_by_place_and_kept_without_values():
    async def scenario(world):
        world.other.body = {"pasta": 13, "pizza": 1}
        await world.ask()

        assert await world.compared() == ["different"]
        (last,) = world.shadow.last
        assert (last.endpoint, sorted(last.differences)) == ("menu", [("pasta", "value"), ("pizza", "added")])
        assert world.shadow.counts == {"different": 1}

    play(scenario)


@pytest.mark.parametrize(
    ("shadow", "body", "result"),
    [
        ({"ignore": ["pasta"]}, {"pasta": 13}, "same"),
        ({"compare": False}, {"pasta": 13}, "unread"),
        ({"max_compared": "1B"}, {"pasta": 13}, "different"),
    ],
)
def test_what_is_compared_is_policys(shadow, body, result):
    async def scenario(world):
        world.other.body = body
        await world.ask()
        return await world.compared()

    assert play(scenario, shadow) == [result]


@pytest.mark.parametrize(
    "trouble", [503, UpstreamError(Outcome.CONNECT, "refused"), "silence"], ids=["503", "refused", "silence"]
)
def test_their_trouble_is_counted_and_felt_by_nobody(trouble):
    async def scenario(world):
        if trouble == "silence":
            world.other.seconds = 1000.0
        else:
            world.other.status = trouble
        for _ in range(30):
            assert await world.ask() == {"pasta": 12}
            await world.clock.sleep(3)

        pipelines = world.upstreams["catalog"].pipelines
        assert pipelines.circuits["default"].state == "closed"
        assert pipelines.permits.in_flight == 0
        assert len([event for event in world.events if isinstance(event, AttemptFinished)]) == 30
        assert {event.outcome for event in world.events if isinstance(event, CallFinished)} == {Outcome.OK}
        return set(await world.compared())

    assert play(scenario) == {"different" if trouble == 503 else "failed"}


def test_only_so_many_are_under_way_and_the_rest_is_dropped():
    async def scenario(world):
        await asyncio.gather(*(world.ask() for _ in range(10)))
        return sorted(await world.compared())

    assert play(scenario, {"concurrency": 3}) == ["dropped"] * 7 + ["same"] * 3


@pytest.mark.parametrize(
    ("shadow", "copied"),
    [
        ({}, ["/next/menu"]),
        ({"methods": ["GET", "POST"]}, ["/next/menu", "/next/graphql"]),
        ({"methods": ["GET", "POST"], "unsafe": True}, ["/next/menu", "/next/orders", "/next/graphql"]),
        ({"share": 1e-9}, []),
    ],
)
def test_which_calls_are_copied(shadow, copied):
    """What may change something is not, unless policy says in two places that it may."""

    async def scenario(world):
        for endpoint in (menu, place, search):
            await world.ask(endpoint)
        await world.compared()
        return [request.target for _, request in world.other.requests]

    assert play(scenario, shadow) == copied


def test_a_share_is_copied():
    async def scenario(world):
        world.other.seconds = 0.0
        for _ in range(500):
            await world.ask()
        return len(world.other.requests)

    assert play(scenario, {"share": "20%"}) == pytest.approx(100, abs=40)


def test_failures_and_confirmations_have_nothing_to_compare():
    """A failed call and a 304 are not copied; the copy of a revalidation would be another question."""

    async def scenario(world):
        world.real.headers = {"etag": '"1"', "cache-control": "max-age=1"}
        await world.ask()
        await world.clock.sleep(100)
        world.real.status = 304
        assert await world.ask() == {"pasta": 12}
        await world.clock.sleep(100)
        world.real.status = 500
        with pytest.raises(UpstreamError):
            await world.ask()
        return await world.compared()

    assert play(scenario, cache={"scope": "auto", "stale_if_error": "0s"}, retry={"attempts": 1}) == ["same"]


def test_an_upstream_without_one_has_no_such_stage():
    async def scenario(world):
        await world.ask()
        return world.shadow, world.other.requests

    assert play(scenario, {"hosts": []}) == (None, [])
