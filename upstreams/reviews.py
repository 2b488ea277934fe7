"""What customers think of restaurants; this service speaks GraphQL."""

from datetime import datetime

import msgspec

from bff import Upstream

reviews = Upstream("reviews")


class Review(msgspec.Struct, frozen=True, rename="camel"):
    """One customer's opinion of one restaurant; `rating` is 1 to 5."""

    id: str
    restaurant_id: str
    author_id: str
    rating: int
    text: str
    created_at: datetime


class RestaurantReviews(msgspec.Struct, frozen=True, rename="camel"):
    """A restaurant's newest reviews, and the figures over all of them."""

    restaurant_id: str
    average_rating: float | None
    count: int
    items: list[Review]


class NewReview(msgspec.Struct, frozen=True, rename="camel"):
    """An opinion to publish."""

    restaurant_id: str
    rating: int
    text: str


for_restaurants = reviews.batch_query(
    """
    query ReviewsForRestaurants($restaurantIds: [ID!]!, $first: Int) {
      reviews(restaurantIds: $restaurantIds, first: $first) {
        restaurantId
        averageRating
        count
        items { id restaurantId authorId rating text createdAt }
      }
    }
    """,
    ids="restaurantIds",
    at="reviews",
    returns=list[RestaurantReviews],
    key="restaurant_id",
    max_keys=50,
)
write = reviews.mutation(
    """
    mutation WriteReview($restaurantId: ID!, $rating: Int!, $text: String!) {
      writeReview(restaurantId: $restaurantId, rating: $rating, text: $text) {
        id restaurantId authorId rating text createdAt
      }
    }
    """,
    at="writeReview",
    returns=Review,
)
