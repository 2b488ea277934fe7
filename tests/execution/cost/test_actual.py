"""What was not needed is given back: counted in the answer along the tree of the estimate (RL-10)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bff.execution.cost.actual import actual

PLENTY = 1_000_000


class Sent(dict):
    """Every call was really made."""

    def get(self, name, default=None):
        return PLENTY


@pytest.fixture
def used(market):
    """Return a function that tells what an answer to an operation cost."""

    def count(operation, data, *, failed=(), sent=None):
        return actual(market.compiled(operation).tree, data, failed, Sent() if sent is None else sent)

    return count


@pytest.mark.parametrize(
    ("operation", "data", "cost"),
    [
        pytest.param("{ shops { name } }", {"shops": [{"name": "a"}] * 3}, 4, id="items that were there"),
        pytest.param("{ shops { name } }", {"shops": []}, 1, id="none were there"),
        pytest.param("{ shops { name } }", {"shops": None}, 1, id="no list at all: the call was made"),
        pytest.param("{ shops { name } }", {"shops": [None, {"name": "a"}]}, 2, id="an item that is not there"),
        pytest.param(
            "{ shop { floors { title } } }", {"shop": {"floors": [[{}, {}], [{}]]}}, 5, id="lists of lists"
        ),
        pytest.param("{ me { image { url } } }", {"me": {"image": {"url": "u"}}}, 2, id="no weight"),
        pytest.param("{ dear { name } }", {"dear": {"name": "a"}}, 51, id="a field with a weight"),
        pytest.param(
            "{ me { friends { shop { name } } } }",
            {"me": {"friends": [{"shop": {"name": "a"}}, {"shop": None}]}},
            2 + 1 + 2 + 2 + 1,
            id="one call for all, and one for each",
        ),
        pytest.param(
            "{ me { orders(first: 9) { edges { node { id } } } } }",
            {"me": {"orders": {"edges": [{"node": {"id": "1"}}, {"node": None}]}}},
            2 + 2 + 1,
            id="pages",
        ),
        pytest.param(
            "{ search { hits { __typename ... on Shop { name } } } }",
            {"search": {"hits": [{"__typename": "Shop", "name": "a"}, {"__typename": "Contract"}]}},
            6 + 1 + 4,
            id="a type that says its name",
        ),
        pytest.param(
            "{ search { hits { ... on Shop { name } } } }",
            {"search": {"hits": [{"name": "a"}]}},
            6 + 4,
            id="a type that does not, as the dearest",
        ),
        pytest.param("{ me { name } }", None, 1, id="nothing"),
        pytest.param("mutation { load { name } }", {"load": {"name": "a"}}, 26, id="a mutation"),
    ],
)
def test_what_was_returned_is_what_counts(used, operation, data, cost):
    assert used(operation, data) == cost


def test_a_field_that_failed_is_given_back(used):
    """Its call and everything below; its siblings stay."""
    operation = "{ me { name shop { name } } shops(first: 2) { owner { name } } }"
    data = {"me": {"name": "a", "shop": None}, "shops": [{"owner": None}, {"owner": {"name": "b"}}]}

    assert used(operation, data) == 2 + 1 + 3 + 1 + 1
    assert used(operation, data, failed=[["me", "shop"]]) == 2 + 3 + 1 + 1
    assert used(operation, data, failed=[["me", "shop"], ["shops", 0, "owner"]]) == 2 + 3 + 1 + 1
    both = {**data, "shops": [{"owner": None}, {"owner": None}]}
    assert used(operation, both, failed=[["shops", 0, "owner"], ["shops", 1, "owner"]]) == 3 + 3


def test_an_item_that_failed_does_not_make_its_list_free(used):
    assert used("{ shops { name } }", {"shops": [None, {"name": "a"}]}, failed=[["shops", 0]]) == 2


@pytest.mark.parametrize(
    ("sent", "cost"),
    [
        pytest.param({}, 2, id="all from the cache"),
        pytest.param({"shops.many": 1}, 3, id="one call, the other from the cache"),
        pytest.param({"shops.many": 1, "accounts.users": 1}, 4, id="both"),
        pytest.param({"shops.many": 3, "accounts.users": 2}, 4, id="repetitions are ours to pay"),
    ],
)
def test_calls_that_were_not_made_are_given_back(used, sent, cost):
    """Cache hits, calls joined with others and calls refused here never reached a service."""
    assert used("{ shops { owner { name } } }", {"shops": [{"owner": {"name": "a"}}]}, sent=sent) == cost


ANSWERS = st.recursive(
    st.none() | st.just({"name": "x"}),
    lambda inner: st.fixed_dictionaries(
        {},
        optional={key: inner | st.lists(inner, max_size=4) for key in ("shops", "owner", "friends", "me", "name")},
    ),
    max_leaves=20,
)


@settings(deadline=None, max_examples=100)
@given(st.dictionaries(st.sampled_from(["shops", "me"]), ANSWERS))
def test_counting_never_fails_whatever_the_answer(market, data):
    """A refund is worth nothing beside an answer."""
    cost = market.compiled("{ shops { owner { friends { name } } } me { friends { name } } }")

    assert actual(cost.tree, data, [], Sent()) >= 1


def test_an_answer_within_the_estimate_costs_no_more_than_the_estimate(market):
    """What is charged before covers what is counted after, where lists are not longer than asked."""
    cost = market.compiled("{ shops(first: 3) { owner { friends(first: 2) { shop { name } } } rating } }")
    shop = {"owner": {"friends": [{"shop": {"name": "a"}}] * 2}, "rating": 1.0}

    assert actual(cost.tree, {"shops": [shop] * 3}, [], Sent()) == cost.estimate.of({})
