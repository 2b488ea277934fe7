"""Restaurants, their menus and dishes, and the search for them."""

from typing import TYPE_CHECKING, Annotated

import strawberry

import resolvers.catalog
import resolvers.promotions
import resolvers.reviews
from bff import serves
from schema.connection import PAGE, Connection
from schema.describe import ID, describe_enum, fed
from schema.money import Money
from schema.node import Node
from schema.scalars import URL
from upstreams import catalog

if TYPE_CHECKING:
    from schema.promotions import Offer
    from schema.reviews import RestaurantReviews

describe_enum(
    catalog.Cuisine,
    "What a restaurant mostly cooks.",
    {
        "ITALIAN": "Pasta, pizza, risotto.",
        "JAPANESE": "Sushi, ramen, donburi.",
        "INDIAN": "Curries, dal, breads from the tandoor.",
        "MEXICAN": "Tacos, burritos, moles.",
        "THAI": "Curries, noodles, salads.",
        "BURGERS": "Burgers and fries.",
        "VEGAN": "Nothing from animals.",
        "BAKERY": "Bread, cakes, sandwiches.",
    },
)
describe_enum(
    catalog.Spiciness,
    "How hot a dish is.",
    {"NONE": "Not at all.", "MILD": "A little; most children eat it.", "HOT": "Ask for water."},
)


@strawberry.type(description="Where a restaurant is.")
class Location:
    """Where a restaurant is."""

    street: str = strawberry.field(description="Street and number.")
    city: str = strawberry.field(description="City.")
    latitude: float = strawberry.field(description="Degrees north, WGS 84.")
    longitude: float = strawberry.field(description="Degrees east, WGS 84.")


@strawberry.type(description="A titled part of a menu.")
class MenuSection:
    """A titled part of a menu."""

    title: str = strawberry.field(description="Such as `Starters`.")
    dishes: list[Annotated["Dish", strawberry.lazy("schema.catalog")] | None] | None = fed(
        resolvers.catalog.dishes, "The dishes in the restaurant's order."
    )


@strawberry.type(description="All that a restaurant offers.")
class Menu:
    """All that a restaurant offers."""

    sections: list[MenuSection | None] = strawberry.field(description="The parts in the restaurant's order.")


@strawberry.type(description="A restaurant that delivers.")
class Restaurant(Node):
    """A restaurant that delivers."""

    is_type_of = serves(catalog.Restaurant)
    name: str = strawberry.field(description="What it is called.")
    cuisine: catalog.Cuisine = strawberry.field(description="What it mostly cooks.")
    rating: float = strawberry.field(description="Average of all its reviews, 1 to 5; may lag behind `reviews`.")
    delivery_minutes: int = strawberry.field(description="Usual time from order to door, in minutes.")
    open_now: bool = strawberry.field(description="Whether it takes orders at the moment.")
    address: Location = strawberry.field(description="Where it is.")
    image_url: URL = strawberry.field(description="A wide picture.")
    minimum_order: Money = strawberry.field(description="The least that an order may cost.")
    menu: Menu | None = fed(resolvers.catalog.menu, "All that it offers.")
    reviews: Annotated["RestaurantReviews", strawberry.lazy("schema.reviews")] | None = fed(
        resolvers.reviews.reviews_of_restaurant,
        "What customers think of it.",
        arguments={
            "first": Annotated[int, strawberry.argument(description="How many reviews to return at most.")]
        },
    )
    offers: list[Annotated["Offer", strawberry.lazy("schema.promotions")] | None] | None = fed(
        resolvers.promotions.offers_of_restaurant, "The offers that hold here alone."
    )


def price_cents(dish: strawberry.Parent[catalog.Dish]) -> int:
    """Return what one *dish* costs, in cents."""
    return dish.price.cents


@strawberry.type(description="One thing on a menu.")
class Dish(Node):
    """One thing on a menu."""

    is_type_of = serves(catalog.Dish)
    name: str = strawberry.field(description="What it is called.")
    description: str = strawberry.field(description="What is in it.")
    price: Money = strawberry.field(description="What one costs.")
    vegetarian: bool = strawberry.field(description="Whether it is free of meat and fish.")
    spiciness: catalog.Spiciness = strawberry.field(description="How hot it is.")
    image_url: URL = strawberry.field(description="A square picture.")
    available: bool = strawberry.field(description="Whether it can be ordered at the moment.")
    restaurant: Restaurant | None = fed(resolvers.catalog.restaurant_of_dish, "Who cooks it.")
    price_cents: int = strawberry.field(
        resolver=price_cents,
        description="What one costs, in cents.",
        deprecation_reason="Use `price { cents }`, which knows its currency.",
    )


SearchResult = Annotated[Restaurant | Dish, strawberry.union("SearchResult", description="What a search finds.")]


@strawberry.type(description="Restaurants and dishes.")
class Query:
    """Root fields."""

    restaurant: Restaurant | None = fed(
        resolvers.catalog.restaurant, "One restaurant, null where there is none.", arguments={"id": ID}
    )
    restaurants: Connection[Restaurant] | None = fed(
        resolvers.catalog.restaurants,
        "Restaurants that deliver.",
        arguments={
            **PAGE,
            "cuisine": Annotated[
                catalog.Cuisine | None, strawberry.argument(description="Only those that mostly cook this.")
            ],
            "open_only": Annotated[
                bool, strawberry.argument(description="Only those that take orders at the moment.")
            ],
        },
    )
    search: Connection[SearchResult] | None = fed(
        resolvers.catalog.search,
        "Restaurants and dishes that fit a text, best first.",
        arguments={
            **PAGE,
            "text": Annotated[str, strawberry.argument(description="What the customer typed.")],
        },
    )
