"""Orders: a customer's own, and changes to them."""

from uuid import UUID

from bff import Context, resolver
from resolvers.changes import Change, attempt
from resolvers.paging import Connection, Cursor, Window
from upstreams import orders
from upstreams.accounts import User
from upstreams.orders import NewOrder, Order, OrderStatus


@resolver(calls=[orders.order])
async def order(context: Context, id: str) -> Order | None:  # noqa: A002 - the argument's public name
    """Return one order."""
    return await orders.order(context, id=id)


@resolver(calls=[orders.own_orders])
async def own_orders(
    viewer: User,  # noqa: ARG001 - the service knows the viewer by the forwarded credentials
    context: Context,
    first: int = 20,
    after: Cursor | None = None,
    status: OrderStatus | None = None,
) -> Connection[Order]:
    """Return the viewer's orders, newest first."""
    window = Window(first, after)
    page = await orders.own_orders(context, cursor=window.start.page, limit=window.limit, status=status)
    return window.connection(page)


@resolver(calls=[orders.place])
async def place_order(context: Context, input: NewOrder, idempotency_key: UUID) -> Change[Order]:  # noqa: A002
    """Place an order, once for each key however often it is sent."""
    return await attempt(orders.place(context, input, headers={"idempotency-key": str(idempotency_key)}))


@resolver(calls=[orders.cancel])
async def cancel_order(context: Context, id: str) -> Change[Order]:  # noqa: A002
    """Cancel an order that is not on its way yet."""
    return await attempt(orders.cancel(context, id=id))
