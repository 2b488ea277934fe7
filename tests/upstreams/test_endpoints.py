"""What the application says of the services is what the services do."""

import pytest

from bff.upstream.errors import UpstreamError
from upstreams import accounts, catalog, couriers, notifications, orders, payments, promotions, reviews
from upstreams.accounts import Segment
from upstreams.catalog import Cuisine
from upstreams.orders import OrderStatus


@pytest.mark.parametrize(
    ("endpoint", "prefix"),
    [
        (accounts.users, "u"),
        (catalog.restaurants_by_id, "r"),
        (catalog.dishes, "d"),
        (couriers.couriers_by_id, "c"),
        (payments.charges, "o"),
        (reviews.for_restaurants, "r"),
    ],
    ids=str,
)
async def test_a_batch_is_split_at_the_services_own_maximum(context, servers, endpoint, prefix):
    """A longer one would be refused as a whole."""
    keys = [f"{prefix}{number}" for number in range(1, endpoint.max_keys + 2)]

    found = await endpoint.many(context, keys)

    assert [type(value) for value in found if value is None or isinstance(value, Exception)] == []
    assert sum(servers[endpoint.upstream.name].counts.values()) == 2


async def test_deliveries_are_found_by_order(context, servers):
    """Not every order has one."""
    found = await couriers.deliveries.many(context, [f"o{number}" for number in range(19_900, 19_951)])

    assert not any(isinstance(value, Exception) for value in found)
    assert {delivery.order_id for delivery in found if delivery} >= {"o19910"}
    assert sum(servers["couriers"].counts.values()) == 2


@pytest.mark.parametrize("endpoint", [catalog.restaurant, catalog.menu, orders.order], ids=str)
async def test_what_does_not_exist_is_none(context, endpoint):
    assert await endpoint(context, id="nothing") is None


async def test_an_unknown_key_of_a_batch_is_none_in_its_place(context):
    dishes = await catalog.dishes.many(context, ["d1", "nothing", None, "d2"])

    assert [dish and dish.id for dish in dishes] == ["d1", None, None, "d2"]


@pytest.mark.parametrize(
    ("endpoint", "arguments"),
    [
        (catalog.restaurants, {"limit": 2, "cuisine": Cuisine.THAI, "open": True}),
        (catalog.search, {"q": "a", "limit": 2}),
        (orders.own_orders, {"limit": 2, "status": OrderStatus.DELIVERED}),
        (notifications.inbox, {"limit": 2}),
    ],
    ids=str,
)
async def test_a_list_goes_on_at_its_cursor(context, endpoint, arguments):
    page = await endpoint(context, **arguments)
    rest = await endpoint(context, **arguments, cursor=page.next_cursor)

    assert page.total > 2
    assert len(page.items) == 2
    assert not [item for item in rest.items if item in page.items]


async def test_the_arguments_of_a_list_reach_the_service(context):
    page = await catalog.restaurants(context, cuisine=Cuisine.THAI, open=True)

    assert {(restaurant.cuisine, restaurant.open_now) for restaurant in page.items} == {(Cuisine.THAI, True)}


async def test_offers_depend_on_the_segment(context):
    gold = await promotions.offers(context, segment=Segment.GOLD)
    everybody = await promotions.offers(context)

    assert gold
    assert everybody
    assert gold != everybody


async def test_what_belongs_to_one_customer_needs_to_know_whom(context):
    context.operation.headers = {}

    with pytest.raises(UpstreamError) as refused:
        await payments.methods(context)

    assert refused.value.status == 401


async def test_a_batch_of_orders_has_the_customers_own_only(context, servers):
    """The service knows whose they are; the maximum is its own all the same."""
    keys = [f"o{number}" for number in range(1, orders.orders_by_id.max_keys + 2)]

    found = await orders.orders_by_id.many(context, keys)

    assert not any(isinstance(value, Exception) for value in found)
    assert sum(servers["orders"].counts.values()) == 2
