"""Who is asking, and who did what."""

from collections.abc import Sequence

from bff import Context, batched, resolver
from upstreams import accounts
from upstreams.accounts import User
from upstreams.orders import Order
from upstreams.reviews import Review


@resolver(calls=[accounts.me])
async def me(context: Context) -> User:
    """Return who is asking."""
    return await accounts.me(context)


@batched(calls=[accounts.users])
async def customer(orders: Sequence[Order], context: Context) -> Sequence[User | None | Exception]:
    """Return who placed each of *orders*."""
    return await accounts.users.many(context, [order.user_id for order in orders])


@batched(calls=[accounts.users])
async def author(reviews: Sequence[Review], context: Context) -> Sequence[User | None | Exception]:
    """Return who wrote each of *reviews*."""
    return await accounts.users.many(context, [review.author_id for review in reviews])
