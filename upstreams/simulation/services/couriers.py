"""Couriers: who brings the food and where they are. Shows an event stream that can be resumed."""

import math
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Final

from bff.clock import Clock
from bff.testing.http_message import Reply, Request, event
from upstreams.simulation.model import Delivery, DeliveryStatus, Order, OrderStatus
from upstreams.simulation.web import App, Outside, Problem, keys
from upstreams.simulation.world import World
from upstreams.simulation.world.draw import number, timestamp
from upstreams.simulation.world.ledger import ORDERS
from upstreams.simulation.world.people import COURIERS

_MAX: Final = 50
_STEPS_A_MINUTE: Final = 60
_HEARTBEAT: Final = 15.0
_KEPT_EVENTS: Final = 300
"""So many past events are sent again to a client that comes back; it misses older ones."""


def app(world: World, outside: Outside) -> App:
    """Return the service."""
    service = Couriers(world, outside.clock, outside.tick)
    couriers = App("couriers", "no-cache", outside)
    couriers.get("/couriers", service.couriers)
    couriers.get("/deliveries", service.deliveries)
    couriers.get("/deliveries/{order_id}", service.delivery)
    couriers.get("/deliveries/{order_id}/events", service.events)
    return couriers


class Couriers:
    """What the service answers.

    A ride has one step a tick and begins when somebody first asks for it. A client that names an event ahead of us
    has seen it before our restart, so the ride goes on from there.
    """

    def __init__(self, world: World, clock: Clock, tick: float) -> None:
        self._world = world
        self._clock = clock
        self._tick = tick
        self._started: dict[int, float] = {}

    def couriers(self, request: Request) -> Reply:
        """Answer a batch of couriers."""
        numbers = [number(key, "c", COURIERS) for key in keys(request, "ids", _MAX)]
        return Reply.json([self._world.people.courier(index) for index in numbers if index])

    def delivery(self, request: Request) -> Reply:
        """Answer where one order is."""
        return Reply.json(self._now(self._known(request)))

    def deliveries(self, request: Request) -> Reply:
        """Answer where several orders are."""
        numbers = [number(key, "o", ORDERS) for key in keys(request, "order_ids", _MAX)]
        return Reply.json([self._now(index) for index in numbers if index and self._has_courier(index)])

    def events(self, request: Request) -> Reply:
        """Answer the stream of one delivery, from the event after `Last-Event-ID` on."""
        index = self._known(request)
        seen = _step(request.headers.get("last-event-id", ""))
        if seen is not None and seen >= self._end(index):
            return Reply(204)  # tells an EventSource not to come back (HTML, 9.2.3)
        if seen is not None and self._rides(index):
            self._catch_up(index, seen)
        headers = (("content-type", "text/event-stream"), ("cache-control", "no-cache"))
        return Reply(200, headers, self._stream(index, seen))

    async def _stream(self, index: int, seen: int | None) -> AsyncIterator[bytes]:
        current, end = self._step(index), self._end(index)
        step = current if seen is None else max(seen + 1, current - _KEPT_EVENTS)
        while step <= end:
            while step > self._step(index):
                yield await self._pause(index, step)
            yield event(self._at(index, step), id=str(step))
            step += 1

    async def _pause(self, index: int, step: int) -> bytes:
        """Wait for *step* to come, or for the next heartbeat; empty unless it is one."""
        if not self._rides(index):
            await self._clock.sleep(_HEARTBEAT)
            return b": still waiting\n\n"
        await self._clock.sleep(max(0.0, self._started[index] + step * self._tick - self._clock.now()))
        return b""

    def _known(self, request: Request) -> int:
        index = number(request.params["order_id"], "o", ORDERS)
        if index is None or not self._has_courier(index):
            raise Problem(404, f"nobody delivers {request.params['order_id'][:40]}")
        return index

    def _order(self, index: int) -> Order:
        return self._world.orders.order(index)

    def _has_courier(self, index: int) -> bool:
        return self._order(index).courier_id is not None

    def _rides(self, index: int) -> bool:
        return self._order(index).status is OrderStatus.PICKED_UP

    def _length(self, index: int) -> int:
        """Return how many steps the ride has, one for each second it takes when a tick is a second."""
        return self._world.seed.draw("ride", index).randint(12, 20) * _STEPS_A_MINUTE

    def _end(self, index: int) -> int:
        """Return the step after which nothing more comes; a waiting courier waits on."""
        if self._rides(index):
            return self._length(index)
        return 0 if self._order(index).status is OrderStatus.DELIVERED else 1

    def _step(self, index: int) -> int:
        if not self._rides(index):
            return 0
        started = self._started.setdefault(index, self._clock.now())
        return min(self._length(index), int((self._clock.now() - started) / self._tick + 1e-6))

    def _catch_up(self, index: int, seen: int) -> None:
        if seen > self._step(index):
            self._started[index] = self._clock.now() - seen * self._tick

    def _now(self, index: int) -> Delivery:
        return self._at(index, self._step(index))

    def _at(self, index: int, step: int) -> Delivery:
        order, length = self._order(index), self._length(index)
        if order.status is OrderStatus.DELIVERED:
            step = length
        share = step / length
        latitude, longitude = self._position(order, share)
        waiting = order.status is OrderStatus.COOKING
        riding = DeliveryStatus.ARRIVED if step >= length else DeliveryStatus.ON_THE_WAY
        return Delivery(
            order_id=order.id,
            courier_id=str(order.courier_id),
            status=DeliveryStatus.WAITING if waiting else riding,
            latitude=latitude,
            longitude=longitude,
            eta_minutes=math.ceil((length - step) / _STEPS_A_MINUTE),
            updated_at=self._updated(index, order, step),
        )

    def _updated(self, index: int, order: Order, step: int) -> str:
        if not self._rides(index):
            return order.placed_at
        ago = self._clock.now() - self._started[index] - step * self._tick
        return timestamp(datetime.fromtimestamp(self._clock.wall() - ago, UTC))

    def _position(self, order: Order, share: float) -> tuple[float, float]:
        """Return the point at *share* of the straight way from the restaurant to the customer."""
        restaurant = number(order.restaurant_id, "r", ORDERS)
        user = number(order.user_id, "u", ORDERS)
        assert restaurant is not None
        assert user is not None
        start = self._world.food.restaurant(restaurant).address
        end = next(a for a in self._world.people.user(user).addresses if a.id == order.address_id)
        return (
            round(start.latitude + (end.latitude - start.latitude) * share, 5),
            round(start.longitude + (end.longitude - start.longitude) * share, 5),
        )


def _step(last_event_id: str) -> int | None:
    text = last_event_id.strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) <= len("999999") else None
