"""Couriers and their rides; the stream is resumed where it was left."""

import json
from collections.abc import Iterator
from itertools import islice

import httpx
import pytest

from bff.testing.http_message import Request
from bff.testing.virtual_clock import VirtualClock
from upstreams.simulation.model import OrderStatus
from upstreams.simulation.services.couriers import Couriers
from upstreams.simulation.world import World
from upstreams.simulation.world.ledger import JUST_PLACED_ORDER, ON_THE_WAY_ORDER, ORDERS

RIDE = f"o{ON_THE_WAY_ORDER}"


def order_that_is(world: World, status: OrderStatus, *, skip: int = 0) -> str:
    """Return the newest order of *status*, after *skip* newer ones; a ride begins when it is first asked for."""
    found = (f"o{i}" for i in range(ORDERS, 0, -1) if world.orders.order(i).status is status)
    return next(islice(found, skip, None))


def events(reply: httpx.Response) -> Iterator[tuple[int, dict]]:
    """Read ids and deliveries from the stream of *reply*."""
    step = -1
    for line in reply.iter_lines():
        field, _, value = line.partition(": ")
        if field == "id":
            step = int(value)
        elif field == "data":
            yield step, json.loads(value)


def test_couriers_and_deliveries_come_in_batches(client):
    couriers = client("couriers")
    delivery = couriers.get(f"/deliveries/{RIDE}").json()

    batch = couriers.get("/deliveries", params={"order_ids": f"{RIDE},o{JUST_PLACED_ORDER},o1"}).json()
    courier = couriers.get("/couriers", params={"ids": delivery["courierId"]}).json()

    assert {item["orderId"] for item in batch} == {RIDE, "o1"}
    assert courier[0].keys() == {"id", "name", "vehicle", "rating", "phone"}
    assert delivery.keys() == {
        "orderId",
        "courierId",
        "status",
        "latitude",
        "longitude",
        "etaMinutes",
        "updatedAt",
    }


def test_a_delivery_is_as_far_as_its_order(client, world):
    couriers = client("couriers")
    cooking, delivered = (order_that_is(world, s) for s in (OrderStatus.COOKING, OrderStatus.DELIVERED))

    assert couriers.get(f"/deliveries/{cooking}").json()["status"] == "WAITING"
    arrived = couriers.get(f"/deliveries/{delivered}").json()
    assert (arrived["status"], arrived["etaMinutes"]) == ("ARRIVED", 0)


@pytest.mark.parametrize("order", [f"o{JUST_PLACED_ORDER}", "o99999", "x"])
def test_what_nobody_delivers_is_404(client, order):
    couriers = client("couriers")

    assert couriers.get(f"/deliveries/{order}").status_code == 404
    assert couriers.get(f"/deliveries/{order}/events").status_code == 404


def test_a_stream_goes_on_after_the_last_event_that_was_seen(client, world):
    couriers, ride = client("couriers"), order_that_is(world, OrderStatus.PICKED_UP, skip=2)
    with couriers.stream("GET", f"/deliveries/{ride}/events") as first:
        stream = events(first)
        seen = [next(stream) for _ in range(3)]
    last = seen[-1][0]

    with couriers.stream("GET", f"/deliveries/{ride}/events", headers={"last-event-id": str(last)}) as second:
        stream = events(second)
        more = [next(stream) for _ in range(3)]

    assert first.headers["content-type"] == "text/event-stream"
    assert first.headers["cache-control"] == "no-cache"
    assert [step for step, _ in seen + more] == list(range(seen[0][0], seen[0][0] + 6))
    assert {delivery["status"] for _, delivery in seen} == {"ON_THE_WAY"}


def test_the_stream_ends_with_the_arrival_and_then_has_nothing_more(client, world):
    """204 is how a server tells an EventSource to stay away."""
    couriers, ride = client("couriers"), order_that_is(world, OrderStatus.PICKED_UP)
    length = world.seed.draw("ride", int(ride[1:])).randint(12, 20) * 60

    with couriers.stream("GET", f"/deliveries/{ride}/events", headers={"last-event-id": str(length - 3)}) as reply:
        rest = list(events(reply))
    over = couriers.get(f"/deliveries/{ride}/events", headers={"last-event-id": str(length)})

    assert [(step, item["status"]) for step, item in rest] == [
        (length - 2, "ON_THE_WAY"), (length - 1, "ON_THE_WAY"), (length, "ARRIVED"),
    ]  # fmt: skip
    assert rest[-1][1]["etaMinutes"] == 0
    assert over.status_code == 204


def test_a_delivery_that_is_over_is_told_once(client):
    with client("couriers").stream("GET", "/deliveries/o1/events", headers={"last-event-id": "?"}) as reply:
        told = list(events(reply))

    assert [item["status"] for _, item in told] == ["ARRIVED"]


def stream_of(couriers: Couriers, order: str, last: str = ""):
    reply = couriers.events(Request("GET", "/", {"last-event-id": last}, params={"order_id": order}))
    return aiter(reply.body)


async def test_a_ride_takes_one_step_a_tick_and_its_courier_comes_nearer(world, clock: VirtualClock):
    couriers = Couriers(world, clock, tick=1.0)
    stream = stream_of(couriers, RIDE)

    sent = b"".join([await clock.run(anext(stream)) for _ in range(200)]).decode()

    minutes = [json.loads(line[6:])["etaMinutes"] for line in sent.splitlines() if line.startswith("data: ")]
    assert minutes == sorted(minutes, reverse=True)
    assert minutes[0] - minutes[-1] == 1
    await stream.aclose()


async def test_after_a_restart_the_ride_goes_on_where_the_client_last_saw_it(world, clock: VirtualClock):
    """A courier is not thrown back to the restaurant because a process was."""
    restarted = Couriers(world, clock, tick=1.0)
    stream = stream_of(restarted, RIDE, last="400")

    sent = [await clock.run(anext(stream)) for _ in range(2)]

    assert b"".join(sent).decode().startswith("id: 401\n")
    await stream.aclose()


async def test_a_client_that_was_away_for_long_gets_the_newest_three_hundred_events(world, clock: VirtualClock):
    couriers = Couriers(world, clock, tick=1.0)
    first = stream_of(couriers, RIDE)
    await clock.run(anext(first))
    await first.aclose()
    await clock.advance(500)

    stream = stream_of(couriers, RIDE, last="0")

    assert (await anext(stream)).startswith(b"id: 200\n")
    await stream.aclose()


async def test_while_the_courier_waits_there_is_a_heartbeat(world, clock: VirtualClock):
    couriers = Couriers(world, clock, tick=1.0)
    stream = stream_of(couriers, order_that_is(world, OrderStatus.COOKING))

    first, second = [await clock.run(anext(stream)) for _ in range(2)]

    assert b'"WAITING"' in first
    assert second.startswith(b":")
    await stream.aclose()
