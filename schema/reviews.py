"""What customers think of restaurants."""

from datetime import datetime
from typing import Annotated

import strawberry

import resolvers.accounts
import resolvers.reviews
from bff import requires_scopes
from schema.accounts import User
from schema.changes import UserError
from schema.describe import fed


@strawberry.type(description="One customer's opinion of one restaurant.")
class Review:
    """One customer's opinion of one restaurant."""

    id: strawberry.ID = strawberry.field(description="Unique among reviews.")
    rating: int = strawberry.field(description="1 to 5, 5 is best.")
    text: str = strawberry.field(description="The opinion in words.")
    created_at: datetime = strawberry.field(description="When it was written.")
    author: User | None = fed(resolvers.accounts.author, "Who wrote it, null where the account is gone.")


@strawberry.type(description="What customers think of one restaurant.")
class RestaurantReviews:
    """What customers think of one restaurant."""

    average_rating: float | None = strawberry.field(description="1 to 5; null without reviews.")
    count: int = strawberry.field(name="totalCount", description="How many reviews there are.")
    items: list[Review | None] = strawberry.field(description="The newest reviews, newest first.")


@strawberry.input(description="A review to publish.")
class WriteReviewInput:
    """A review to publish."""

    restaurant_id: strawberry.ID = strawberry.field(description="Id of the restaurant.")
    rating: int = strawberry.field(description="1 to 5, 5 is best.")
    text: str = strawberry.field(description="The opinion in words.")


@strawberry.type(description="The review that was published, or why it was not.")
class WriteReviewPayload:
    """The review that was published, or why it was not."""

    value: Review | None = strawberry.field(name="review", description="The review; null when it was refused.")
    user_errors: list[UserError] = strawberry.field(description="Why it was refused; empty when it was published.")


@strawberry.type(description="Changes to reviews.")
class Mutation:
    """Root fields."""

    write_review: WriteReviewPayload | None = fed(
        resolvers.reviews.write_review,
        "Publish a review of a restaurant.",
        arguments={"input": Annotated[WriteReviewInput, strawberry.argument(description="What to publish.")]},
        directives=[requires_scopes([["reviews:write"]])],
    )
