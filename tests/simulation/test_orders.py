"""Orders: own ones page by page, placing once, cancelling in time."""

import asyncio
from typing import Any

import httpx
import pytest

from upstreams.simulation.world import World
from upstreams.simulation.world.ledger import JUST_PLACED_ORDER, ON_THE_WAY_ORDER
from upstreams.simulation.world.ratings import RESTAURANTS


@pytest.fixture(scope="session")
def closed(world: World) -> str:
    """A restaurant that is closed."""
    return next(f"r{i}" for i in range(1, RESTAURANTS + 1) if not world.food.restaurant(i).open_now)


@pytest.fixture(scope="session")
def dish(world: World) -> str:
    """A dish that can be had at restaurant r1."""
    return next(dish.id for dish in world.food.dishes_of(1) if dish.available)


def order(user: int, dish: str, **changed: Any) -> dict[str, Any]:
    return {
        "restaurantId": "r1",
        "lines": [{"dishId": dish, "quantity": 2}],
        "addressId": f"a{user}-1",
        "paymentMethodId": f"pm{user}-1",
        "note": "Ring twice.",
        **changed,
    }


def test_own_orders_come_newest_first_and_only_own_ones(client):
    orders = client("orders", "u1")
    first = orders.get("/orders", params={"limit": 10}).json()
    second = orders.get("/orders", params={"limit": 10, "cursor": first["nextCursor"]}).json()

    items = first["items"] + second["items"]

    assert {item["userId"] for item in items} == {"u1"}
    assert [item["placedAt"] for item in items] == sorted((item["placedAt"] for item in items), reverse=True)
    assert len({item["id"] for item in items}) == 20
    assert items[0].keys() == {
        "id", "userId", "restaurantId", "status", "placedAt", "lines", "total", "courierId", "addressId", "note",
    }  # fmt: skip
    assert items[0]["lines"][0].keys() == {"id", "dishId", "quantity", "unitPrice"}


def test_own_orders_of_one_status(client):
    orders = client("orders", "u1")

    on_the_way = orders.get("/orders", params={"status": "PICKED_UP"}).json()

    assert f"o{ON_THE_WAY_ORDER}" in {item["id"] for item in on_the_way["items"]}
    assert {item["status"] for item in on_the_way["items"]} == {"PICKED_UP"}
    assert orders.get("/orders?status=EATEN").status_code == 422


def test_one_order_or_404(client):
    orders = client("orders", "u1")

    assert orders.get(f"/orders/o{ON_THE_WAY_ORDER}").json()["courierId"].startswith("c")
    assert orders.get("/orders/o0").status_code == 404
    assert orders.get("/orders/o29999").status_code == 404


def test_an_order_is_seen_by_its_own_customer_only(client):
    stranger, nobody = client("orders", "u2"), client("orders")
    number = f"o{ON_THE_WAY_ORDER}"

    assert stranger.get(f"/orders/{number}").status_code == 404
    assert stranger.get("/orders/by-ids", params={"ids": number}).json() == []
    assert nobody.get(f"/orders/{number}").status_code == 401


def test_an_order_is_placed_and_found_again(client, world, dish):
    orders = client("orders", "u61")
    price = world.food.dish(int(dish[1:])).price.cents

    reply = orders.post("/orders", json=order(61, dish))

    placed = reply.json()
    assert reply.status_code == 201
    assert orders.get(reply.headers["location"]).json() == placed
    assert (placed["status"], placed["courierId"]) == ("PLACED", None)
    assert placed["total"] == {"cents": 2 * price, "currency": "EUR"}
    assert orders.get("/orders").json()["items"][0] == placed
    assert orders.get("/orders/by-ids", params={"ids": placed["id"]}).json() == [placed]


def test_a_repeated_order_is_placed_once(client, dish):
    """A telephone that lost the answer sends again, and its owner does not eat twice."""
    orders = client("orders", "u62")
    before, key = orders.get("/orders").json()["total"], {"idempotency-key": '"6f1c"'}

    first, again = (orders.post("/orders", json=order(62, dish), headers=key) for _ in range(2))
    other = orders.post("/orders", json=order(62, dish, note=None), headers=key)

    assert (first.status_code, again.status_code, other.status_code) == (201, 201, 422)
    assert again.json() == first.json()
    assert again.headers["location"] == first.headers["location"]
    assert again.headers["idempotency-replayed"] == "true"
    assert orders.get("/orders").json()["total"] == before + 1


