"""Who may keep an answer and who may share its execution, and what decides it."""

import pytest


@pytest.mark.parametrize(
    ("shop", "people", "verdict"),
    [
        ("public", "public", "public"),
        ("public", "user", "private"),
        ("public", "auto", "private"),
        ("public", "off", "never"),
        ("off", "user", "never"),
    ],
)
def test_the_strictest_part_decides(explain, policy, shop, people, verdict):
    """CA-22."""
    plan = explain(
        "{ things { owner { id } } }",
        shop=policy.upstream(cache=policy.cache(scope=shop)),
        people=policy.upstream(cache=policy.cache(scope=people)),
    )

    assert plan.keeping.verdict == verdict


def test_only_what_limits_is_named(explain, policy):
    plan = explain("{ things { owner { id } } }", shop=policy.upstream(cache=policy.cache(scope="public")))

    assert [one.endpoint for one in plan.keeping.limits] == ["people.owners"]


def test_a_mutation_is_neither_kept_nor_shared(explain):
    plan = explain("mutation { buy { id } }")

    assert plan.keeping.verdict == "never"
    assert plan.sharing.scope == "off"


def test_a_root_field_that_does_not_say_what_it_calls_keeps_nothing(explain):
    assert explain("{ plain }").keeping.verdict == "never"


def test_sharing_is_that_of_the_operation(explain, policy):
    operations = policy.operations(sharing={"scope": "principal", "operations": {"Menu": "public"}})

    assert explain("query Menu { news { id } }", operations=operations).sharing.scope == "public"
    assert explain("query Me { news { id } }", operations=operations).sharing.scope == "principal"


def test_the_rule_of_each_endpoint_is_told_in_words(explain, policy):
    cache = policy.cache(scope="user", default_ttl=policy.milliseconds(10_000))

    plan = explain("{ things { id } }", shop=policy.upstream(cache=cache))

    assert plan.waves[0].steps[0].cache == (
        "kept for one user, as long as the answer says, else 10s; 5m more when the service fails"
    )
