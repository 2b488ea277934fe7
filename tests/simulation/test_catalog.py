"""The catalogue: filters, menus, search and its rate limit."""

import http.client
from urllib.parse import urlsplit

import pytest

from bff.testing.virtual_clock import VirtualClock
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


def test_more_than_a_hundred_searches_a_second_are_refused_for_a_second(services):
    connection = http.client.HTTPConnection(urlsplit(services.url("catalog-2")).netloc, timeout=10)
    for _ in range(500):
        connection.request("GET", "/search?q=plutonium")
        reply = connection.getresponse()
        reply.read()
        if reply.status != 200:
            break
    connection.close()

    assert reply.status == 429
    assert reply.headers["retry-after"] == "1"
    assert reply.headers["content-type"] == "application/problem+json"


async def test_the_window_admits_its_limit_and_again_a_second_later(clock: VirtualClock):
    window = Window(100, clock)

    assert [window.admit() for _ in range(101)] == [True] * 100 + [False]
    await clock.advance(0.99)
    assert not window.admit()
    await clock.advance(0.02)
    assert window.admit()
