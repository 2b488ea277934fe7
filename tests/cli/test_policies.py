"""`bff policies` answers what is in force, why, and what may be written."""

import json

import jsonschema
import pytest

from bff.policy.schema import KINDS


def test_a_policy_is_shown_with_the_origin_of_every_value(project):
    sound = project({"policies/defaults.yaml": "timeouts:\n  attempt: 1s\n"})

    result = sound.bff("policies", "show", "catalog")

    assert result.code == 0
    lines = [line.split() for line in result.out.splitlines()]
    assert ["hosts", "[https://catalog.internal]", "policies/upstreams/catalog.yaml:1"] in lines
    assert ["timeouts.attempt", "1s", "policies/defaults.yaml:2"] in lines
    assert ["timeouts.total", "5s", "default"] in lines


def test_a_policy_is_shown_to_programs(project):
    result = project().bff("policies", "show", "operations", "--format", "json")

    assert result.json["policy"] == "operations"
    assert {"key": "deadline", "value": "10s", "origin": "default"} in result.json["values"]


CATALOG = """hosts: [https://catalog.internal]
timeouts: {total: 3s}
groups:
  menus:
    endpoints: [dish]
    timeouts: {attempt: 800ms}
    breaker: {open_time: 1s}
endpoints:
  dish:
    retry: {attempts: 3}
"""


def test_the_stages_of_one_endpoint_are_shown_in_their_order_with_the_origin_that_decided(project):
    """Who asks why a call was sent three times finds the line that says so."""
    sound = project({"policies/upstreams/catalog.yaml": CATALOG})

    result = sound.bff("policies", "show", "catalog", "--endpoint", "dish")

    assert result.code == 0
    lines = [line.split() for line in result.out.splitlines()]
    file = "policies/upstreams/catalog.yaml"
    assert ["deadline", "timeouts.total", "3s", f"{file}:2"] in lines
    assert ["retry", "retry.attempts", "3", f"{file}:10"] in lines
    assert ["breaker", "breaker.open_time", "1s", f"{file}:7"] in lines
    assert ["attempt", "timeouts.attempt", "800ms", f"{file}:6"] in lines
    assert ["transport", "timeouts.connect", "500ms", "default"] in lines
    shown = list(dict.fromkeys(line[0] for line in lines[4:] if line))
    assert shown == [
        "cache",
        "coalesce",
        "degrade",
        "fill",
        "deadline",
        "split",
        "retry",
        "hedge",
        "canary",
        "balance",
        "gate",
        "breaker",
        "adaptive",
        "bulkhead",
        "credentials",
        "shadow",
        "attempt",
        "transport",
    ]


def test_an_endpoint_that_no_policy_names_has_the_upstreams_values(project):
    sound = project({"policies/upstreams/catalog.yaml": CATALOG})

    result = sound.bff("policies", "show", "catalog", "--endpoint", "dishes", "--format", "json")

    assert (result.json["group"], result.json["endpoint"]) == ("default", "dishes")
    values = {one["key"]: (one["stage"], one["value"]) for one in result.json["values"]}
    assert values["retry.attempts"] == ("retry", 2)
    assert values["timeouts.attempt"] == ("attempt", "2s")


def test_endpoints_belong_to_upstreams_only(project):
    result = project().bff("policies", "show", "operations", "--endpoint", "dish")

    assert (result.code, "there is no policy 'operations'" in result.err) == (2, True)


def test_an_unknown_policy_is_refused_with_those_that_exist(project):
    result = project().bff("policies", "show", "catalogue")

    assert result.code == 2
    names = "auth, operations, defaults, store, network, catalog, clients/default"
    assert result.err == f"bff: there is no policy 'catalogue'; there are {names}\n"


def test_broken_policies_cannot_be_shown_and_say_why(project):
    result = project({"policies/operations.yaml": "deadlin: 3s\n"}).bff("policies", "show", "catalog")

    assert result.code == 2
    assert "policies/operations.yaml:1:1: unknown key 'deadlin'" in result.err


