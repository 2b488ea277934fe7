"""What is in force differently, by upstream and endpoint; what only moved is no change."""

import pytest

from bff.policy.diff import diff
from bff.policy.load import load

HOSTS = "hosts: [https://catalog.internal]\n"


@pytest.fixture
def told(tmp_path):
    """Return a function that writes two directories and tells their differences as sentences."""

    def compare(before, after):
        sets = []
        for name, files in (("a", before), ("b", after)):
            for file, text in files.items():
                path = tmp_path / name / file
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(text, "utf-8")
            sets.append(load(tmp_path / name))
        return [str(one).replace(f"{tmp_path.as_posix()}/", "") for one in diff(*sets)]

    return compare


def test_a_changed_value_has_both_origins(told):
    before = {"upstreams/catalog.yaml": f"{HOSTS}timeouts: {{attempt: 1s}}\n"}
    after = {"upstreams/catalog.yaml": HOSTS}

    assert told(before, after) == [
        "catalog: timeouts.attempt was 1s (a/upstreams/catalog.yaml:2), becomes 2s (default)"
    ]


def test_a_value_that_only_moves_is_no_change(told):
    before = {"upstreams/catalog.yaml": f"{HOSTS}timeouts: {{attempt: 1s}}\n"}
    after = {"upstreams/catalog.yaml": HOSTS, "defaults.yaml": "timeouts: {attempt: 1s}\n"}

    assert told(before, after) == []


def test_a_default_changes_every_upstream_that_does_not_say_otherwise(told):
    files = {
        "upstreams/catalog.yaml": HOSTS,
        "upstreams/orders.yaml": f"{HOSTS}retry: {{attempts: 1}}\n",
    }

    assert told({**files}, {**files, "defaults.yaml": "retry: {attempts: 3}\n"}) == [
        "catalog: retry.attempts was 2 (default), becomes 3 (b/defaults.yaml:1)"
    ]


def test_an_endpoint_is_told_apart_from_its_upstream(told):
    menu = "endpoints: {menu: {timeouts: {attempt: 600ms}}}\n"
    before = {"upstreams/catalog.yaml": HOSTS + menu}
    after = {"upstreams/catalog.yaml": f"{HOSTS}timeouts: {{attempt: 1s}}\n{menu}"}

    assert told(before, after) == [
        "catalog: timeouts.attempt was 2s (default), becomes 1s (b/upstreams/catalog.yaml:2), not for menu"
    ]


@pytest.mark.parametrize(
    "section", ["cache: {scope: off}", "fallback: {on_failure: error}", "retry: {attempts: 1}"]
)
def test_what_changes_for_one_endpoint_only_is_told_of_it(told, section):
    before = {"upstreams/catalog.yaml": HOSTS}
    after = {"upstreams/catalog.yaml": f"{HOSTS}endpoints: {{menu: {{{section}}}}}\n"}

    (sentence,) = told(before, after)

    assert sentence.startswith(f"catalog.menu: {section.partition(':')[0]}.")
    assert sentence.endswith("(b/upstreams/catalog.yaml:2)")


def test_an_endpoint_that_joins_a_group_gets_another_breaker(told):
    before = {"upstreams/catalog.yaml": HOSTS}
    after = {"upstreams/catalog.yaml": f"{HOSTS}groups: {{searching: {{endpoints: [search]}}}}\n"}

    assert told(before, after) == ["catalog.search: group was default (groups), becomes searching (groups)"]


def test_upstreams_come_and_go(told):
    before = {"upstreams/catalog.yaml": HOSTS}
    after = {"upstreams/orders.yaml": HOSTS}

    assert told(before, after) == ["upstream catalog is gone", "upstream orders is new"]


def test_entries_of_operations_come_and_go(told):
    assert told({"operations.yaml": "deadlines: {Home: 3s}\n"}, {"operations.yaml": "deadline: 4s\n"}) == [
        "operations: deadline was 10s (default), becomes 4s (b/operations.yaml:1)",
        "operations: deadlines.Home is not said any more, and was 3s (a/operations.yaml:1)",
    ]
