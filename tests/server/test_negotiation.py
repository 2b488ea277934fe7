"""What clients can read, by RFC 9110 and the GraphQL-over-HTTP draft."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.server.negotiation import GRAPHQL, JSON, negotiate


@pytest.mark.parametrize(
    ("accept", "label"),
    [
        (None, JSON),
        ("", JSON),
        ("*/*", JSON),
        ("application/*", JSON),
        ("application/json", JSON),
        ("application/graphql-response+json", GRAPHQL),
        ("application/graphql-response+json, application/json", GRAPHQL),
        ("application/json, application/graphql-response+json", GRAPHQL),
        ("application/graphql-response+json, application/json;q=0.9", GRAPHQL),
        ("application/graphql-response+json;q=0.5, application/json", JSON),
        ("application/graphql-response+json, */*", GRAPHQL),
        ("application/json, */*", JSON),
        ("application/json;q=0, */*", GRAPHQL),
        ("application/graphql-response+json;charset=utf-8", GRAPHQL),
        ("application/graphql-response+json;charset=utf-16", None),
        ("application/graphql-response+json;q=0", None),
        ("application/json;q=nonsense", None),
        ("application/json; q=2", None),
        ("text/html", None),
        ("text/html, */*;q=0.1", JSON),
        ("APPLICATION/JSON", JSON),
        (",,application/json,,", JSON),
    ],
)
def test_the_label_of_an_answer(accept, label):
    assert negotiate(accept).label == label


MEDIA = st.sampled_from([GRAPHQL, JSON, "*/*", "application/*", "text/html", "text/*", "image/png"])
WEIGHTS = st.sampled_from(["0", "0.1", "0.5", "1", "1.000"])


@given(st.lists(st.tuples(MEDIA, WEIGHTS), min_size=1))
def test_what_is_excluded_by_name_is_never_chosen(ranges):
    accept = ", ".join(f"{media};q={weight}" for media, weight in ranges)
    chosen = negotiate(accept).label
    if chosen is not None:
        named = [float(weight) for media, weight in ranges if media == chosen]
        assert not named or max(named) > 0


@given(st.text(st.characters(codec="latin-1"), max_size=60))
def test_no_header_is_an_accident(accept):
    assert negotiate(accept).label in (GRAPHQL, JSON, None)
