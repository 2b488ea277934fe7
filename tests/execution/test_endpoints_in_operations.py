"""Resolvers, loaders and the deadline together, over a scripted transport."""

import asyncio
from collections.abc import Sequence
from random import Random

import msgspec
import pytest
import strawberry

from bff import Context, Upstream, batched, field, resolver
from bff.clock import SystemClock
from bff.execution.messages import GraphQLRequest
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.testing import VirtualClock
from bff.upstream.client import open_upstreams
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome


class Dish(msgspec.Struct, frozen=True):
    id: str
    name: str


class Placed(msgspec.Struct, frozen=True):
    id: str


catalog = Upstream("catalog")
dishes = catalog.batch("/dishes", ids="ids", returns=list[Dish], key="id")
place = catalog.post("/orders", body=Placed, returns=Placed)


@resolver(calls=[])
async def lines(context: Context) -> Sequence[str]:
    return ["a", "b"]


@batched(calls=[dishes])
async def name_of(parents: Sequence[str], context: Context) -> Sequence[object]:
    found = await dishes.many(context, list(parents))
    return [dish.name if isinstance(dish, Dish) else dish for dish in found]


@resolver(calls=[place])
async def place_order(context: Context) -> str:
    return (await place(context, Placed("o1"))).id


@strawberry.type
class Line:
    name: str | None = field(name_of)


@strawberry.type
class Query:
    lines: list[Line] = field(lines)


@strawberry.type
class Mutation:
    place: str | None = field(place_order)


class Transport:
    """Answers after a while, or fails."""

    def __init__(self, clock):
        self.clock = clock
        self.seconds = 1.0
        self.error = None
        self.requests = []
        self.cancelled = 0

    async def send(self, request):
        self.requests.append(request)
        try:
            await self.clock.sleep(self.seconds)
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        body = {"id": "o1"} if request.method == "POST" else [{"id": id_, "name": id_ * 3} for id_ in "ab"]
        return Response(200, {"content-type": "application/json"}, msgspec.json.encode(body))

    async def close(self):
        pass


@pytest.fixture
def services(world):
    """Return a function that makes a world whose resolvers call `catalog` over a scripted transport."""

    def make(clock):
        it = world(strawberry.Schema(Query, Mutation), clock=clock)
        it.transport = Transport(clock)
        it.engine._upstreams = open_upstreams(
            {
                "catalog": UpstreamPolicy(
                    hosts=["http://127.0.0.1:9"],
                    timeouts={"total": "60s", "attempt": "60s"},
                    breaker={"window": "120s"},
                )
            },
            OperationsPolicy(),
            open_transport=lambda _: it.transport,
            clock=clock,
            rng=Random(1),
            notify=it.events.append,
        )
        return it

    return make


@pytest.fixture
def service(services):
    """Return such a world on a virtual clock."""
    return services(VirtualClock())


async def test_one_wave_is_one_call(service):
    answer = await service.timed("{ lines { name } }")

    assert answer.body == {"data": {"lines": [{"name": "aaa"}, {"name": "bbb"}]}}
    assert len(service.transport.requests) == 1


async def test_one_failed_call_is_one_error_at_each_place(service, codes):
    service.transport.error = UpstreamError(Outcome.RESET, "gone")

    answer = await service.timed("{ lines { name } }")

    assert answer.body["data"] == {"lines": [{"name": None}, {"name": None}]}
    assert codes(answer) == {"lines.0.name": "UPSTREAM_UNAVAILABLE", "lines.1.name": "UPSTREAM_UNAVAILABLE"}
    assert answer.body["errors"][0]["extensions"]["upstream"] == "Catalog"


async def test_a_call_ends_before_the_deadline_and_says_so(services, codes):
    """DL-4: a call stops a little earlier than its operation, so that the error can name the service."""
    service = services(SystemClock())
    service.transport.seconds = 60

    answer = await service.ask("{ lines { name } }", seconds=0.1)

    assert set(codes(answer).values()) == {"DEADLINE_EXCEEDED"}
    assert {error["extensions"]["upstream"] for error in answer.body["errors"]} == {"Catalog"}
    assert service.transport.cancelled == 1


async def test_a_leaving_client_ends_the_call_to_the_service(service):
    """DL-10: the cancellation reaches the transport."""
    before = asyncio.all_tasks()
    asking = asyncio.create_task(service.engine.execute(GraphQLRequest("{ lines { name } }"), service.ingress()))
    await service.clock.advance(0.5)

    asking.cancel()
    await asyncio.wait({asking})
    await service.clock.advance(0)

    assert service.transport.cancelled == 1
    assert asyncio.all_tasks() - before == set()


async def test_a_placed_order_is_waited_for_when_its_client_has_left(service):
    asking = asyncio.create_task(service.engine.execute(GraphQLRequest("mutation { place }"), service.ingress()))
    await service.clock.advance(0.5)

    asking.cancel()
    await asyncio.wait({asking})
    await service.clock.advance(5)

    assert service.transport.cancelled == 0
    assert service.told == []


async def test_a_lost_answer_to_an_order_leaves_it_in_doubt(service):
    service.transport.error = UpstreamError(Outcome.RESET, "gone")

    answer = await service.timed("mutation { place }")

    assert answer.body["errors"][0]["extensions"]["outcome"] == "unknown"
