"""Catalog: restaurants, menus, dishes, search. Shows batching, a shared cache and a rate limit."""

import unicodedata
from collections import deque
from typing import Final, NamedTuple

from bff.clock import Clock
from bff.testing.http_message import Reply, Request
from upstreams.simulation.model import Cuisine, Dish, Restaurant, SearchHit
from upstreams.simulation.web import App, Outside, Problem, choice, invalid, keys, page
from upstreams.simulation.world import World
from upstreams.simulation.world.draw import number
from upstreams.simulation.world.food import DISHES
from upstreams.simulation.world.ratings import RESTAURANTS

_MAX_RESTAURANTS: Final = 50
_MAX_DISHES: Final = 100
_SEARCHES_A_SECOND: Final = 100


def app(world: World, outside: Outside) -> App:
    """Return the service."""
    service = Catalog(world, outside.clock)
    catalog = App("catalog", "public, max-age=30, stale-while-revalidate=60", outside)
    catalog.get("/restaurants", service.restaurants)
    catalog.get("/restaurants/by-ids", service.restaurants_by_ids)
    catalog.get("/restaurants/{id}", service.restaurant)
    catalog.get("/restaurants/{id}/menu", service.menu)
    catalog.get("/dishes", service.dishes)
    catalog.get("/search", service.search)
    return catalog


class Catalog:
    """What the service answers; nothing of it ever changes."""

    def __init__(self, world: World, clock: Clock) -> None:
        self._food = world.food
        self._restaurants = [self._food.restaurant(index) for index in range(1, RESTAURANTS + 1)]
        self._index = _index(self._restaurants, [self._food.dish(index) for index in range(1, DISHES + 1)])
        self._searches = Window(_SEARCHES_A_SECOND, clock)

    def restaurants(self, request: Request) -> Reply:
        """Answer a page of restaurants, perhaps of one cuisine, perhaps only open or closed ones."""
        cuisine, is_open = choice(request, "cuisine", Cuisine), _flag(request, "open")
        found = [
            (place, restaurant)
            for place, restaurant in enumerate(self._restaurants)
            if cuisine in {None, restaurant.cuisine} and is_open in {None, restaurant.open_now}
        ]
        return page(request, found, key=lambda item: item[0], show=lambda item: item[1])

    def restaurants_by_ids(self, request: Request) -> Reply:
        """Answer a batch of restaurants."""
        numbers = [number(key, "r", RESTAURANTS) for key in keys(request, "ids", _MAX_RESTAURANTS)]
        return Reply.json([self._food.restaurant(index) for index in numbers if index])

    def restaurant(self, request: Request) -> Reply:
        """Answer one restaurant."""
        return Reply.json(self._food.restaurant(_known(request)))

    def menu(self, request: Request) -> Reply:
        """Answer the menu of one restaurant."""
        return Reply.json(self._food.menu(_known(request)))

    def dishes(self, request: Request) -> Reply:
        """Answer a batch of dishes."""
        numbers = [number(key, "d", DISHES) for key in keys(request, "ids", _MAX_DISHES)]
        return Reply.json([self._food.dish(index) for index in numbers if index])

    def search(self, request: Request) -> Reply:
        """Answer a page of what contains all words; without words, of everything."""
        if not self._searches.admit():
            detail = f"more than {_SEARCHES_A_SECOND} searches a second"
            raise Problem(429, detail, headers=[("retry-after", "1")])
        found = self._index
        for word in _folded(request.query.get("q", "")).split():
            found = [hit for hit in found if word in hit.text]
        return page(request, found, key=lambda hit: hit.place, show=lambda hit: hit.shown)


class Hit(NamedTuple):
    """What can be found: where it stands, by which text, and what is shown of it."""

    place: int
    text: str
    shown: SearchHit


class Window:
    """Admits so many a second, counted over the second that has just passed."""

    def __init__(self, limit: int, clock: Clock) -> None:
        self._limit = limit
        self._clock = clock
        self._admitted: deque[float] = deque()

    def admit(self) -> bool:
        """Return whether one more is admitted now; one that is refused does not count."""
        now = self._clock.now()
        while self._admitted and self._admitted[0] <= now - 1:
            self._admitted.popleft()
        if len(self._admitted) >= self._limit:
            return False
        self._admitted.append(now)
        return True


def _known(request: Request) -> int:
    restaurant = number(request.params["id"], "r", RESTAURANTS)
    if restaurant is None:
        raise Problem(404, f"there is no restaurant {request.params['id'][:40]}")
    return restaurant


def _flag(request: Request, name: str) -> bool | None:
    text = request.query.get(name)
    if text not in {None, "true", "false"}:
        raise invalid(f"#/{name}", f"{name} is true or false")
    return None if text is None else text == "true"


def _index(restaurants: list[Restaurant], dishes: list[Dish]) -> list[Hit]:
    """Return what can be found, restaurants first."""
    places = [(f"{r.name} {r.cuisine}", SearchHit("RESTAURANT", restaurant=r)) for r in restaurants]
    food = [(f"{d.name} {d.description}", SearchHit("DISH", dish=d)) for d in dishes]
    return [Hit(place, _folded(text), shown) for place, (text, shown) in enumerate(places + food)]


def _folded(text: str) -> str:
    """Return *text* without case and accents, so that `tiramisu` finds Tiramisù."""
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if not unicodedata.combining(c))
