"""Reviews: a GraphQL service with errors that have codes."""

import pytest

READ = """query ($ids: [ID!]!, $first: Int) {
  reviews(restaurantIds: $ids, first: $first) {
    restaurantId averageRating count items { id restaurantId authorId rating text createdAt }
  }
}"""
WRITE = """mutation ($id: ID!, $rating: Int!, $text: String!) {
  writeReview(restaurantId: $id, rating: $rating, text: $text) { id restaurantId authorId rating text }
}"""


def ask(service, query: str, **variables):
    return service.post("/graphql", json={"query": query, "variables": variables}).json()


def test_reviews_of_restaurants_come_newest_first(client):
    found = ask(client("reviews"), READ, ids=["r2", "r3", "r9999"], first=5)["data"]["reviews"]

    assert {item["restaurantId"] for item in found} == {"r2", "r3"}
    for item in found:
        times = [review["createdAt"] for review in item["items"]]
        assert len(times) == 5
        assert times == sorted(times, reverse=True)
        assert 1 <= item["averageRating"] <= 5
        assert item["count"] > 5


def test_three_are_shown_when_nobody_says_how_many(client):
    found = ask(client("reviews"), '{ reviews(restaurantIds: ["r2"]) { items { id } } }')

    assert len(found["data"]["reviews"][0]["items"]) == 3


def test_a_review_is_written_and_counted(client):
    reviews = client("reviews", "u71")
    before = ask(reviews, READ, ids=["r150"], first=1)["data"]["reviews"][0]

    written = ask(reviews, WRITE, id="r150", rating=5, text="Splendid.")["data"]["writeReview"]

    after = ask(reviews, READ, ids=["r150"], first=2)["data"]["reviews"][0]
    assert (written["authorId"], written["rating"], written["text"]) == ("u71", 5, "Splendid.")
    assert after["count"] == before["count"] + 1
    assert [item["id"] for item in after["items"]] == [written["id"], before["items"][0]["id"]]


@pytest.mark.parametrize(
    ("query", "variables"),
    [
        pytest.param(READ, {"ids": [f"r{i}" for i in range(1, 52)]}, id="51 restaurants"),
        pytest.param(READ, {"ids": ["r1"], "first": -1}, id="fewer than none"),
        pytest.param(WRITE, {"id": "r1", "rating": 6, "text": "x"}, id="six stars"),
        pytest.param(WRITE, {"id": "r1", "rating": 0, "text": "x"}, id="no star"),
        pytest.param(WRITE, {"id": "r1", "rating": 3, "text": " "}, id="no text"),
        pytest.param(WRITE, {"id": "r999", "rating": 3, "text": "x"}, id="unknown restaurant"),
    ],
)
def test_arguments_that_make_no_sense_are_bad_user_input(client, query, variables):
    answer = ask(client("reviews", "u72"), query, **variables)

    assert answer["data"] is None
    assert [error["extensions"]["code"] for error in answer["errors"]] == ["BAD_USER_INPUT"]


def test_writing_needs_a_customer(client):
    answer = ask(client("reviews"), WRITE, id="r1", rating=3, text="x")

    assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


def test_fifty_restaurants_are_allowed(client):
    answer = ask(client("reviews"), READ, ids=[f"r{i}" for i in range(1, 51)], first=1)

    assert len(answer["data"]["reviews"]) == 50


def test_the_media_type_asked_for_decides_the_status_of_a_bad_document(client):
    """GraphQL over HTTP: 200 in the older media type, 400 in the newer."""
    body, modern = {"query": "{ nothing }"}, "application/graphql-response+json"
    reviews = client("reviews")

    old = reviews.post("/graphql", json=body)
    new = reviews.post("/graphql", json=body, headers={"accept": modern})

    assert (old.status_code, old.headers["content-type"]) == (200, "application/json")
    assert (new.status_code, new.headers["content-type"]) == (400, modern)


def test_only_graphql_requests_by_post_are_taken(client):
    reviews = client("reviews")

    assert reviews.post("/graphql", content=b"{}").status_code == 400
    assert reviews.get("/graphql").status_code == 405
