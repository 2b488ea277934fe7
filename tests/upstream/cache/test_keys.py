"""Two calls share a key only when nothing that may change the answer differs."""

from hypothesis import given
from hypothesis import strategies as st

from bff.context import Principal
from bff.policy.caching import CacheRules
from bff.upstream.cache.keys import digest, partition, primary, variant, vary_names
from bff.upstream.pipeline.call import Call

RULES = CacheRules()
PARTS = st.lists(st.none() | st.text(max_size=4), max_size=4)


def call(**changes):
    return Call(
        **{
            "upstream": "catalog",
            "endpoint": "dish",
            "method": "GET",
            "target": "/dishes/1",
            "headers": {},
            "body": None,
            "safe": True,
            "request_id": "r",
            "deadline": 0.0,
            **changes,
        }
    )


@given(PARTS, PARTS)
def test_different_parts_have_different_digests(one, other):
    """CA-3: lengths are part of it, and absent is not empty."""
    assert (digest(one) == digest(other)) == (one == other)


def test_a_token_is_not_in_a_key():
    """CA-3: never the raw token."""
    part = partition(call(headers={"authorization": "Bearer secret"}), RULES)

    assert part is not None
    assert "secret" not in part


def test_a_known_principal_stands_for_its_tokens():
    """A token that was renewed is the same user; other scopes may see other things."""
    alice = Principal("https://id", "alice", frozenset({"read"}))
    admin = Principal("https://id", "alice", frozenset({"read", "admin"}))
    before, after = ({"authorization": f"Bearer {token}"} for token in "ab")

    assert partition(call(principal=alice, headers=before), RULES) == partition(
        call(principal=alice, headers=after), RULES
    )
    exchanged = {"speaks_for": "user"}
    assert partition(call(principal=alice, **exchanged), RULES) != partition(
        call(principal=admin, **exchanged), RULES
    )


def test_who_is_behind_our_own_credentials_makes_no_difference():
    """CA-2, CA-3: nor who is behind none; but the two are not the same."""
    alice, bob = Principal("https://id", "alice"), Principal("https://id", "bob")

    ours = {partition(call(principal=who, speaks_for="service"), RULES) for who in (alice, bob, None)}

    assert len(ours) == 1
    assert None not in ours
    assert {partition(call(principal=who), RULES) for who in (alice, bob, None)} == {None}


def test_a_tenant_is_part_of_who_asks():
    """CA-3."""
    parts = {
        partition(call(principal=Principal("https://id", "alice", tenant=tenant), speaks_for="user"), RULES)
        for tenant in (None, "north", "south")
    }

    assert len(parts) == 3


def test_any_header_that_may_name_a_user_counts():
    """A service may know its users by a header of its own."""
    one = partition(call(headers={"x-customer": "1"}), RULES)
    other = partition(call(headers={"x-customer": "2"}), RULES)

    assert None not in (one, other)
    assert one != other


def test_nobody_is_told_apart_by_tracing():
    assert (
        partition(call(headers={"traceparent": "00-1", "x-request-id": "r", "accept-language": "nl"}), RULES)
        is None
    )


def test_named_headers_make_other_answers():
    """CA-3: what policy names is in the key, though the service does not vary by it."""
    rules = CacheRules(key_headers={"accept-language"})
    keys = {
        primary("1", call(headers=headers), rules, None)
        for headers in ({}, {"accept-language": ""}, {"accept-language": "nl"}, {"accept-language": "de"})
    }

    assert len(keys) == 4


def test_the_order_of_a_query_matters_unless_policy_says_otherwise():
    """CA-3."""
    one, other = call(target="/a?x=1&y=2"), call(target="/a?y=2&x=1")

    assert primary("1", one, RULES, None) != primary("1", other, RULES, None)
    assert primary("1", one, CacheRules(sort_query=True), None) == primary(
        "1", other, CacheRules(sort_query=True), None
    )


def test_another_version_of_the_types_shares_nothing():
    assert primary("1", call(), RULES, None) != primary("2", call(), RULES, None)


def test_a_variant_is_chosen_by_the_headers_that_vary_names():
    """CA-4: absent is another variant than empty."""
    names = vary_names("Accept-Language , accept-language, X-A")

    assert names == ("accept-language", "x-a")
    assert variant("k", names, {"accept-language": "nl,de"}) == variant("k", names, {"accept-language": "nl, de"})
    assert variant("k", names, {}) != variant("k", names, {"x-a": ""})
