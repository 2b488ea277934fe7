"""`bff explain` tells what an operation will do, as a tree or as JSON, and names what it does not know."""

import json

import pytest

SLOW = "hosts: [https://catalog.internal]\ntimeouts: {total: 2s, attempt: 800ms}\n"


def test_a_plan_is_a_tree(project):
    result = project({"policies/upstreams/catalog.yaml": SLOW}).bff("explain", "operations/Dish.graphql")

    assert (result.code, result.err) == (0, "")
    lines = [line.strip("│├└─ ") for line in result.out.splitlines()]
    assert lines[:4] == ["query Dish", "wave 1", "catalog.dish  1 call", "GET /dishes/{id}"]
    assert "feeds: dish" in lines
    assert "calls: 1 call" in lines
    assert "sharing: callers with equal credentials share one execution of equal queries" in lines


def test_an_operation_is_found_by_its_name_and_its_variables_beside_it(project):
    result = project().bff("explain", "Dish", "--format", "json")

    assert result.code == 0
    assert result.json["operation"] == "Dish"
    assert result.json["waves"][0]["steps"][0]["endpoint"] == "catalog.dish"


def test_what_is_left_without_a_service_is_told(project):
    result = project().bff("explain", "Dish", "--without", "catalog")

    assert "without catalog" in result.out
    assert "dish  null" in result.out


@pytest.mark.parametrize("given", ['{"no": true}', "more.json"])
def test_variables_come_from_a_file_or_the_command_line(project, given):
    sound = project(
        {
            "operations/All.graphql": "query All($no: Boolean!) { dishes @skip(if: $no) { id } }\n",
            "more.json": '{"no": true}',
        }
    )

    result = sound.bff("explain", "operations/All.graphql", "--variables", given, "--format", "json")

    assert result.json["waves"] == []


def test_the_json_has_the_documented_members(reference_application):
    result = reference_application.bff("explain", "Home", "--without", "reviews", "--format", "json")

    assert set(result.json) == {
        "operation",
        "kind",
        "waves",
        "totals",
        "calls",
        "cost",
        "latency",
        "keeping",
        "sharing",
        "outage",
        "assumed",
        "warnings",
    }
    assert json.dumps(result.json["calls"]) == '{"least": 14, "most": 15}'


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["Dsh"], "neither a file nor an operation 'Dsh'; did you mean Dish?"),
        (
            ["operations/Dsh.graphql"],
            "there is no file operations/Dsh.graphql; did you mean operations/Dish.graphql?",
        ),
        (["Dish", "--operation", "Dsh"], "no operation 'Dsh'; did you mean 'Dish'?"),
        (["Dish", "--without", "catlog"], "no upstream 'catlog'; did you mean 'catalog'?"),
        (["Dish", "--sizes", "dish"], "--sizes 'dish': write WHAT=NUMBER"),
        (["Dish", "--sizes", "catalog.dsh=1"], "did you mean 'catalog.dish'?"),
        (["Dish", "--variables", "{"], "--variables:1:2: not JSON"),
        (["Dish", "--variables", "nowhere.json"], "nowhere.json cannot be read"),
        (["Dish", "--variables", '{"id": {}}'], "$id"),
    ],
)
def test_what_is_not_known_exits_with_2_and_names_the_nearest(project, arguments, said):
    result = project().bff("explain", *arguments)

    assert result.code == 2
    assert said in result.err


def test_an_operation_that_does_not_fit_the_schema_is_told_with_its_place(project):
    result = project({"operations/Gone.graphql": "{\n  gone\n}\n"}).bff("explain", "operations/Gone.graphql")

    assert result.code == 2
    assert "operations/Gone.graphql:2:3: Cannot query field 'gone' on type 'Query'" in result.err
