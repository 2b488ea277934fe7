"""The world is the same wherever it is made, hangs together, and looks like one."""

from collections import Counter
from datetime import UTC, date, datetime

import pytest

from upstreams.simulation.model import Cuisine, OrderStatus, Segment
from upstreams.simulation.world import World
from upstreams.simulation.world.draw import last_evening, number
from upstreams.simulation.world.food import DISHES, DISHES_EACH
from upstreams.simulation.world.ledger import DEMO_USER, JUST_PLACED_ORDER, ON_THE_WAY_ORDER, ORDERS, USERS
from upstreams.simulation.world.people import COURIERS
from upstreams.simulation.world.ratings import RESTAURANTS, REVIEWS

SOME_ORDERS = range(1, ORDERS + 1, 7)


def test_it_has_the_size_of_a_city():
    assert (RESTAURANTS, DISHES, USERS, ORDERS, REVIEWS) == (200, 5_000, 2_000, 20_000, 30_000)


def test_what_was_asked_before_changes_nothing():
    """Processes are asked different things in different orders, and must still agree."""
    one, other = World(7, date(2026, 11, 20)), World(7, date(2026, 11, 20))
    forward = [one.orders.order(index) for index in range(1, 200)]

    backward = [other.orders.order(index) for index in reversed(range(1, 200))]

    assert backward[::-1] == forward


def test_the_world_of_seed_7_stays_as_it_is(world):
    """Documents, screens and tests name what is in it; a change to how it is drawn must be meant."""
    order = world.orders.order(ON_THE_WAY_ORDER)

    assert [world.food.restaurant(index).name for index in (1, 2)] == ["Tsuki Kitchen", "Pizzeria Tre Fontane"]
    assert world.people.user(2).name == "Emil Möller"
    assert (order.restaurant_id, order.courier_id, order.total.cents) == ("r76", "c55", 2430)


def test_another_seed_makes_another_world(world):
    other = World(8, date(2026, 11, 20))

    assert other.food.restaurant(1) != world.food.restaurant(1)
    assert other.people.user(2).name != world.people.user(2).name


def test_orders_refer_to_what_exists_and_cost_what_the_dishes_cost(world):
    for order in map(world.orders.order, SOME_ORDERS):
        user = world.people.user(number(order.user_id, "u", USERS))
        assert order.address_id in {address.id for address in user.addresses}
        assert order.courier_id is None or number(order.courier_id, "c", COURIERS)
        for line in order.lines:
            dish = world.food.dish(number(line.dish_id, "d", DISHES))
            assert (dish.restaurant_id, dish.price) == (order.restaurant_id, line.unit_price)
        assert order.total.cents == sum(line.quantity * line.unit_price.cents for line in order.lines)


def test_a_courier_is_named_exactly_while_there_is_one(world):
    for order in map(world.orders.order, SOME_ORDERS):
        riding = order.status in {OrderStatus.COOKING, OrderStatus.PICKED_UP, OrderStatus.DELIVERED}
        assert (order.courier_id is not None) == riding


def test_charges_are_for_the_orders_total_by_a_method_of_its_customer(world):
    for index in SOME_ORDERS:
        order, charge = world.orders.order(index), world.orders.charge(index)
        methods = world.people.methods(number(order.user_id, "u", USERS))
        assert charge.amount == order.total
        assert charge.method_id in {method.id for method in methods}


def test_every_dish_is_on_the_menu_of_its_restaurant_and_on_no_other(world):
    for restaurant in range(1, RESTAURANTS + 1):
        printed = [dish for section in world.food.menu(restaurant).sections for dish in section.dish_ids]
        assert printed == [f"d{(restaurant - 1) * DISHES_EACH + place}" for place in range(1, DISHES_EACH + 1)]
        assert {dish.restaurant_id for dish in world.food.dishes_of(restaurant)} == {f"r{restaurant}"}


def test_restaurants_have_different_names_all_cuisines_and_some_are_closed(world):
    restaurants = [world.food.restaurant(index) for index in range(1, RESTAURANTS + 1)]

    assert len({restaurant.name for restaurant in restaurants}) == RESTAURANTS
    assert {restaurant.cuisine for restaurant in restaurants} == set(Cuisine)
    assert 10 <= sum(not restaurant.open_now for restaurant in restaurants) <= 80


def test_everything_in_a_vegan_restaurant_is_vegetarian(world):
    vegan = [i for i in range(1, RESTAURANTS + 1) if world.food.restaurant(i).cuisine is Cuisine.VEGAN]

    assert all(dish.vegetarian for index in vegan for dish in world.food.dishes_of(index))


def test_a_restaurants_rating_is_the_mean_of_its_reviews(world):
    """Two services tell it, so they must tell the same."""
    for restaurant in range(1, RESTAURANTS + 1, 20):
        reviews = [world.reviews.review(index) for index in world.ratings.of_restaurant(restaurant)]
        mean = sum(review.rating for review in reviews) / len(reviews)
        assert world.food.restaurant(restaurant).rating == round(mean, 1)
        assert {review.restaurant_id for review in reviews} == {f"r{restaurant}"}


def test_reviews_hardly_repeat_each_other(world):
    texts = Counter(world.reviews.review(index).text for index in range(1, 3_000))

    assert len(texts) > 2_000
    assert not any("{" in text for text in texts)


def test_the_demo_customer_has_something_of_everything(world):
    orders = [world.orders.order(index) for index in world.ledger.of_user(DEMO_USER)]
    on_the_way = world.orders.order(ON_THE_WAY_ORDER)

    assert world.people.user(DEMO_USER).segment is Segment.GOLD
    assert len(orders) >= 5
    assert on_the_way in orders
    assert on_the_way.status is OrderStatus.PICKED_UP
    assert world.orders.order(JUST_PLACED_ORDER).status is OrderStatus.PLACED
    assert [method.is_default for method in world.people.methods(DEMO_USER)] == [True, False]
    assert len(world.post.inbox(DEMO_USER)) >= 6
    assert world.food.restaurant(1).open_now


def test_orders_are_numbered_as_they_were_placed_and_none_lies_in_the_future(world):
    times = [world.orders.order(index).placed_at for index in SOME_ORDERS]

    assert times == sorted(times)
    assert times[-1] <= "2026-11-20T18:30:00Z"


def test_customers_joined_before_their_first_order(world):
    for index in range(1, USERS + 1, 50):
        orders = world.ledger.of_user(index)
        if orders:
            assert world.people.user(index).created_at < world.orders.order(orders[0]).placed_at


@pytest.mark.parametrize(
    ("now", "day"),
    [
        pytest.param(datetime(2026, 11, 20, 18, 29, tzinfo=UTC), date(2026, 11, 19), id="before the evening"),
        pytest.param(datetime(2026, 11, 20, 18, 30, tzinfo=UTC), date(2026, 11, 20), id="in the evening"),
    ],
)
def test_the_day_shown_is_the_last_whose_evening_has_come(now, day):
    assert last_evening(now) == day


@pytest.mark.parametrize("text", ["o0", "o01", "o-1", "o20001", "u1", "o", "1", "O1", "o1 "])
def test_what_is_no_id_of_the_kind_is_nobody(text):
    assert number(text, "o", ORDERS) is None
