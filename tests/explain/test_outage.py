"""What is left without a service: nulls and how far they reach, stale values, defaults, other sources."""

import pytest


def lost(plan):
    return [(one.path, one.instead, one.nulls) for one in plan.outage.lost]


def test_a_nullable_field_is_null_and_nothing_else(explain):
    plan = explain("{ things { id owner { id } } news { id } }", without=["people"])

    assert lost(plan) == [("things[].owner", "null", "things[].owner")]
    assert not plan.outage.nothing_left


def test_a_null_that_is_not_allowed_takes_what_is_around_it(explain):
    """`things` is a list of things that may not be null, so one failed owner costs the list."""
    plan = explain("{ things { strictOwner { id } label { id } } }", without=["people"])

    assert lost(plan) == [("things[].strictOwner", "null", "things")]


def test_a_root_field_that_may_not_be_null_takes_everything(explain):
    plan = explain("{ strictNews { id } }", without=["shop", "spare"])

    assert lost(plan) == [("strictNews", "null", "")]
    assert plan.outage.nothing_left


def test_what_is_below_a_lost_field_is_not_asked_for(explain):
    plan = explain("{ things { next { owner { id } } } }", without=["shop"])

    assert lost(plan) == [("things", "null", "things")]
    assert plan.outage.gone == ("things[].next", "things[].next.owner")


def test_items_that_are_asked_for_by_key_fail_one_by_one(explain):
    query = '{ nodes(ids: ["a"]) { id } }'

    unknown = explain(query, without=["people"]).outage.lost[0]
    known = explain(query, without=["people"], sizes={"people.owners": 1}).outage.lost[0]
    unasked = explain(query, without=["people"], sizes={"people.owners": 0}).outage.lost

    assert (unknown.path, unknown.certain) == ("nodes[]", False)
    assert (known.path, known.certain) == ("nodes[]", True)
    assert unasked == ()


def test_another_source_stands_in_while_it_is_up(explain):
    assert lost(explain("{ news { id } }", without=["shop"])) == [("news", "another source", None)]
    assert lost(explain("{ news { id } }", without=["shop", "spare"])) == [("news", "null", "news")]
    assert lost(explain("{ news { id } }", without=["spare"])) == []


@pytest.mark.parametrize(
    ("scope", "on_failure", "instead"),
    [
        ("off", "stale", "null"),
        ("off", "default", "default"),
        ("off", "empty_list", "default"),
        ("public", "error", "null"),
        ("public", "stale", "stale or null"),
        ("public", "empty_list", "stale or default"),
    ],
)
def test_policy_says_what_stands_in(explain, policy, scope, on_failure, instead):
    """PD-13: stale values need a cache, defaults do not."""
    people = policy.upstream(
        cache=policy.cache(scope=scope, stale_if_error=policy.milliseconds(60_000)),
        fallback=policy.fallback(on_failure=on_failure),
    )

    plan = explain("{ things { owner { id } } }", without=["people"], people=people)

    assert [one.instead for one in plan.outage.lost] == [instead]


def test_a_change_that_failed_has_failed(explain, policy):
    shop = policy.upstream(fallback=policy.fallback(on_failure="empty_list"))

    plan = explain("mutation { buy { id } }", without=["shop"], shop=shop)

    assert lost(plan) == [("buy", "null", "buy")]


def test_a_default_goes_on_to_be_asked_about_and_an_empty_list_does_not(explain, policy):
    for on_failure, gone in (("default", ()), ("empty_list", ("things[].owner",))):
        shop = policy.upstream(fallback=policy.fallback(on_failure=on_failure))

        plan = explain("{ things { owner { id } } }", without=["shop"], shop=shop)

        assert plan.outage.gone == gone


def test_the_worst_of_several_endpoints_counts(explain, policy):
    shop = policy.upstream(fallback=policy.fallback(on_failure="empty_list"))

    plan = explain('{ nodes(ids: ["a"]) { id } }', without=["shop", "people"], shop=shop)

    (loss,) = plan.outage.lost
    assert loss.instead == "null"
    assert loss.why.startswith("people.owners and shop.things: ")
