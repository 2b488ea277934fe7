"""How orders are paid."""

from collections.abc import Sequence
from uuid import UUID

from bff import Context, batched, resolver
from resolvers.changes import Change, attempt, not_found
from upstreams import orders, payments
from upstreams.accounts import User
from upstreams.orders import Order
from upstreams.payments import Charge, NewCharge, PaymentMethod


@resolver(calls=[payments.methods])
async def payment_methods(viewer: User, context: Context) -> Sequence[PaymentMethod]:  # noqa: ARG001 - by credentials
    """Return what the viewer can pay with."""
    return await payments.methods(context)


@batched(calls=[payments.charges])
async def charge(orders: Sequence[Order], context: Context) -> Sequence[Charge | None | Exception]:
    """Return the payment of each of *orders*, None where none was made."""
    return await payments.charges.many(context, [order.id for order in orders])


@resolver(calls=[orders.order, payments.charge_order])
async def pay_order(context: Context, id: str, method_id: str, idempotency_key: UUID) -> Change[Charge]:  # noqa: A002
    """Pay what an order costs, once for each key however often it is sent."""
    order = await orders.order(context, id=id)
    if order is None:
        return not_found("There is no such order.")
    new = NewCharge(order.id, method_id, order.total)
    headers = {"idempotency-key": str(idempotency_key)}
    return await attempt(payments.charge_order(context, new, headers=headers))
