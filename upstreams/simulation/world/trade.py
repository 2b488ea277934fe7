"""Orders, their charges, and reviews."""

from datetime import timedelta
from random import Random
from typing import Final

from upstreams.simulation.model import Charge, ChargeStatus, Money, Order, OrderLine, OrderStatus, Review
from upstreams.simulation.world.draw import Seed, remember
from upstreams.simulation.world.food import Food
from upstreams.simulation.world.ledger import JUST_PLACED_ORDER, ON_THE_WAY_ORDER, ORDERS, USERS, Ledger
from upstreams.simulation.world.people import COURIERS, People
from upstreams.simulation.world.ratings import RESTAURANTS, REVIEWS, Ratings
from upstreams.simulation.world.words import CLOSINGS, DETAILS, NOTES, OPENINGS

_ACTIVE: Final = 150
"""So many of the newest orders are still in the works."""
_PROGRESS: Final = (
    (0.15, OrderStatus.PLACED),
    (0.30, OrderStatus.ACCEPTED),
    (0.55, OrderStatus.COOKING),
    (0.85, OrderStatus.PICKED_UP),
)
_PINNED: Final = {ON_THE_WAY_ORDER: OrderStatus.PICKED_UP, JUST_PLACED_ORDER: OrderStatus.PLACED}
_CANCELLED_SHARE: Final = 0.04
_NOTE_SHARE: Final = 0.25
_DETAIL_SHARE: Final = 0.85
_SPAN: Final = timedelta(days=720)
_WITH_COURIER: Final = frozenset({OrderStatus.COOKING, OrderStatus.PICKED_UP, OrderStatus.DELIVERED})
_CHARGED: Final = {OrderStatus.DELIVERED: ChargeStatus.CAPTURED, OrderStatus.CANCELLED: ChargeStatus.REFUNDED}


def total(lines: tuple[OrderLine, ...]) -> Money:
    """Return what *lines* cost together."""
    return Money(sum(line.quantity * line.unit_price.cents for line in lines))


class Orders:
    """All that was ever ordered; the newest order has the highest number."""

    def __init__(self, seed: Seed, ledger: Ledger, people: People, food: Food) -> None:
        self._seed = seed
        self._ledger = ledger
        self._people = people
        self._food = food
        self.order = remember(self._order)
        self.charge = remember(self._charge)

    def _order(self, index: int) -> Order:
        rng = self._seed.draw("order", index)
        user, restaurant = self._ledger.owner(index), rng.randint(1, RESTAURANTS)
        status, courier = _status(index, rng), rng.randint(1, COURIERS)
        lines = self._lines(rng, index, restaurant)
        return Order(
            id=f"o{index}",
            user_id=f"u{user}",
            restaurant_id=f"r{restaurant}",
            status=status,
            placed_at=self._seed.ago(self._ledger.age(index)),
            lines=lines,
            total=total(lines),
            courier_id=f"c{courier}" if status in _WITH_COURIER else None,
            address_id=rng.choice(self._people.user(user).addresses).id,
            note=rng.choice(NOTES) if rng.random() < _NOTE_SHARE else None,
        )

    def _lines(self, rng: Random, order: int, restaurant: int) -> tuple[OrderLine, ...]:
        dishes = rng.sample(self._food.dishes_of(restaurant), rng.choice((1, 2, 2, 3, 3, 4, 5)))
        return tuple(
            OrderLine(f"o{order}-{place}", dish.id, rng.choice((1, 1, 1, 2, 3)), dish.price)
            for place, dish in enumerate(dishes, start=1)
        )

    def _charge(self, index: int) -> Charge:
        order = self.order(index)
        methods = self._people.methods(self._ledger.owner(index))
        return Charge(
            id=f"ch{index}",
            order_id=order.id,
            method_id=self._seed.draw("charge", index).choice((methods[0], methods[-1])).id,
            amount=order.total,
            status=_CHARGED.get(order.status, ChargeStatus.AUTHORISED),
            created_at=order.placed_at,
        )


def _status(index: int, rng: Random) -> OrderStatus:
    if index in _PINNED:
        return _PINNED[index]
    if rng.random() < _CANCELLED_SHARE:
        return OrderStatus.CANCELLED
    progress = (ORDERS - index) / _ACTIVE
    return next((status for until, status in _PROGRESS if progress < until), OrderStatus.DELIVERED)


class Reviews:
    """What customers wrote; the newest review has the highest number."""

    def __init__(self, seed: Seed, ratings: Ratings, food: Food) -> None:
        self._seed = seed
        self._ratings = ratings
        self._food = food
        self.review = remember(self._review)

    def _review(self, index: int) -> Review:
        rng = self._seed.draw("review", index)
        restaurant, stars = self._ratings.restaurant(index), self._ratings.stars(index)
        return Review(
            id=f"rv{index}",
            restaurant_id=f"r{restaurant}",
            author_id=f"u{rng.randint(1, USERS)}",
            rating=stars,
            text=self._text(rng, restaurant, stars),
            created_at=self._seed.ago(_SPAN * ((REVIEWS - index) / REVIEWS) ** 2),
        )

    def _text(self, rng: Random, restaurant: int, stars: int) -> str:
        opening = rng.choice(OPENINGS[stars])
        if rng.random() >= _DETAIL_SHARE:
            return opening
        dish = rng.choice(self._food.dishes_of(restaurant)).name.split(",")[0]
        return f"{opening} {rng.choice(DETAILS[stars]).format(dish=dish)}, {rng.choice(CLOSINGS[stars])}"
