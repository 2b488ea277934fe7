"""A document that would keep validation busy is refused by counting, before validation sees it."""

import pytest
from graphql import parse

from bff.execution.limits import LimitExceeded, measure
from bff.policy.model import DocumentLimits

WIDE = DocumentLimits(
    tokens=10_000, depth=1000, aliases=10_000, root_fields=10_000, directives_per_field=1000, merge_pairs=5_000_000
)


def count(text, limits=WIDE):
    return measure(parse(text), limits)


@pytest.mark.parametrize(
    ("text", "measure_name", "expected"),
    [
        pytest.param("{a{b{c}}}", "depth", 3, id="depth"),
        pytest.param("{a{...F}} fragment F on T{b{c}}", "depth", 3, id="depth through a fragment"),
        pytest.param("{...{...{a}}}", "depth", 1, id="an inline fragment is no depth"),
        pytest.param("{x:a y:a a}", "aliases", 2, id="aliases"),
        pytest.param("{a{...F} b{...F}} fragment F on T{x:c y:c}", "aliases", 4, id="aliases of each use"),
        pytest.param("{a ...F ...{c}} fragment F on Q{b d{e}}", "root_fields", 4, id="root fields"),
        pytest.param("{a @skip(if:true) @b b @a @b @c}", "directives", 3, id="directives on one place"),
        pytest.param("query($x:Int @a @b){a}", "directives", 2, id="directives on a variable"),
        pytest.param("{a ...F @a @b} fragment F on Q{a}", "directives", 2, id="directives on a spread"),
        pytest.param("{a a a a}", "merge_pairs", 6, id="every two of one name"),
        pytest.param("{x:a x:b y:a}", "merge_pairs", 1, id="by response name"),
        pytest.param("{a{b} a{b}}", "merge_pairs", 3, id="and what is below, where two selection sets meet"),
        pytest.param("{a ...F} fragment F on Q{a}", "merge_pairs", 2, id="a fragment is part of what spreads it"),
        pytest.param("{...{a} ...{a}}", "merge_pairs", 1, id="so is an inline fragment"),
        pytest.param("{...F ...F} fragment F on Q{a}", "merge_pairs", 1, id="a fragment agrees with itself"),
        pytest.param("{a} fragment U on Q{a a a}", "merge_pairs", 3, id="an unused fragment is validated too"),
    ],
)
def test_what_is_counted(text, measure_name, expected):
    assert getattr(count(text), measure_name) == expected


@pytest.mark.parametrize("text", ["{a{...F}} fragment F on T{b{__schema{x}}}", '{__type(name:"A"){name}}'])
def test_introspection_is_found_through_fragments(text):
    assert count(text).introspects
    assert not count("{a __typename}").introspects


@pytest.mark.parametrize(
    ("limit", "allowed", "good", "bad"),
    [
        ("depth", 3, "{a{b{c}}}", "{a{b{c{d}}}}"),
        ("aliases", 2, "{x:a y:a}", "{x:a y:a z:a}"),
        ("root_fields", 2, "{a b}", "{a ...F} fragment F on Q{b c}"),
        ("directives_per_field", 2, "{a @a @b}", "{a @a @b @c}"),
    ],
)
def test_a_limit_allows_what_it_says_and_not_one_more(limit, allowed, good, bad):
    limits = DocumentLimits(**{limit: allowed})

    measure(parse(good), limits)
    with pytest.raises(LimitExceeded) as refusal:
        measure(parse(bad), limits)

    assert (refusal.value.limit, refusal.value.allowed) == (limit, allowed)
    assert f"{limit} of {allowed}" in str(refusal.value)


@pytest.mark.parametrize(
    "text",
    [
        "{...A} fragment A on Q{a ...B} fragment B on Q{b ...A}",
        "{...A} fragment A on Q{a{...A}}",
        "{a} fragment A on Q{...A}",
    ],
)
def test_circles_of_fragments_end(text):
    assert count(text).cyclic


def test_a_chain_of_fragments_longer_than_the_stack_is_counted():
    """Counting does not recurse, so it cannot overflow."""
    links = "".join(f"fragment F{i} on Q{{...F{i + 1}}}" for i in range(1500))

    measures = measure(parse("{...F0} " + links + " fragment F1500 on Q{a{b}}"), WIDE)

    assert measures.depth == 2


def test_fragments_that_double_are_refused_though_they_are_short():
    """Forty lines, each spreading the next twice, stand for a million million fields."""
    links = " ".join(f"fragment F{i} on Q{{...F{i + 1} ...F{i + 1}}}" for i in range(40))

    with pytest.raises(LimitExceeded, match="merge_pairs"):
        measure(parse("{...F0} " + links + " fragment F40 on Q{a}"), DocumentLimits())


def test_many_operations_on_one_big_fragment_are_refused():
    """Rules that walk all fragments of each operation would do so for every one of them."""
    operations = " ".join(f"query O{i}{{...F}}" for i in range(700))
    fragment = "fragment F on Q{" + "a " * 300 + "}"

    with pytest.raises(LimitExceeded, match="merge_pairs"):
        measure(parse(operations + fragment), DocumentLimits(tokens=100_000, root_fields=1000))
