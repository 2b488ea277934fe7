"""Who brings orders, and where they are."""

from collections.abc import Sequence

from bff import Context, batched
from upstreams import couriers
from upstreams.couriers import Courier, Delivery
from upstreams.orders import Order


@batched(calls=[couriers.couriers_by_id])
async def courier(orders: Sequence[Order], context: Context) -> Sequence[Courier | None | Exception]:
    """Return who brings each of *orders*, None where nobody does yet."""
    return await couriers.couriers_by_id.many(context, [order.courier_id for order in orders])


@batched(calls=[couriers.deliveries])
async def delivery(orders: Sequence[Order], context: Context) -> Sequence[Delivery | None | Exception]:
    """Return how far each of *orders* is on its way, None where nobody brings it yet."""
    return await couriers.deliveries.many(context, [order.id for order in orders])
