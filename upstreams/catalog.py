"""Which restaurants there are and what they cook."""

from enum import StrEnum

import msgspec

from bff import Upstream
from upstreams.wire import Money, Page

catalog = Upstream("catalog")


class Cuisine(StrEnum):
    """What a restaurant mostly cooks."""

    ITALIAN = "ITALIAN"
    JAPANESE = "JAPANESE"
    INDIAN = "INDIAN"
    MEXICAN = "MEXICAN"
    THAI = "THAI"
    BURGERS = "BURGERS"
    VEGAN = "VEGAN"
    BAKERY = "BAKERY"


class Spiciness(StrEnum):
    """How hot a dish is."""

    NONE = "NONE"
    MILD = "MILD"
    HOT = "HOT"


class HitKind(StrEnum):
    """What a search found."""

    RESTAURANT = "RESTAURANT"
    DISH = "DISH"


class Location(msgspec.Struct, frozen=True, rename="camel"):
    """Where a restaurant is; degrees are WGS 84."""

    street: str
    city: str
    latitude: float
    longitude: float


class Restaurant(msgspec.Struct, frozen=True, rename="camel"):
    """A restaurant; `delivery_minutes` is its usual time to the door."""

    id: str
    name: str
    cuisine: Cuisine
    rating: float
    delivery_minutes: int
    open_now: bool
    address: Location
    image_url: str
    minimum_order: Money


class Dish(msgspec.Struct, frozen=True, rename="camel"):
    """One thing on a menu."""

    id: str
    restaurant_id: str
    name: str
    description: str
    price: Money
    vegetarian: bool
    spiciness: Spiciness
    image_url: str
    available: bool


class MenuSection(msgspec.Struct, frozen=True, rename="camel"):
    """A titled part of a menu, its dishes in the restaurant's order."""

    title: str
    dish_ids: list[str]


class Menu(msgspec.Struct, frozen=True, rename="camel"):
    """All that a restaurant offers."""

    restaurant_id: str
    sections: list[MenuSection]


class Hit(msgspec.Struct, frozen=True, rename="camel"):
    """One find of a search: the member that `kind` names is set, the other is None."""

    kind: HitKind
    restaurant: Restaurant | None
    dish: Dish | None


restaurant = catalog.get("/restaurants/{id}", returns=Restaurant | None)
restaurants = catalog.get("/restaurants{?cursor,limit,cuisine,open}", returns=Page[Restaurant])
restaurants_by_id = catalog.batch(
    "/restaurants/by-ids", ids="ids", returns=list[Restaurant], key="id", max_keys=50
)
menu = catalog.get("/restaurants/{id}/menu", returns=Menu | None)
dishes = catalog.batch("/dishes", ids="ids", returns=list[Dish], key="id", max_keys=100)
search = catalog.get("/search{?q,cursor,limit}", returns=Page[Hit])