def test_an_order_whose_answer_was_lost_is_found_by_its_key(healed, client, dish):
    """The outcome is unknown to the client, and sending again is safe all the same."""
    orders, key = client("orders", "u68"), {"idempotency-key": "lost"}
    before = orders.get("/orders").json()["total"]
    healed.break_with("orders", {"kind": "reset_before_response", "method": "POST", "times": 1})

    with pytest.raises(httpx.NetworkError):
        orders.post("/orders", json=order(68, dish), headers=key)
    again = orders.post("/orders", json=order(68, dish), headers=key)

    assert (again.status_code, again.headers["idempotency-replayed"]) == (201, "true")
    assert orders.get("/orders").json()["total"] == before + 1


async def test_the_same_key_at_the_same_time_is_refused_while_the_first_runs(services, dish):
    headers = {"authorization": "Bearer demo-u63", "idempotency-key": "now"}
    async with httpx.AsyncClient(base_url=services.url("orders"), headers=headers, trust_env=False) as orders:
        replies = await asyncio.gather(*[orders.post("/orders", json=order(63, dish)) for _ in range(3)])

    codes = sorted(reply.status_code for reply in replies)
    assert codes.count(201) >= 1
    assert set(codes) <= {201, 409}
    assert len({reply.json()["id"] for reply in replies if reply.status_code == 201}) == 1


def test_a_closed_restaurant_takes_no_order(client, world, closed):
    dish = next(d.id for d in world.food.dishes_of(int(closed[1:])) if d.available)
    body = order(64, dish, restaurantId=closed)

    reply = client("orders", "u64").post("/orders", json=body)

    assert (reply.status_code, reply.headers["content-type"]) == (409, "application/problem+json")


@pytest.mark.parametrize(
    ("changed", "pointer"),
    [
        pytest.param({"lines": []}, "#/lines", id="nothing"),
        pytest.param({"lines": [{"dishId": "d26", "quantity": 1}]}, "#/lines/0/dishId", id="another's dish"),
        pytest.param({"lines": [{"dishId": "d1", "quantity": 0}]}, "#/lines/0/quantity", id="none of it"),
        pytest.param({"lines": [{"dishId": "d1"}]}, "#/lines/0", id="no quantity"),
        pytest.param({"restaurantId": "r999"}, "#/restaurantId", id="unknown restaurant"),
        pytest.param({"addressId": "a1-1"}, "#/addressId", id="somebody else's address"),
        pytest.param({"paymentMethodId": "pm1-1"}, "#/paymentMethodId", id="somebody else's money"),
    ],
)
def test_an_order_that_makes_no_sense_is_refused_with_its_place(client, dish, changed, pointer):
    reply = client("orders", "u65").post("/orders", json=order(65, dish, **changed))

    assert (reply.status_code, reply.json()["errors"][0]["pointer"]) == (422, pointer)


def test_a_body_that_is_no_json_is_400(client):
    assert client("orders", "u65").post("/orders", content=b"{").status_code == 400


def test_an_order_is_cancelled_until_it_is_picked_up(client, dish):
    orders = client("orders", "u66")
    placed = orders.post("/orders", json=order(66, dish)).json()

    cancelled, again = (orders.post(f"/orders/{placed['id']}/cancel") for _ in range(2))

    assert (cancelled.status_code, again.status_code) == (200, 200)
    assert cancelled.json() == placed | {"status": "CANCELLED"}
    assert orders.get(f"/orders/{placed['id']}").json()["status"] == "CANCELLED"


def test_an_order_that_was_picked_up_is_not_cancelled(client):
    reply = client("orders", "u1").post(f"/orders/o{ON_THE_WAY_ORDER}/cancel")

    assert (reply.status_code, reply.headers["content-type"]) == (409, "application/problem+json")


def test_nobody_cancels_anothers_order(client):
    orders = client("orders", "u67")

    assert orders.post(f"/orders/o{JUST_PLACED_ORDER}/cancel").status_code == 404
    assert orders.post("/orders/o29999/cancel").status_code == 404
    assert client("orders", "u1").get(f"/orders/o{JUST_PLACED_ORDER}").json()["status"] == "PLACED"
