"""The operations of the app's screens run whole, in few calls, and lose only what failed."""

from collections import Counter
from pathlib import Path

import pytest

OPERATIONS = Path(__file__).parents[2] / "schema" / "operations"
EIGHT = {
    "accounts",
    "catalog",
    "couriers",
    "notifications",
    "orders",
    "payments",
    "promotions",
    "reviews",
}
NOWHERE = {
    ("me", "offers", 0, "restaurant"),
}
"""Nulls of the home screen that say "there is none": this offer holds everywhere."""


def missing(value, path=()):
    """Yield the path of each null in *value*."""
    if value is None:
        yield path
    elif isinstance(value, dict):
        for name, member in value.items():
            yield from missing(member, (*path, name))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from missing(item, (*path, place))


@pytest.mark.parametrize("name", sorted(path.stem for path in OPERATIONS.glob("*.graphql")))
async def test_every_screen_is_answered_without_errors(app, screen, name):
    document, variables = screen(name)

    data, errors = await app.run(document, **variables)

    assert errors == []
    assert data


async def test_the_home_screen_touches_all_services_once_for_each_thing(app, services, screen):
    """However many restaurants and orders there are, the phone waits for one call of each kind and wave."""
    document, variables = screen("home")

    data, errors = await app.run(document, **variables)

    assert errors == []
    assert {name for name, path in services.calls} == EIGHT
    assert services.calls <= Counter(
        {
            ("accounts", "/me"): 1,
            ("accounts", "/users"): 1,
            ("catalog", "/restaurants"): 1,
            ("catalog", "/restaurants/by-ids"): 2,  # those of offers may be known before those of orders
            ("catalog", "/dishes"): 1,
            ("orders", "/orders"): 2,
            ("couriers", "/couriers"): 1,
            ("couriers", "/deliveries"): 1,
            ("payments", "/methods"): 1,
            ("payments", "/charges"): 1,
            ("promotions", "/offers"): 1,
            ("reviews", "/graphql"): 1,
            ("notifications", "/inbox"): 1,
        }
    )
    assert len(data["restaurants"]["edges"]) == 10


async def test_fifty_orders_with_lines_and_dishes_are_one_call_for_each_wave_and_endpoint(app, services, screen):
    """150 lines name 150 dishes: two calls, since the service takes 100 ids at once."""
    document, variables = screen("order-history")

    data, errors = await app.run(document, **variables)

    assert errors == []
    assert services.calls == Counter(
        {
            ("accounts", "/me"): 1,
            ("orders", "/orders"): 1,
            ("catalog", "/restaurants/by-ids"): 1,
            ("payments", "/charges"): 1,
            ("catalog", "/dishes"): 2,
        }
    )
    edges = data["me"]["orders"]["edges"]
    assert [edge["node"]["id"] for edge in edges] == [f"o{number}" for number in range(1, 51)]
    assert all(
        line["dish"]["id"] == f"d{int(edge['node']['id'][1:]) * 3 + place}"
        for edge in edges
        for place, line in enumerate(edge["node"]["lines"])
    )


@pytest.mark.parametrize("down", sorted(EIGHT))
async def test_a_service_that_is_away_costs_only_what_it_feeds(app, services, screen, down):
    """Every null has its error and every error its null; whoever does not need the service does not notice."""
    services.down = {down}

    document, variables = screen("home")

    data, errors = await app.run(document, **variables)

    assert errors
    assert {error["extensions"]["upstream"] for error in errors} == {down}
    holes = [path for path in missing(data) if path not in NOWHERE]
    assert sorted(tuple(error["path"]) for error in errors) == sorted(holes)


async def test_one_missing_dish_empties_one_place_of_the_menu(app, services):
    """Section and order of the dishes stay; all sections share one call."""
    data, errors = await app.run('{ restaurant(id: "r1") { menu { sections { title dishes { id } } } } }')

    assert errors == []
    assert data["restaurant"]["menu"]["sections"] == [
        {"title": "Soups", "dishes": [{"id": "d1"}, None, {"id": "d2"}]},
        {"title": "Nothing", "dishes": []},
        {"title": "Rice", "dishes": [{"id": "d2"}, {"id": "d3"}]},
    ]
    assert services.calls["catalog", "/dishes"] == 1
