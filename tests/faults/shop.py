"""The application that the faults happen to: fields of a service in trouble beside fields of one that is well.

`bff serve --schema shop:schema` in this folder; services are `service.py`.
"""

import asyncio
import time
from collections.abc import Sequence

import msgspec
import strawberry

from bff import Context, Upstream, batched, field, resolver

shaky, steady, pair = Upstream("shaky"), Upstream("steady"), Upstream("pair")


class ThingOnWire(msgspec.Struct, frozen=True):
    """What every service answers; `who` is the credential that the call came with."""

    id: str
    who: str
    text: str = ""


class NewOrder(msgspec.Struct, frozen=True):
    """What is posted."""

    id: str


ThingOrNone = ThingOnWire | None
shaky_thing = shaky.get("/things/{id}", returns=ThingOrNone, name="thing")
shaky_other = shaky.get("/others/{id}", returns=ThingOrNone, name="other")
shaky_batch = shaky.batch("/batch", ids="ids", returns=list[ThingOnWire], key="id", name="batch")
shaky_order = shaky.post("/orders", body=NewOrder, returns=ThingOnWire, name="order")
steady_thing = steady.get("/things/{id}", returns=ThingOrNone, name="thing")
pair_thing = pair.get("/things/{id}", returns=ThingOrNone, name="thing")
pair_order = pair.post("/orders", body=NewOrder, returns=ThingOnWire, name="order")


@resolver(calls=[shaky_thing])
async def thing(context: Context, id: str) -> ThingOrNone:  # noqa: A002 - its public name
    return await shaky_thing(context, id=id)


@resolver(calls=[shaky_other])
async def other(context: Context, id: str) -> ThingOrNone:  # noqa: A002 - its public name
    return await shaky_other(context, id=id)


@resolver(calls=[steady_thing])
async def calm(context: Context, id: str) -> ThingOrNone:  # noqa: A002 - its public name
    return await steady_thing(context, id=id)


@resolver(calls=[pair_thing])
async def paired(context: Context, id: str) -> ThingOrNone:  # noqa: A002 - its public name
    return await pair_thing(context, id=id)


@resolver(calls=[])
async def keys(context: Context, ids: list[str]) -> Sequence[str]:
    return ids


@batched(calls=[shaky_batch])
async def thing_of_key(keys: Sequence[str], context: Context) -> Sequence[ThingOnWire | None | Exception]:
    return await shaky_batch.many(context, list(keys))


@resolver(calls=[])
async def stall(context: Context, ms: int) -> int:
    """Block the event loop, as a garbage collection or a careless resolver does."""
    await asyncio.sleep(0)
    time.sleep(ms / 1000)  # noqa: ASYNC251 - blocking is what it is for
    return ms


@resolver(calls=[shaky_order])
async def order(context: Context, id: str) -> ThingOnWire:  # noqa: A002 - its public name
    return await shaky_order(context, NewOrder(id))


@resolver(calls=[pair_order])
async def order_of_pair(context: Context, id: str) -> ThingOnWire:  # noqa: A002 - its public name
    return await pair_order(context, NewOrder(id))


@strawberry.type
class Thing:
    id: str
    who: str
    text: str


@strawberry.type
class Line:
    @strawberry.field
    def key(self) -> str:
        return str(self)

    thing: Thing | None = field(thing_of_key)


@strawberry.type
class Query:
    thing: Thing | None = field(thing)
    other: Thing | None = field(other)
    calm: Thing | None = field(calm)
    paired: Thing | None = field(paired)
    lines: list[Line] = field(keys)
    stall: int | None = field(stall)


@strawberry.type
class Mutation:
    order: Thing | None = field(order)
    order_of_pair: Thing | None = field(order_of_pair)


schema = strawberry.Schema(Query, Mutation)
