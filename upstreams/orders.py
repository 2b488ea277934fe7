"""What customers bought and how far it is."""

from datetime import datetime
from enum import StrEnum

import msgspec

from bff import Upstream
from upstreams.wire import Money, Page

orders = Upstream("orders")


class OrderStatus(StrEnum):
    """How far an order is."""

    PLACED = "PLACED"
    ACCEPTED = "ACCEPTED"
    COOKING = "COOKING"
    PICKED_UP = "PICKED_UP"
    DELIVERED = "DELIVERED"
    CANCELLED = "CANCELLED"


class OrderLine(msgspec.Struct, frozen=True, rename="camel"):
    """One dish of an order; `unit_price` is what it cost on that day."""

    id: str
    dish_id: str
    quantity: int
    unit_price: Money


class Order(msgspec.Struct, frozen=True, rename="camel"):
    """What one customer bought at once from one restaurant."""

    id: str
    user_id: str
    restaurant_id: str
    status: OrderStatus
    placed_at: datetime
    lines: list[OrderLine]
    total: Money
    courier_id: str | None
    address_id: str
    note: str | None


class NewOrderLine(msgspec.Struct, frozen=True, rename="camel"):
    """One dish to order, and how often."""

    dish_id: str
    quantity: int


class NewOrder(msgspec.Struct, frozen=True, rename="camel"):
    """An order to place."""

    restaurant_id: str
    lines: list[NewOrderLine]
    address_id: str
    payment_method_id: str
    note: str | None = None


order = orders.get("/orders/{id}", returns=Order | None)
own_orders = orders.get("/orders{?cursor,limit,status}", returns=Page[Order])
orders_by_id = orders.batch("/orders/by-ids", ids="ids", returns=list[Order], key="id", max_keys=50)
place = orders.post("/orders", body=NewOrder, returns=Order, headers=("idempotency-key",))
cancel = orders.post("/orders/{id}/cancel", returns=Order)
