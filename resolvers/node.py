"""Any object by its id, whose letters say what it is."""

import asyncio
from collections.abc import Sequence
from typing import Any

from bff import Context, resolver
from bff.upstream.batch import Batch
from upstreams import accounts, catalog, couriers, orders
from upstreams.accounts import User
from upstreams.catalog import Dish, Restaurant
from upstreams.couriers import Courier
from upstreams.orders import Order

Node = User | Restaurant | Dish | Order | Courier

_BY_PREFIX: dict[str, Batch[Any]] = {
    "u": accounts.users,
    "r": catalog.restaurants_by_id,
    "d": catalog.dishes,
    "o": orders.orders_by_id,
    "c": couriers.couriers_by_id,
}


@resolver(calls=_BY_PREFIX.values())
async def nodes(context: Context, ids: Sequence[str]) -> Sequence[Node | None | Exception]:
    """Return the object with each of *ids*."""
    columns = await asyncio.gather(
        *(
            endpoint.many(context, [key if _prefix(key) == prefix else None for key in ids])
            for prefix, endpoint in _BY_PREFIX.items()
        )
    )
    return [next((found for found in row if found is not None), None) for row in zip(*columns, strict=True)]


@resolver(calls=_BY_PREFIX.values())
async def node(context: Context, id: str) -> Node | None:  # noqa: A002 - the argument's public name
    """Return the object with this id."""
    endpoint = _BY_PREFIX.get(_prefix(id))
    found: Node | None = await endpoint.one(context, id) if endpoint else None
    return found


def _prefix(key: str) -> str:
    """Return the letters before the number of an id such as `r12`."""
    return key.rstrip("0123456789")
