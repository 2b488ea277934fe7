"""How many calls a plan promises: chunks, one for all, one for each, and when it cannot know."""

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from bff.explain import Unexplainable


def calls(plan):
    return {one.endpoint: (one.calls.least, one.calls.most) for one in plan.totals}


def test_a_batch_makes_a_call_for_each_chunk_of_keys(explain):
    plan = explain("{ things(first: 9) { next { id } } }")

    assert calls(plan) == {"shop.all_things": (1, 1), "shop.things": (3, 3)}
    step = plan.waves[1].steps[0]
    assert (step.manner, step.keys, step.max_keys) == ("batched", 9, 4)
    assert step.why == "1 per chunk of 4 of 9 keys"


def test_a_resolver_without_a_batch_makes_a_call_for_each_parent(explain):
    plan = explain("{ things(first: 9) { label { id } } }")

    assert calls(plan)["shop.label"] == (9, 9)
    assert plan.waves[1].steps[0].manner == "per parent"


def test_a_batched_resolver_over_one_endpoint_makes_one_call_for_all(explain):
    plan = explain("{ things(first: 9) { shopOwner { id } } }")

    assert calls(plan)["people.owner"] == (1, 1)


def test_fields_that_ask_at_the_same_moment_share_their_chunks(explain):
    """`owner` and `strictOwner` are different fields over the same endpoint, of the same parents."""
    plan = explain("{ things(first: 3) { owner { id } strictOwner { id } } }")

    assert calls(plan)["people.owners"] == (1, 1)
    assert plan.waves[1].steps[0].fields == ("things[].owner", "things[].strictOwner")


def test_parents_that_arrive_at_different_times_may_cost_a_call_more(explain):
    plan = explain("{ a: things(first: 2) { owner { id } } b: things(first: 3) { owner { id } } }")

    assert calls(plan) == {"shop.all_things": (2, 2), "people.owners": (1, 2)}


def test_the_same_field_with_the_same_arguments_is_asked_once(explain):
    plan = explain("{ a: things(first: 2) { id } b: things(first: 2) { id } }")

    assert calls(plan) == {"shop.all_things": (1, 1)}


def test_a_resolver_that_chooses_among_batches_leaves_their_number_open(explain):
    plan = explain('{ nodes(ids: ["a", "b"]) { id } }')

    assert calls(plan) == {"people.owners": (0, 1), "shop.things": (0, 1)}

    known = explain('{ nodes(ids: ["a", "b"]) { id } }', sizes={"shop.things": 2, "people.owners": 0})
    assert calls(known) == {"people.owners": (0, 0), "shop.things": (1, 1)}


def test_sizes_come_from_arguments_variables_and_the_reader_in_this_order(explain):
    query = "query($n: Int = 5) { things(first: $n) { label { id } } }"

    assert calls(explain(query))["shop.label"] == (5, 5)
    assert calls(explain(query, variables={"n": 7}))["shop.label"] == (7, 7)
    assert calls(explain(query, variables={"n": 7}, sizes={"things": 2}))["shop.label"] == (2, 2)


def test_a_variable_that_is_not_known_gives_the_default_of_its_argument(explain):
    plan = explain("query($n: Int!) { things(first: $n) { label { id } } }")

    assert calls(plan)["shop.label"] == (3, 3)
    assert plan.assumed == ("things has 3 items",)


def test_a_list_of_which_nothing_is_known_has_ten_items(explain):
    plan = explain("query($ids: [ID!]!) { nodes(ids: $ids) { label { id } } }")

    assert calls(plan)["shop.label"] == (10, 10)


def test_what_is_skipped_is_not_counted(explain):
    query = "query($no: Boolean!) { things { id label @skip(if: $no) { id } } }"

    assert "shop.label" not in calls(explain(query, variables={"no": True}))
    with pytest.raises(Unexplainable, match="--variables"):
        explain(query)


def test_root_fields_of_a_mutation_are_waves_of_their_own(explain):
    plan = explain("mutation { buy { owner { id } } order { id } }")

    assert [[step.endpoint for step in wave.steps] for wave in plan.waves] == [
        ["shop.buy"],
        ["people.owners"],
        ["shop.order"],
    ]


def test_an_empty_list_asks_for_nothing(explain):
    plan = explain("{ things { next { owner { id } } label { id } } }", sizes={"things": 0})

    assert calls(plan) == {
        "shop.all_things": (1, 1),
        "shop.things": (0, 0),
        "people.owners": (0, 0),
        "shop.label": (0, 0),
    }
    assert len(plan.waves) == 1


def test_more_calls_than_an_operation_may_make_are_a_warning(explain):
    plan = explain("{ things { label { id } } }", sizes={"things": 300})

    assert "301 calls are more than max_attempts_total 256" in plan.warnings[0]


def test_a_resolver_that_does_not_say_what_it_calls_is_a_warning(explain):
    plan = explain("{ plain }")

    assert plan.waves == ()
    assert plan.warnings == ("plain does not say what it calls: not in this plan",)


@pytest.mark.parametrize(
    ("query", "options", "said"),
    [
        ("{ plain }", {"without": ["shp"]}, "no upstream 'shp'; did you mean 'shop'"),
        ("{ things { id } }", {"sizes": {"thing": 3}}, "no list or endpoint 'thing'; did you mean 'things'"),
        ("query A { plain } query B { plain }", {}, "say which of A, B"),
        ("query Apple { plain }", {"operation_name": "Aple"}, "no operation 'Aple'; did you mean 'Apple'"),
        ("query($n: Int) { things(first: $n) { id } }", {"variables": {"n": "x"}}, r"\$n"),
    ],
)
def test_what_cannot_be_explained_says_why_and_names_the_nearest(explain, query, options, said):
    with pytest.raises(Unexplainable, match=said):
        explain(query, **options)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(items=st.integers(0, 60), keys=st.integers(0, 60))
def test_bounds_are_bounds(explain, items, keys):
    """Never fewer calls than chunks, never more than keys, and least never above most."""
    plan = explain(
        "{ a: things(first: 1) { next { id } } b: things(first: 2) { next { id } } }",
        sizes={"a": items, "b": items, "shop.things": keys},
    )

    least, most = calls(plan)["shop.things"]
    assert -(-keys // 4) == least <= most <= max(keys, 0)
