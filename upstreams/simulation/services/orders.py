"""Orders: what a customer ordered, placing and cancelling. Shows idempotency keys and unknown outcomes."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Annotated, Final

import msgspec
from msgspec.structs import replace

from bff.testing.http_message import Reply, Request
from upstreams.simulation.idempotency import Idempotency
from upstreams.simulation.model import Order, OrderLine, OrderStatus, Wire
from upstreams.simulation.web import App, Outside, Problem, bearer, choice, decode, invalid, keys, page
from upstreams.simulation.world import World
from upstreams.simulation.world.draw import number, timestamp
from upstreams.simulation.world.food import DISHES
from upstreams.simulation.world.ledger import ORDERS
from upstreams.simulation.world.ratings import RESTAURANTS
from upstreams.simulation.world.trade import total

_MAX_ORDERS: Final = 50
_PLACING: Final = 0.03
"""Seconds it takes to place an order, in which the same key may come again."""
_CANCELLABLE: Final = frozenset({OrderStatus.PLACED, OrderStatus.ACCEPTED, OrderStatus.COOKING})


class NewLine(Wire, frozen=True):
    """So many of one dish."""

    dish_id: str
    quantity: Annotated[int, msgspec.Meta(ge=1, le=20)]


class NewOrder(Wire, frozen=True):
    """What a customer wants to order."""

    restaurant_id: str
    lines: Annotated[tuple[NewLine, ...], msgspec.Meta(min_length=1, max_length=50)]
    address_id: str
    payment_method_id: str
    note: Annotated[str, msgspec.Meta(max_length=500)] | None = None


def app(world: World, outside: Outside) -> App:
    """Return the service."""
    service = Orders(world, outside)
    orders = App("orders", "private, no-cache", outside)
    orders.get("/orders", service.own)
    orders.get("/orders/by-ids", service.by_ids)
    orders.get("/orders/{id}", service.one)
    orders.post("/orders", service.place)
    orders.post("/orders/{id}/cancel", service.cancel)
    return orders


class Orders:
    """What the service answers; what is placed or cancelled stays so until it restarts."""

    def __init__(self, world: World, outside: Outside) -> None:
        self._world = world
        self._clock = outside.clock
        self._once = Idempotency()
        self._changed: dict[int, Order] = {}
        self._placed: dict[int, list[int]] = {}
        self._last = ORDERS

    def own(self, request: Request) -> Reply:
        """Answer a page of the customer's orders, newest first, perhaps of one status."""
        user, status = bearer(request), choice(request, "status", OrderStatus)
        numbers = [*self._world.ledger.of_user(user), *self._placed.get(user, ())]
        found = [(-index, self._order(index)) for index in reversed(numbers)]
        wanted = [item for item in found if status in {None, item[1].status}]
        return page(request, wanted, key=lambda item: item[0], show=lambda item: item[1])

    def one(self, request: Request) -> Reply:
        """Answer one order, to the customer whose it is."""
        return Reply.json(self._own_order(request))

    def by_ids(self, request: Request) -> Reply:
        """Answer a batch of orders, without those of other customers."""
        user = f"u{bearer(request)}"
        numbers = [number(key, "o", self._last) for key in keys(request, "ids", _MAX_ORDERS)]
        found = [self._order(index) for index in numbers if index]
        return Reply.json([order for order in found if order.user_id == user])

    async def place(self, request: Request) -> Reply:
        """Place an order, once for one key."""
        user = bearer(request)

        async def act() -> Reply:
            wanted = decode(request, NewOrder)
            lines = self._lines(wanted)
            self._check_customer(user, wanted)
            await self._clock.sleep(_PLACING)
            order = self._new(user, wanted, lines)
            return Reply.json(order, 201, [("location", f"/orders/{order.id}")])

        return await self._once.once(request, user, act)

    def cancel(self, request: Request) -> Reply:
        """Cancel an order that no courier has picked up; one that is cancelled already stays so."""
        order = self._own_order(request)
        if order.status in _CANCELLABLE:
            order = replace(order, status=OrderStatus.CANCELLED, courier_id=None)
            self._changed[int(order.id[1:])] = order
        elif order.status is not OrderStatus.CANCELLED:
            raise Problem(409, f"order {order.id} is {order.status} and can no longer be cancelled")
        return Reply.json(order)

    def _order(self, index: int) -> Order:
        return self._changed.get(index) or self._world.orders.order(index)

    def _own_order(self, request: Request) -> Order:
        user, index = bearer(request), number(request.params["id"], "o", self._last)
        order = self._order(index) if index else None
        if order is None or order.user_id != f"u{user}":
            raise _unknown(request)
        return order

    def _lines(self, wanted: NewOrder) -> Sequence[tuple[NewLine, int]]:
        """Return the lines with the numbers of their dishes, all of which can be had."""
        index = number(wanted.restaurant_id, "r", RESTAURANTS)
        if index is None:
            raise invalid("#/restaurantId", f"there is no restaurant {wanted.restaurant_id[:40]}")
        lines = [(line, number(line.dish_id, "d", DISHES)) for line in wanted.lines]
        errors = [
            (f"#/lines/{place}/dishId", f"{line.dish_id[:40]} is no available dish of {wanted.restaurant_id}")
            for place, (line, dish) in enumerate(lines)
            if dish is None or not self._serves(index, dish)
        ]
        if errors:
            raise Problem(422, f"{len(errors)} of {len(lines)} lines cannot be ordered", errors=errors)
        if not self._world.food.restaurant(index).open_now:
            raise Problem(409, f"restaurant {wanted.restaurant_id} is closed")
        return [(line, dish) for line, dish in lines if dish is not None]

    def _serves(self, restaurant: int, dish: int) -> bool:
        found = self._world.food.dish(dish)
        return found.available and found.restaurant_id == f"r{restaurant}"

    def _check_customer(self, user: int, wanted: NewOrder) -> None:
        if wanted.address_id not in {address.id for address in self._world.people.user(user).addresses}:
            raise invalid("#/addressId", "this is none of the customer's addresses")
        if wanted.payment_method_id not in {method.id for method in self._world.people.methods(user)}:
            raise invalid("#/paymentMethodId", "this is none of the customer's payment methods")

    def _new(self, user: int, wanted: NewOrder, dishes: Sequence[tuple[NewLine, int]]) -> Order:
        self._last += 1
        index = self._last
        lines = tuple(
            OrderLine(f"o{index}-{place}", line.dish_id, line.quantity, self._world.food.dish(dish).price)
            for place, (line, dish) in enumerate(dishes, start=1)
        )
        order = Order(
            id=f"o{index}",
            user_id=f"u{user}",
            restaurant_id=wanted.restaurant_id,
            status=OrderStatus.PLACED,
            placed_at=timestamp(datetime.fromtimestamp(self._clock.wall(), UTC)),
            lines=lines,
            total=total(lines),
            courier_id=None,
            address_id=wanted.address_id,
            note=wanted.note,
        )
        self._changed[index] = order
        self._placed.setdefault(user, []).append(index)
        return order


def _unknown(request: Request) -> Problem:
    return Problem(404, f"there is no order {request.params['id'][:40]}")
