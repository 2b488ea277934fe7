"""What a shared cache may keep, for whom, how long, and what it is worth later."""

import math
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.policy.caching import CacheRules
from bff.upstream.cache.directives import date, parse, seconds
from bff.upstream.cache.entry import Entry
from bff.upstream.cache.freshness import State, audience, initial_age, lifetimes, stands_in, state

NOW = 1_700_000_000.0
DATE = "Tue, 14 Nov 2023 22:13:20 GMT"
LATER = "Tue, 14 Nov 2023 22:14:20 GMT"


def who(headers, *, rules=None, status=200, credentials=False):
    return audience(
        CacheRules(**(rules or {})), status, headers, parse(headers.get("cache-control")), credentials=credentials
    )


def times(headers, **rules):
    return lifetimes(CacheRules(**rules), headers, parse(headers.get("cache-control")), NOW)


@pytest.mark.parametrize(
    ("field", "found"),
    [
        ("max-age=60", {"max-age": "60"}),
        ('Max-Age="60" , PUBLIC', {"max-age": "60", "public": None}),
        ('no-cache="a, b", max-age=1', {"no-cache": "a, b", "max-age": "1"}),
        ("max-age=1, max-age=1", {"max-age": "1"}),
        ("max-age=1, max-age=2", {"max-age": ""}),
        ("=, ;;, public", {"public": None}),
        ("", {}),
    ],
)
def test_directives_are_read_as_they_are_written(field, found):
    assert parse(field) == found


@given(st.text(max_size=60))
def test_no_field_breaks_the_parser(field):
    parse(field)
    date(field)


@pytest.mark.parametrize("value", ["abc", "-1", "1.5", "", "1 0"])
def test_a_malformed_lifetime_is_none(value):
    """CA-5: malformed is stale."""
    assert seconds(parse(f"max-age={value}"), "max-age") == 0


@pytest.mark.parametrize(
    ("control", "rules", "credentials", "expected"),
    [
        ("max-age=60", {}, False, "public"),
        ("max-age=60", {}, True, "user"),
        ("public, max-age=60", {}, True, "public"),
        ("s-maxage=60", {}, True, "public"),
        ("must-revalidate, max-age=60", {}, True, "public"),
        ("private, max-age=60", {}, False, None),
        ("private, max-age=60", {}, True, None),
        ("private, max-age=60", {"scope": "user"}, True, "user"),
        ("private, max-age=60", {"scope": "user"}, False, None),
        ("public, max-age=60", {"scope": "user"}, True, "user"),
        ("max-age=60", {"scope": "public"}, True, "public"),
        ("private, max-age=60", {"scope": "public"}, True, None),
        ("no-store, max-age=60", {"scope": "public"}, False, None),
        ("max-age=60", {"scope": "off"}, False, None),
        ("", {}, False, None),
        ("", {"default_ttl": "1m"}, False, "public"),
        ("public", {}, False, "public"),
    ],
)
def test_who_may_get_an_answer_again(control, rules, credentials, expected):
    """CA-1, CA-2: RFC 9111, section 3.5, with the platform team's word over it."""
    assert who({"cache-control": control} if control else {}, rules=rules, credentials=credentials) == expected


@pytest.mark.parametrize("status", [201, 206, 301, 404, 500])
def test_only_whole_good_answers_are_kept(status):
    """CA-1."""
    assert who({"cache-control": "max-age=60"}, status=status) is None


def test_an_answer_that_sets_a_cookie_is_somebodys():
    headers = {"cache-control": "max-age=60", "set-cookie": "session=1"}

    assert who(headers) is None


def test_an_answer_that_varies_by_everything_is_not_kept():
    """CA-4."""
    assert who({"cache-control": "max-age=60", "vary": "accept, *"}) is None


@pytest.mark.parametrize(
    ("headers", "ttl"),
    [
        ({"cache-control": "max-age=10, s-maxage=20", "expires": LATER, "date": DATE}, 20),
        ({"cache-control": "max-age=10", "expires": LATER, "date": DATE}, 10),
        ({"expires": LATER, "date": DATE}, 60),
        ({"expires": "0", "date": DATE}, 0),
        ({"expires": "soon"}, 0),
        ({}, 7),
        ({"cache-control": "max-age=99999999999"}, 86_400),
        ({"cache-control": "max-age=1, max-age=2"}, 0),
    ],
)
def test_how_long_an_answer_is_fresh(headers, ttl):
    """CA-5: s-maxage, max-age, Expires, policy, and never more than a day."""
    assert times(headers, default_ttl="7s").ttl == ttl


def test_policy_may_lower_the_longest_lifetime():
    """CA-5: `cache.max_ttl`."""
    assert times({"cache-control": "max-age=600"}, max_ttl="1m").ttl == 60
    assert times({"cache-control": "max-age=6"}, max_ttl="1m").ttl == 6


@pytest.mark.parametrize("control", ["must-revalidate", "proxy-revalidate", "no-cache", "s-maxage=5"])
def test_a_service_may_forbid_its_old_answers(control):
    """CA-9: unless the platform team says otherwise."""
    headers = {"cache-control": f"{control}, max-age=5, stale-if-error=60, stale-while-revalidate=60"}

    forbidden, allowed = times(headers), times(headers, override_stale=True)

    assert (forbidden.swr, forbidden.sie) == (0, 0)
    assert (allowed.swr, allowed.sie) == (60, 60)


def test_stale_if_error_has_a_default_where_a_lifetime_is_set():
    """CA-9, table 17: 300 s when policy sets a ttl."""
    assert times({}).sie == 0
    assert times({}, default_ttl="1s").sie == 300
    assert times({}, default_ttl="1s", stale_if_error="0s").sie == 0
    assert times({"cache-control": "stale-if-error=7"}, default_ttl="1s").sie == 7


def test_an_answer_has_the_age_that_it_was_given_on_the_way():
    """CA-5: the larger of what Date and what Age say."""
    assert initial_age({"date": DATE}, NOW + 30, 0.0) == 30
    assert initial_age({"date": DATE, "age": "50"}, NOW + 30, 0.5) == 50.5
    assert initial_age({"date": LATER}, NOW, 0.0) == 0


@given(st.integers(-7200, 7200), st.floats(0, 10))
def test_an_age_is_never_negative(skew, delay):
    """Fault 26: however wrong the service's clock is."""
    assert initial_age({"date": DATE}, NOW + skew, delay) >= 0


def entry(**fields):
    return Entry(**{"status": 200, "headers": {}, "body": b"", "born": 0.0, "made": 0.0, "ttl": 10.0, **fields})


def test_an_entry_ages_from_fresh_over_stale_to_expired():
    """CA-8, CA-9."""
    kept = entry(swr=5.0, sie=20.0)

    assert [state(kept, now) for now in (9.9, 10.0, 14.9, 15.0)] == [
        State.FRESH,
        State.STALE,
        State.STALE,
        State.EXPIRED,
    ]
    assert [stands_in(kept, now) for now in (15.0, 29.9, 30.0)] == [True, True, False]


def test_no_cache_is_asked_about_each_time():
    """CA-6."""
    assert state(entry(no_cache=True), 0.0) is State.EXPIRED


def test_what_takes_long_is_fetched_early():
    """CA-14: the chance at time t before the end is exp(-t / (beta * delta)), 37 % at t = delta."""
    kept, rng = entry(delta=1.0), Random(5)

    early = sum(state(kept, 9.0, beta=1.0, draw=1 - rng.random()) is State.EARLY for _ in range(20_000))

    assert early / 20_000 == pytest.approx(math.exp(-1), abs=0.02)
