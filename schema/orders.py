"""Orders, and the changes a customer can make to them."""

from datetime import datetime
from typing import Annotated

import strawberry

import resolvers.accounts
import resolvers.catalog
import resolvers.couriers
import resolvers.orders
import resolvers.payments
from bff import ListSize, authenticated, requires_scopes, serves
from schema.accounts import User
from schema.catalog import Dish, Restaurant
from schema.changes import IdempotencyKey, UserError
from schema.couriers import Courier, Delivery
from schema.describe import ID, describe_enum, fed
from schema.money import Money
from schema.node import Node
from schema.payments import Charge
from upstreams import orders

describe_enum(
    orders.OrderStatus,
    "How far an order is.",
    {
        "PLACED": "The restaurant has not answered yet.",
        "ACCEPTED": "The restaurant will cook it.",
        "COOKING": "It is being cooked.",
        "PICKED_UP": "A courier has it.",
        "DELIVERED": "It has arrived.",
        "CANCELLED": "It will not be delivered.",
    },
)


@strawberry.type(description="One dish of an order.")
class OrderLine:
    """One dish of an order."""

    id: strawberry.ID = strawberry.field(description="Unique within its order.")
    quantity: int = strawberry.field(description="How many of the dish.")
    unit_price: Money = strawberry.field(description="What one cost when it was ordered.")
    dish: Dish | None = fed(
        resolvers.catalog.dish, "The dish as it is today, null where it is no longer on the menu."
    )


@strawberry.type(description="What one customer bought at once from one restaurant.", directives=[authenticated()])
class Order(Node):
    """What one customer bought at once from one restaurant."""

    is_type_of = serves(orders.Order)
    status: orders.OrderStatus = strawberry.field(description="How far it is.")
    placed_at: datetime = strawberry.field(description="When it was placed.")
    lines: list[OrderLine | None] = strawberry.field(
        description="What was ordered.", directives=[ListSize(assumed_size=4)]
    )
    total: Money = strawberry.field(description="What it costs, everything included.")
    note: str | None = strawberry.field(description="What the customer asked the restaurant or the courier for.")
    restaurant: Restaurant | None = fed(resolvers.catalog.restaurant_of_order, "Who cooks it.")
    customer: User | None = fed(resolvers.accounts.customer, "Who ordered it.")
    courier: Courier | None = fed(resolvers.couriers.courier, "Who brings it, null where nobody does yet.")
    delivery: Delivery | None = fed(
        resolvers.couriers.delivery, "How far it is on its way, null where nobody brings it yet."
    )
    charge: Charge | None = fed(resolvers.payments.charge, "How it was paid, null where it is not yet.")


@strawberry.input(description="One dish to order.")
class OrderLineInput:
    """One dish to order."""

    dish_id: strawberry.ID = strawberry.field(description="Id of a dish of the order's restaurant.")
    quantity: int = strawberry.field(description="How many, at least 1.")


@strawberry.input(description="An order to place.")
class PlaceOrderInput:
    """An order to place."""

    restaurant_id: strawberry.ID = strawberry.field(description="Id of the restaurant.")
    lines: list[OrderLineInput] = strawberry.field(description="What to order, at least one dish.")
    address_id: strawberry.ID = strawberry.field(description="Id of one of the customer's addresses.")
    payment_method_id: strawberry.ID = strawberry.field(description="Id of one of the customer's payment methods.")
    note: str | None = strawberry.field(default=None, description="What to ask the restaurant or the courier for.")


@strawberry.type(description="The order that was placed, or why it was not.")
class PlaceOrderPayload:
    """The order that was placed, or why it was not."""

    value: Order | None = strawberry.field(name="order", description="The order; null when it was refused.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused; empty when it was placed.")


@strawberry.type(description="The order that was cancelled, or why it was not.")
class CancelOrderPayload:
    """The order that was cancelled, or why it was not."""

    value: Order | None = strawberry.field(name="order", description="The order; null when it was refused.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused; empty when it was cancelled.")


@strawberry.type(description="Orders.")
class Query:
    """Root fields."""

    order: Order | None = fed(resolvers.orders.order, "One order, null where there is none.", arguments={"id": ID})


@strawberry.type(description="Changes to orders.")
class Mutation:
    """Root fields."""

    place_order: PlaceOrderPayload | None = fed(
        resolvers.orders.place_order,
        "Place an order. After an error whose `outcome` is `unknown`, send it again with the same key.",
        arguments={
            "input": Annotated[PlaceOrderInput, strawberry.argument(description="What to order.")],
            "idempotency_key": IdempotencyKey,
        },
        directives=[requires_scopes([["orders:write"]])],
    )
    cancel_order: CancelOrderPayload | None = fed(
        resolvers.orders.cancel_order,
        "Cancel an order that is not on its way yet.",
        arguments={"id": ID},
        directives=[requires_scopes([["orders:write"]])],
    )
