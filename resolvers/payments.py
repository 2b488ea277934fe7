"""How orders are paid."""

from collections.abc import Sequence

from bff import Context, batched, resolver
from upstreams import payments
from upstreams.accounts import User
from upstreams.orders import Order
from upstreams.payments import Charge, PaymentMethod


@resolver(calls=[payments.methods])
async def payment_methods(viewer: User, context: Context) -> Sequence[PaymentMethod]:  # noqa: ARG001 - by credentials
    """Return what the viewer can pay with."""
    return await payments.methods(context)


@batched(calls=[payments.charges])
async def charge(orders: Sequence[Order], context: Context) -> Sequence[Charge | None | Exception]:
    """Return the payment of each of *orders*, None where none was made."""
    return await payments.charges.many(context, [order.id for order in orders])
