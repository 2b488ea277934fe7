"""The catalogue: filters, menus, search and its rate limit."""

import httpx
import pytest

from bff.clock import SystemClock
from bff.testing.virtual_clock import VirtualClock
from upstreams.simulation.running import Options, Recorder, make
from upstreams.simulation.services.catalog import Window


def test_restaurants_are_filtered_by_cuisine_and_by_being_open(client):
    catalog = client("catalog")

    thai = catalog.get("/restaurants", params={"cuisine": "THAI", "open": "true", "limit": 50}).json()
    closed = catalog.get("/restaurants", params={"open": "false", "limit": 50}).json()

    assert {(item["cuisine"], item["openNow"]) for item in thai["items"]} == {("THAI", True)}
    assert {item["openNow"] for item in closed["items"]} == {False}
    assert closed["total"] < 200


@pytest.mark.parametrize("query", ["cuisine=FRENCH", "open=maybe", "limit=51", "cursor=x"])
def test_a_filter_that_makes_no_sense_is_refused(client, query):
    reply = client("catalog").get(f"/restaurants?{query}")

    assert reply.status_code == 422
    assert reply.json()["errors"][0]["pointer"] == f"#/{query.partition('=')[0]}"


def test_the_cursor_of_one_host_continues_on_the_other(client):
    """Balancing between the two must not be seen by who scrolls."""
    first = client("catalog").get("/restaurants").json()

    second = client("catalog-2").get("/restaurants", params={"cursor": first["nextCursor"]}).json()

    assert [item["id"] for item in first["items"] + second["items"]] == [f"r{index}" for index in range(1, 41)]


def test_a_restaurant_and_its_menu_and_its_dishes(client):
    catalog = client("catalog")
    restaurant = catalog.get("/restaurants/r1").json()
    menu = catalog.get("/restaurants/r1/menu").json()
    ids = [dish for section in menu["sections"] for dish in section["dishIds"]]

    dishes = catalog.get("/dishes", params={"ids": ",".join(ids)}).json()

    assert restaurant.keys() == {
        "id", "name", "cuisine", "rating", "deliveryMinutes", "openNow", "address", "imageUrl", "minimumOrder",
    }  # fmt: skip
    assert menu["restaurantId"] == "r1"
    assert {dish["id"] for dish in dishes} == set(ids)
    assert dishes[0].keys() == {
        "id", "restaurantId", "name", "description", "price", "vegetarian", "spiciness", "imageUrl", "available",
    }  # fmt: skip


@pytest.mark.parametrize("path", ["/restaurants/r201", "/restaurants/r0/menu", "/restaurants/u1"])
def test_an_unknown_restaurant_is_404(client, path):
    assert client("catalog").get(path).status_code == 404


def test_search_finds_restaurants_and_dishes_without_regard_to_case_and_accents(client):
    found = client("catalog").get("/search", params={"q": "TIRAMISU"}).json()
    sushi = client("catalog").get("/search", params={"q": "sushi", "limit": 50}).json()

    assert all("Tiramisù" in item["dish"]["name"] for item in found["items"])
    assert found["total"] > 5
    assert {item["kind"] for item in sushi["items"]} >= {"RESTAURANT"}
    assert all((item["restaurant"] is None) == (item["kind"] == "DISH") for item in sushi["items"])


def test_a_search_for_nothing_known_is_empty(client):
    assert client("catalog").get("/search", params={"q": "plutonium"}).json() == {
        "items": [], "nextCursor": None, "total": 0,
    }  # fmt: skip


async def test_more_than_a_hundred_searches_a_second_are_refused_for_a_second(clock: VirtualClock):
    """Time stands still, so that a slow machine does not make it two seconds."""
    routes = make(Options("catalog", latency=0.0), clock).routes
    server = Recorder(routes, host="127.0.0.1", port=0, clock=SystemClock())
    async with server, httpx.AsyncClient(trust_env=False) as catalog:
        replies = [await catalog.get(f"{server.url}/search?q=plutonium") for _ in range(101)]
        other = await catalog.get(f"{server.url}/restaurants/r1")

    assert [reply.status_code for reply in replies] == [200] * 100 + [429]
    assert replies[-1].headers["retry-after"] == "1"
    assert replies[-1].headers["content-type"] == "application/problem+json"
    assert other.status_code == 200


async def test_the_window_admits_its_limit_and_again_a_second_later(clock: VirtualClock):
    window = Window(100, clock)

    assert [window.admit() for _ in range(101)] == [True] * 100 + [False]
    await clock.advance(0.99)
    assert not window.admit()
    await clock.advance(0.02)
    assert window.admit()
