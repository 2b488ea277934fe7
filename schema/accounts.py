"""Customers: what others see of them, and what only they see."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import strawberry

import resolvers.accounts
import resolvers.notifications
import resolvers.orders
import resolvers.payments
import resolvers.promotions
from bff import authenticated, serves
from schema.connection import PAGE, Connection
from schema.describe import describe_enum, fed
from schema.node import Node
from schema.notifications import Message
from schema.payments import PaymentMethod
from schema.scalars import URL
from upstreams import accounts
from upstreams.orders import OrderStatus

if TYPE_CHECKING:
    from schema.orders import Order
    from schema.promotions import Offer

describe_enum(
    accounts.Segment,
    "How well we know a customer.",
    {
        "NEW": "Has ordered less than a handful of times.",
        "REGULAR": "Orders now and then.",
        "GOLD": "Orders all the time.",
    },
)


@strawberry.type(description="A customer, as other customers see them.")
class User(Node):
    """A customer, as other customers see them."""

    is_type_of = serves(accounts.User)
    name: str = strawberry.field(description="The name the customer chose to show.")
    avatar_url: URL = strawberry.field(description="A square picture.")


@strawberry.type(description="A place to have food delivered to.")
class Address:
    """A place to have food delivered to."""

    id: strawberry.ID = strawberry.field(description="What `PlaceOrderInput.addressId` takes.")
    label: str = strawberry.field(description="What the customer calls it, such as `Home`.")
    street: str = strawberry.field(description="Street and number.")
    city: str = strawberry.field(description="City.")
    latitude: float = strawberry.field(description="Degrees north, WGS 84.")
    longitude: float = strawberry.field(description="Degrees east, WGS 84.")


@strawberry.type(description="The customer who asks, with what only they may see.", directives=[authenticated()])
class Viewer:
    """The customer who asks."""

    id: strawberry.ID = strawberry.field(description="The id of the `User` that others see.")
    name: str = strawberry.field(description="The name the customer chose to show.")
    email: str = strawberry.field(description="Where receipts go.")
    phone: str = strawberry.field(description="Whom the courier calls.")
    avatar_url: URL = strawberry.field(description="A square picture.")
    segment: accounts.Segment = strawberry.field(description="How well we know the customer.")
    created_at: datetime = strawberry.field(description="When the account was opened.")
    addresses: list[Address | None] = strawberry.field(description="Where the customer has food delivered to.")
    orders: Connection[Annotated["Order", strawberry.lazy("schema.orders")]] | None = fed(
        resolvers.orders.own_orders,
        "The customer's orders, newest first.",
        arguments={
            **PAGE,
            "status": Annotated[
                OrderStatus | None, strawberry.argument(description="Only orders that are exactly this far.")
            ],
        },
    )
    payment_methods: list[PaymentMethod | None] | None = fed(
        resolvers.payments.payment_methods, "What the customer can pay with."
    )
    inbox: Connection[Message] | None = fed(
        resolvers.notifications.inbox, "Messages to the customer, newest first.", arguments=PAGE
    )
    offers: list[Annotated["Offer", strawberry.lazy("schema.promotions")] | None] | None = fed(
        resolvers.promotions.offers_for_viewer, "The offers for the customer's segment."
    )


@strawberry.type(description="Who is asking.")
class Query:
    """Root fields."""

    me: Viewer | None = fed(resolvers.accounts.me, "The customer who asks.")
