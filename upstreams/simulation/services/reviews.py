"""Reviews: a GraphQL service. Shows a GraphQL upstream, slow enough to be hedged."""

from datetime import UTC, datetime
from typing import Any, Final

import msgspec
from graphql import GraphQLError, GraphQLResolveInfo, build_schema, graphql_sync

from bff.clock import Clock
from bff.testing.http_message import Reply, Request
from upstreams.simulation.model import Review
from upstreams.simulation.web import App, Outside, Problem, bearer
from upstreams.simulation.world import World
from upstreams.simulation.world.draw import number, timestamp
from upstreams.simulation.world.ratings import RESTAURANTS, REVIEWS

_MAX_RESTAURANTS: Final = 50
_MAX_FIRST: Final = 50
_MAX_TEXT: Final = 2_000
_GRAPHQL_JSON: Final = "application/graphql-response+json"
_SCHEMA: Final = """
type Query {
  "The newest reviews of each restaurant; unknown restaurants are left out. At most 50 ids."
  reviews(restaurantIds: [ID!]!, first: Int = 3): [RestaurantReviews!]!
}

type Mutation {
  "Adds a review; rating is 1 to 5."
  writeReview(restaurantId: ID!, rating: Int!, text: String!): Review!
}

type RestaurantReviews {
  restaurantId: ID!
  averageRating: Float!
  count: Int!
  items: [Review!]!
}

type Review {
  id: ID!
  restaurantId: ID!
  authorId: ID!
  rating: Int!
  text: String!
  "RFC 3339, UTC."
  createdAt: String!
}
"""


class Body(msgspec.Struct, rename="camel"):
    """A GraphQL request over HTTP."""

    query: str
    variables: dict[str, Any] | None = None
    operation_name: str | None = None


def app(world: World, outside: Outside) -> App:
    """Return the service."""
    schema, root = build_schema(_SCHEMA), Root(world, outside.clock)

    def graphql(request: Request) -> Reply:
        try:
            body = msgspec.json.decode(request.body, type=Body)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise Problem(400, f"the body is no GraphQL request: {error}") from error
        result = graphql_sync(
            schema,
            body.query,
            root_value=root,
            context_value=request,
            variable_values=body.variables,
            operation_name=body.operation_name,
            field_resolver=_member,
        )
        modern = _GRAPHQL_JSON in request.headers.get("accept", "")
        kind = _GRAPHQL_JSON if modern else "application/json"
        status = 400 if modern and result.data is None and not _started(result.errors) else 200
        return Reply(status, [("content-type", kind)], msgspec.json.encode(result.formatted))

    reviews = App("reviews", "no-store", outside)
    reviews.post("/graphql", graphql)
    return reviews


class Root:
    """The root fields; what is written stays until the service restarts."""

    def __init__(self, world: World, clock: Clock) -> None:
        self._world = world
        self._clock = clock
        self._written: dict[int, list[Review]] = {}
        self._last = REVIEWS

    def reviews(
        self, _info: GraphQLResolveInfo[Request], restaurant_ids: list[str], first: int | None
    ) -> list[dict[str, Any]]:
        """Resolve `Query.reviews`."""
        if len(restaurant_ids) > _MAX_RESTAURANTS:
            raise bad_input(f"{len(restaurant_ids)} restaurantIds, at most {_MAX_RESTAURANTS} are allowed")
        first = 3 if first is None else first
        if not 0 <= first <= _MAX_FIRST:
            raise bad_input(f"first {first} does not lie between 0 and {_MAX_FIRST}")
        numbers = [number(key, "r", RESTAURANTS) for key in dict.fromkeys(restaurant_ids)]
        return [self._of(restaurant, first) for restaurant in numbers if restaurant]

    def write_review(
        self, info: GraphQLResolveInfo[Request], restaurant_id: str, rating: int, text: str
    ) -> Review:
        """Resolve `Mutation.writeReview`."""
        try:
            author = bearer(info.context)
        except Problem as problem:
            raise GraphQLError(str(problem), extensions={"code": "UNAUTHENTICATED"}) from problem
        restaurant = number(restaurant_id, "r", RESTAURANTS)
        if restaurant is None:
            raise bad_input(f"there is no restaurant {restaurant_id[:40]}")
        if not 1 <= rating <= 5:  # noqa: PLR2004 - five stars
            raise bad_input(f"rating {rating} does not lie between 1 and 5")
        if not text.strip() or len(text) > _MAX_TEXT:
            raise bad_input(f"text has 1 to {_MAX_TEXT} characters")
        self._last += 1
        now = timestamp(datetime.fromtimestamp(self._clock.wall(), UTC))
        review = Review(f"rv{self._last}", restaurant_id, f"u{author}", rating, text, now)
        self._written.setdefault(restaurant, []).append(review)
        return review

    def _of(self, restaurant: int, first: int) -> dict[str, Any]:
        written = self._written.get(restaurant, [])
        seeded = self._world.ratings.of_restaurant(restaurant)
        stars = sum(map(self._world.ratings.stars, seeded)) + sum(review.rating for review in written)
        count = len(seeded) + len(written)
        newest = written[::-1][:first]
        older = [self._world.reviews.review(index) for index in seeded[::-1][: first - len(newest)]]
        return {
            "restaurant_id": f"r{restaurant}",
            "average_rating": round(stars / count, 2),
            "count": count,
            "items": [*newest, *older],
        }


def bad_input(detail: str) -> GraphQLError:
    """Return the error for arguments that fit the schema and make no sense."""
    return GraphQLError(detail, extensions={"code": "BAD_USER_INPUT"})


def _member(source: Any, info: GraphQLResolveInfo[Request], **arguments: Any) -> Any:
    """Resolve a field by the member of the same name, in snake case."""
    name = _snake(info.field_name)
    value = source[name] if isinstance(source, dict) else getattr(source, name)
    return value(info, **{_snake(key): given for key, given in arguments.items()}) if callable(value) else value


def _snake(name: str) -> str:
    return "".join(f"_{c.lower()}" if c.isupper() else c for c in name)


def _started(errors: list[GraphQLError] | None) -> bool:
    """Return whether execution had begun: only then an error has a path."""
    return any(error.path for error in errors or ())
