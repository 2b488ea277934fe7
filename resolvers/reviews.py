"""What customers think of restaurants."""

from collections.abc import Sequence

from bff import Context, batched, resolver
from resolvers.changes import Change, attempt
from upstreams import reviews
from upstreams.catalog import Restaurant
from upstreams.reviews import NewReview, RestaurantReviews, Review


@batched(calls=[reviews.for_restaurants])
async def reviews_of_restaurant(
    restaurants: Sequence[Restaurant], context: Context, first: int = 3
) -> Sequence[RestaurantReviews | None | Exception]:
    """Return the newest *first* reviews of each of *restaurants*."""
    return await reviews.for_restaurants.many(context, [restaurant.id for restaurant in restaurants], first=first)


@resolver(calls=[reviews.write])
async def write_review(context: Context, input: NewReview) -> Change[Review]:  # noqa: A002 - its public name
    """Publish the viewer's review of a restaurant."""
    return await attempt(
        reviews.write(context, restaurantId=input.restaurant_id, rating=input.rating, text=input.text)
    )
