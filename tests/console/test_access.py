"""Who may look and act: decided from what a request shows, and closed where nothing is said."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.console.access import by_place, by_scopes, objection, wrong_host
from bff.policy.console import ConsolePolicy
from bff.testing.principals import principal

BROWSER = {"host": "127.0.0.1:8001", "origin": "http://127.0.0.1:8001", "sec-fetch-site": "same-origin"}


@pytest.mark.parametrize("host", ["127.0.0.1:8001", "localhost", "[::1]:8001", "10.1.2.3:8001", "LOCALHOST:1"])
def test_addresses_and_this_machine_are_good_hosts(host):
    assert wrong_host(host, ()) is None


@pytest.mark.parametrize(
    "host",
    [None, "", "evil.example.com", "evil.example.com:8001", "a@127.0.0.1", "127.0.0.1/x", "127.0.0.1.nip.io"],
)
def test_any_other_name_may_be_a_page_that_has_been_rebound(host):
    assert wrong_host(host, ()) is not None


def test_policy_names_further_hosts():
    assert wrong_host("console.example.com", ("console.example.com",)) is None
    assert wrong_host("console.example.com:8443", ("console.example.com:8443",)) is None
    assert "policies/console.yaml" in wrong_host("other.example.com", ("console.example.com",))


@given(st.text(max_size=60))
def test_no_host_breaks_the_check(host):
    wrong_host(host, ())


@pytest.mark.parametrize(
    ("method", "headers", "good"),
    [
        ("GET", {}, True),
        ("POST", {}, True),  # a program: a page cannot leave out Origin and Sec-Fetch-Site
        ("GET", {**BROWSER}, True),
        ("POST", {**BROWSER, "x-bff-csrf": "1"}, True),
        ("POST", {**BROWSER}, False),
        ("DELETE", {**BROWSER}, False),
        ("POST", {**BROWSER, "x-bff-csrf": "1", "origin": "http://127.0.0.1:9"}, False),
        ("POST", {**BROWSER, "x-bff-csrf": "1", "origin": "null"}, False),
        ("POST", {**BROWSER, "x-bff-csrf": "1", "sec-fetch-site": "same-site"}, False),
        ("GET", {**BROWSER, "sec-fetch-site": "cross-site"}, False),
        ("GET", {"host": "127.0.0.1:8001", "origin": "https://evil.example.com"}, False),
    ],
)
def test_se3_pages_elsewhere_can_neither_look_nor_act(method, headers, good):
    assert (objection(method, headers) is None) is good


@pytest.mark.parametrize(
    ("scopes", "role"),
    [
        ({"bff:console"}, "read"),
        ({"bff:console:act"}, "act"),
        ({"bff:console", "bff:console:act"}, "act"),
        ({"orders:write"}, "none"),
        (set(), "none"),
    ],
)
def test_scopes_decide_where_policy_says_so(scopes, role):
    caller = by_scopes(ConsolePolicy(), principal("ada", scopes=scopes))

    assert caller.role == role
    assert (caller.why == "") is (role == "act")
    assert "ada" in caller.who


def test_policy_can_let_nobody_act():
    caller = by_scopes(ConsolePolicy(act=frozenset()), principal("ada", scopes=["bff:console", "bff:console:act"]))

    assert caller.role == "read"
    assert "names none" in caller.why


@pytest.mark.parametrize(
    ("peer", "headers", "development", "role"),
    [
        ("127.0.0.1", {}, False, "act"),
        ("::1", {}, False, "act"),
        ("127.0.0.1", BROWSER, False, "read"),
        ("127.0.0.1", {"sec-fetch-site": "none"}, False, "read"),
        ("127.0.0.1", BROWSER, True, "act"),
        ("10.0.0.9", {}, False, "none"),
        ("10.0.0.9", BROWSER, True, "none"),
        (None, {}, False, "none"),
        ("127.0.0.1", {"x-forwarded-for": "203.0.113.9"}, False, "none"),
        ("127.0.0.1", {"forwarded": "for=203.0.113.9"}, True, "none"),
        ("127.0.0.1", {"via": "1.1 proxy"}, False, "none"),
    ],
)
def test_without_policy_only_this_machine_counts(peer, headers, development, role):
    """Whoever has a shell here could stop the process too; nobody can say who sits in front of a page."""
    assert by_place(peer, headers, development=development).role == role
