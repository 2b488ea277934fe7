"""Restaurants, their menus and dishes."""

from random import Random
from typing import Final

from upstreams.simulation.model import Cuisine, Dish, Menu, Money, Place, Restaurant, Section
from upstreams.simulation.world import menus
from upstreams.simulation.world.draw import Seed, remember
from upstreams.simulation.world.menus import Recipe
from upstreams.simulation.world.people import position, street
from upstreams.simulation.world.ratings import RESTAURANTS, Ratings
from upstreams.simulation.world.words import CITY, RESTAURANT_NAMES, TWISTS

DISHES_EACH: Final = 25
DISHES: Final = RESTAURANTS * DISHES_EACH

_OPEN_SHARE: Final = 0.82
_AVAILABLE_SHARE: Final = 0.96
_TWIST_SHARE: Final = 0.2
_TWIST_CENTS: Final = 80
_DEMO_RESTAURANT: Final = 1


class Food:
    """All that can be eaten; restaurants count from 1, and `DISHES_EACH` dishes belong to each, in order."""

    def __init__(self, seed: Seed, ratings: Ratings) -> None:
        self._seed = seed
        self._ratings = ratings
        self._recipes = menus.load()
        self._names = self._named()
        self.restaurant = remember(self._restaurant)
        self._kitchen = remember(self._cooked)

    def _named(self) -> list[tuple[Cuisine, str]]:
        """Return cuisine and name of each restaurant; no name occurs twice."""
        each = RESTAURANTS // len(Cuisine)
        named = []
        for cuisine, (heads, tails) in RESTAURANT_NAMES.items():
            names = [f"{head} {tail}" for head in heads for tail in tails]
            named += [(cuisine, name) for name in self._seed.draw("names", cuisine.value).sample(names, each)]
        self._seed.draw("cuisines").shuffle(named)
        return named

    def _restaurant(self, index: int) -> Restaurant:
        rng = self._seed.draw("restaurant", index)
        cuisine, name = self._names[index - 1]
        return Restaurant(
            id=f"r{index}",
            name=name,
            cuisine=cuisine,
            rating=round(self._ratings.average(index), 1),
            delivery_minutes=rng.randrange(15, 60, 5),
            open_now=rng.random() < _OPEN_SHARE or index == _DEMO_RESTAURANT,
            address=Place(street(rng), CITY, *position(rng)),
            image_url=f"https://images.example.com/restaurants/r{index}.jpg",
            minimum_order=Money(rng.choice((0, 800, 1000, 1200, 1500))),
        )

    def dish(self, index: int) -> Dish:
        """Return dish number *index*."""
        restaurant, place = divmod(index - 1, DISHES_EACH)
        return self._kitchen(restaurant + 1)[place][1]

    def dishes_of(self, restaurant: int) -> tuple[Dish, ...]:
        """Return the dishes of *restaurant* in the order of its menu."""
        return tuple(dish for _, dish in self._kitchen(restaurant))

    def menu(self, restaurant: int) -> Menu:
        """Return the menu of *restaurant*."""
        sections: dict[str, list[str]] = {}
        for title, dish in self._kitchen(restaurant):
            sections.setdefault(title, []).append(dish.id)
        return Menu(f"r{restaurant}", tuple(Section(title, tuple(ids)) for title, ids in sections.items()))

    def _cooked(self, restaurant: int) -> tuple[tuple[str, Dish], ...]:
        rng = self._seed.draw("menu", restaurant)
        cuisine, _ = self._names[restaurant - 1]
        recipes = self._recipes[cuisine]
        chosen = sorted(rng.sample(range(len(recipes)), DISHES_EACH))
        price_level = rng.uniform(0.85, 1.25)
        first = (restaurant - 1) * DISHES_EACH + 1
        return tuple(
            (recipes[place].section, _dish(rng, first + offset, cuisine, recipes[place], price_level))
            for offset, place in enumerate(chosen)
        )


def _dish(rng: Random, index: int, cuisine: Cuisine, recipe: Recipe, price_level: float) -> Dish:
    twist = rng.choice(TWISTS[cuisine]) if rng.random() < _TWIST_SHARE else ""
    cents = recipe.cents * price_level + (_TWIST_CENTS if twist else 0)
    return Dish(
        id=f"d{index}",
        restaurant_id=f"r{(index - 1) // DISHES_EACH + 1}",
        name=f"{recipe.name}, {twist}" if twist else recipe.name,
        description=f"{recipe.description}.",
        price=Money(round(cents / 10) * 10),
        vegetarian=recipe.vegetarian,
        spiciness=recipe.spiciness,
        image_url=f"https://images.example.com/dishes/d{index}.jpg",
        available=rng.random() < _AVAILABLE_SHARE,
    )
