"""A small application in which every way of calling a service stands once."""

from datetime import timedelta
from types import SimpleNamespace

import msgspec
import pytest
import strawberry
from graphql import parse

from bff import Context, Upstream, batched, field, resolver
from bff.explain import Explainer, Question
from bff.policy.caching import Cache, Fallback
from bff.policy.load import PolicySet
from bff.policy.model import OperationsPolicy, UpstreamPolicy
from bff.policy.resilience import Retry, Timeouts

HOSTS = ("http://127.0.0.1:1",)


class Thing(msgspec.Struct, frozen=True):
    id: str


shop = Upstream("shop")
people = Upstream("people")
spare = Upstream("spare")
all_things = shop.get("/things{?limit}", returns=list[Thing], name="all_things")
things = shop.batch("/things/by-ids", ids="ids", returns=list[Thing], key="id", max_keys=4, name="things")
label = shop.get("/things/{id}/label", returns=Thing, name="label")
owners = people.batch("/owners", ids="ids", returns=list[Thing], key="id", max_keys=100, name="owners")
owner = people.get("/owner", returns=Thing, name="owner")
notice = spare.get("/notice", returns=Thing, name="notice")
news = shop.get("/news", returns=Thing, otherwise=notice, name="news")
buy = shop.post("/buy", returns=Thing, name="buy")
order = shop.post("/order", returns=Thing, headers=("idempotency-key",), name="order")


@resolver(calls=[all_things])
async def find_things(context: Context, first: int = 3) -> list[Thing]:
    raise NotImplementedError


@resolver(calls=[things, owners])
async def find_nodes(context: Context, ids: list[strawberry.ID]) -> list[Thing]:
    raise NotImplementedError


@resolver(calls=[news])
async def find_news(context: Context) -> Thing:
    raise NotImplementedError


@resolver(calls=[label])
async def find_label(thing: Thing, context: Context) -> Thing:
    raise NotImplementedError


@batched(calls=[things])
async def find_next(parents: list[Thing], context: Context) -> list[Thing]:
    raise NotImplementedError


@batched(calls=[owners])
async def find_owner(parents: list[Thing], context: Context) -> list[Thing]:
    raise NotImplementedError


@batched(calls=[owner])
async def find_shop_owner(parents: list[Thing], context: Context) -> list[Thing]:
    raise NotImplementedError


@resolver(calls=[buy])
async def do_buy(context: Context) -> Thing:
    raise NotImplementedError


@resolver(calls=[order])
async def do_order(context: Context) -> Thing:
    raise NotImplementedError


@strawberry.type
class Person:
    id: strawberry.ID


@strawberry.type(name="Thing")
class ThingType:
    id: strawberry.ID
    label: Person | None = field(find_label)
    next: "ThingType | None" = field(find_next)
    owner: Person | None = field(find_owner)
    strict_owner: Person = field(find_owner)
    shop_owner: Person | None = field(find_shop_owner)


@strawberry.type
class Query:
    things: list[ThingType] | None = field(find_things)
    nodes: list[ThingType | None] | None = field(find_nodes)
    news: Person | None = field(find_news)
    strict_news: Person = field(find_news)

    @strawberry.field
    async def plain(self) -> str:
        raise NotImplementedError


@strawberry.type
class Mutation:
    buy: ThingType | None = field(do_buy)
    order: ThingType | None = field(do_order)


SCHEMA = strawberry.Schema(Query, Mutation)._schema


def milliseconds(number):
    return timedelta(milliseconds=number)


def upstream(*, total=1000, attempt=400, attempts=2, cache=None, fallback=None):
    return UpstreamPolicy(
        hosts=HOSTS,
        timeouts=Timeouts(
            total=milliseconds(total),
            attempt=milliseconds(attempt),
            connect=milliseconds(10),
            queue=milliseconds(50),
        ),
        retry=Retry(attempts=attempts, retry_after_max_wait=milliseconds(0), first_delay=milliseconds(20)),
        cache=cache or Cache(scope="off"),
        fallback=fallback or Fallback(),
    )


@pytest.fixture
def explain():
    """Return a function that explains a query of the small application under chosen policies."""

    def ask(query, *, sizes=None, without=(), variables=None, operation_name=None, operations=None, **upstreams):
        policies = PolicySet(
            operations=operations or OperationsPolicy(),
            upstreams={"shop": upstream(), "people": upstream(), "spare": upstream(), **upstreams},
        )
        question = Question(parse(query), operation_name, variables or {}, without, sizes or {})
        return Explainer(SCHEMA, policies).explain(question)

    return ask


@pytest.fixture
def policy():
    """Functions that make policies."""
    return SimpleNamespace(
        upstream=upstream, cache=Cache, fallback=Fallback, operations=OperationsPolicy, milliseconds=milliseconds
    )
