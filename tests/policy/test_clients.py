"""Limits and versions of clients, as files say them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.policy.clients import ClientDefaults, Limit
from bff.policy.load import load, read
from bff.policy.problem import Refused
from bff.policy.rates import check_rate, rate_of
from bff.policy.resolve import effective


@pytest.mark.parametrize(
    ("written", "read_as", "amount", "seconds"),
    [
        ("600 per minute", "600 per minute", 600, 60),
        ("600/minute", "600 per minute", 600, 60),
        (" 10 PER second ", "10 per second", 10, 1),
        ("100 per 5 minutes", "100 per 5 minutes", 100, 300),
        ("5000/hour", "5000 per hour", 5000, 3600),
        ("1 per 1 day", "1 per day", 1, 86_400),
    ],
)
def test_a_rate_is_read_as_people_write_it(written, read_as, amount, seconds):
    assert check_rate(written) == read_as
    assert (rate_of(read_as).amount, rate_of(read_as).get_expiry()) == (amount, seconds)


@given(st.one_of(st.text(max_size=40), st.integers(), st.none(), st.lists(st.integers()), st.floats()))
def test_anything_else_is_refused_with_words(value):
    refused = None
    try:
        read_as = check_rate(value)
    except Refused as error:
        refused = error

    if refused is None:
        assert check_rate(read_as) == read_as
    else:
        assert str(refused)
        assert refused.write is None or check_rate(refused.write)


def test_rl2_a_fifth_at_once_unless_said_otherwise():
    assert Limit(rate="600 per minute").at_once == 120
    assert Limit(rate="3 per minute").at_once == 1
    assert Limit(rate="600 per minute", burst=7).at_once == 7


def test_without_a_folder_nothing_is_limited(write):
    assert load(write({})).client_defaults is None
    assert load(write({"clients/README.md": ""})).client_defaults == ClientDefaults()


def test_a_client_is_put_over_what_holds_for_all(write):
    directory = write(
        {
            "clients/default.yaml": "limits:\n  user: {rate: 100 per minute}\nexpected_replicas: 3\n",
            "clients/ios.yaml": "match: {clients: [ios]}\nlimits:\n  user: {burst: 5}\n",
        }
    )

    policies = load(directory)
    found = {one.key: (one.text, one.origin) for one in effective(policies, "clients/ios")}

    assert policies.client_defaults.expected_replicas == 3
    assert found["limits.user.rate"] == ("100 per minute", f"{directory}/clients/default.yaml:2")
    assert found["limits.user.burst"] == ("5", f"{directory}/clients/ios.yaml:3")
    assert found["limits.anonymous.rate"] == ("60 per minute", "default")
    assert {one.key for one in effective(policies, "clients/default")} >= {"address.rate", "disclose"}


@pytest.mark.parametrize("key", ["clients", "names"])
def test_a_client_has_one_file(write, key):
    directory = write(
        {f"clients/{name}.yaml": f"match:\n  {key}: [mine, {name}]\n" for name in ("android", "ios")}
    )

    (problem,) = read(directory).problems

    assert problem.file.endswith("clients/ios.yaml")
    assert (problem.line, problem.key) == (2, f"match.{key}[0]")
    assert problem.what == "client 'mine' is in clients/android.yaml already"


@pytest.mark.parametrize("key", ["limits: {user: {burst: 5}}", "priority: critical"])
def test_what_a_mere_name_would_choose_is_warned_of(write, key):
    mere = {"clients/ios.yaml": f"match: {{names: [ios]}}\n{key}\n"}
    vouched = {"clients/ios.yaml": f"match: {{names: [ios], trust_names: true}}\n{key}\n"}

    (problem,) = read(write(mere)).problems
    assert problem.level == "warning"
    assert read(write(vouched)).problems == ()


def test_what_holds_for_all_is_nobodys_own_and_not_warned_of(write):
    directory = write(
        {
            "clients/default.yaml": "limits: {user: {burst: 5}}\n",
            "clients/ios.yaml": 'match: {names: [ios]}\nversions: {minimum: "4.2"}\n',
        }
    )

    assert read(directory).problems == ()


def test_the_store_for_counting_has_bounds_of_its_own(write):
    """RL-19: 20 ms for a command, 100 ms to connect, whatever the cache may take."""
    store = load(write({"store.yaml": "command_timeout: 40ms\nratelimit: {command_timeout: 10ms}\n"})).store

    counting = store.for_limits()

    assert store.command_timeout.total_seconds() == 0.04
    assert counting.command_timeout.total_seconds() == counting.pool_wait.total_seconds() == 0.01
    assert counting.connect_timeout.total_seconds() == 0.1
