"""What is cheaper at the moment."""

from datetime import datetime
from typing import Annotated

import strawberry

import resolvers.catalog
import resolvers.promotions
from schema.catalog import Restaurant
from schema.describe import fed
from upstreams.accounts import Segment


@strawberry.type(description="A discount.")
class Offer:
    """A discount."""

    id: strawberry.ID = strawberry.field(description="Unique among offers.")
    title: str = strawberry.field(description="What to show, such as `Free dessert`.")
    code: str = strawberry.field(description="What the customer types to use it.")
    discount_percent: int = strawberry.field(description="How much cheaper an order gets, in percent.")
    ends_at: datetime = strawberry.field(description="Until when it holds.")
    restaurant: Restaurant | None = fed(
        resolvers.catalog.restaurant_of_offer, "Where it holds, null for everywhere."
    )


@strawberry.type(description="Offers.")
class Query:
    """Root fields."""

    offers: list[Offer | None] | None = fed(
        resolvers.promotions.offers,
        "What is cheaper at the moment.",
        arguments={
            "segment": Annotated[
                Segment | None, strawberry.argument(description="For these customers; absent: all offers.")
            ]
        },
    )