def test_policies_are_checked_without_any_schema(project):
    """The platform team need not be able to import the application."""
    sound = project({"app.py": "raise RuntimeError\n"})

    assert sound.bff("policies", "check").code == 0
    sound.write({"policies/upstreams/orders.yaml": "hosts: []\n"})
    result = sound.bff("policies", "check", "--format", "json")

    assert result.code == 1
    assert result.findings == [("error", "policy", "policies/upstreams/orders.yaml:1:8")]


@pytest.mark.parametrize("kind", ["auth", "operations", "defaults", "upstream"])
def test_each_schema_is_printed_as_the_file_to_keep(project, kind):
    result = project().bff("policies", "schema", kind)

    assert result.code == 0
    jsonschema.Draft202012Validator.check_schema(result.json)


def test_all_schemas_are_written_where_policies_look_for_them(project):
    sound = project()

    result = sound.bff("policies", "schema", "--write", "policies/schema")

    assert result.code == 0
    assert result.out.split() == [f"policies/schema/{kind}.json" for kind in KINDS]
    printed = sound.bff("policies", "schema", "--format", "json").json
    written = json.loads((sound.directory / "policies/schema/upstream.json").read_text("utf-8"))
    assert printed["upstream"] == written
    assert sound.bff("policies", "check").code == 0


def test_an_unknown_kind_is_refused_with_those_that_exist(project):
    result = project().bff("policies", "schema", "routes")

    assert (result.code, result.err) == (
        2,
        f"bff: there is no kind of policy file 'routes'; the kinds are {', '.join(KINDS)}\n",
    )


def test_on_a_terminal_answers_are_for_eyes(project):
    """Colours and folded tables go to terminals only."""
    sound = project({"policies/operations.yaml": "deadlin: 3s\n"})

    found = sound.on_terminal("policies", "check")
    sound.write({"policies/operations.yaml": None})
    shown = sound.on_terminal("policies", "show", "catalog")

    assert "\x1b[1m" in found
    assert "policies/operations.yaml:1:1: " in found
    assert "timeouts.attempt" in shown


def test_two_folders_are_compared_by_what_is_in_force(project):
    sound = project(
        {"other/upstreams/catalog.yaml": "hosts: [https://catalog.internal]\ntimeouts: {attempt: 1s}\n"}
    )

    result = sound.bff("policies", "diff", "policies", "other")

    assert result.code == 1
    assert result.out == (
        "catalog: timeouts.attempt was 2s (default), becomes 1s (other/upstreams/catalog.yaml:2).  One try, from "
        "connecting to the last byte of the body.\n1 value would be in force differently\n"
    )
    assert sound.bff("policies", "diff", "policies", "policies").code == 0


def test_two_files_are_compared_alone(project):
    sound = project(
        {
            "a.yaml": "hosts: [https://catalog.internal]\n",
            "b.yaml": "hosts: [https://catalog.internal]\nretry: {attempts: 3}\n",
        }
    )

    result = sound.bff("policies", "diff", "a.yaml", "b.yaml", "--format", "json")

    (found,) = result.json["differences"]
    assert result.code == 1
    assert (found["scope"], found["key"]) == ("a", "retry.attempts")
    assert found["after"] == {"value": 3, "text": "3", "origin": "b.yaml:2"}


@pytest.mark.parametrize(
    ("pair", "said"),
    [
        (("policies", "nowhere"), "there is no folder or file nowhere"),
        (("policies", "app.py"), "two folders or two files"),
        (("broken.yaml", "broken.yaml"), "broken.yaml:1:"),
    ],
)
def test_what_cannot_be_compared_exits_with_2(project, pair, said):
    result = project({"broken.yaml": "hots: []\n"}).bff("policies", "diff", *pair)

    assert result.code == 2
    assert said in result.err
