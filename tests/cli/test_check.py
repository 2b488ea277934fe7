"""`bff check` finds what would lose a screen, before a customer does."""

import pytest


def test_a_sound_project_is_fine(project):
    result = project().bff("check")

    assert result.code == 0
    assert result.out == (
        "All is well: 1 upstream policy, 2 fields that call a service, 1 operation file; "
        "no caller is limited, for there is no folder clients.\n"
    )


def test_findings_are_printed_one_a_line_with_place_and_fix(project, app):
    """A terminal makes the place a link, and an editor reads the lines."""
    sound = project(
        {
            "app.py": app.replace("dish: Dish | None =", "dish: Dish ="),
            "policies/upstreams/catalog.yaml": "hosts: [https://catalog.internal]\ntimeout: {}\n",
        }
    )

    result = sound.bff("check")

    assert result.code == 1
    non_null, unknown, summary = result.out.splitlines()
    assert non_null == (
        "app.py:21:1: error: Query.dish is Dish! and fed by catalog: when catalog fails, everything around the "
        "field is lost with it. Fix: make it Dish, in Python Dish | None"
    )
    assert unknown == (
        "policies/upstreams/catalog.yaml:2:1: error: unknown key 'timeout' at the top of this file; did you mean "
        "'timeouts'? Fix: write timeouts: {}"
    )
    assert summary == "2 errors in 1 upstream policy, 2 fields that call a service, 1 operation file"


@pytest.mark.parametrize(
    ("annotation", "fix"),
    [
        ("list[Dish]", "make it [Dish], in Python list[Dish | None] | None"),
        ("list[Dish] | None", "make it [Dish], in Python list[Dish | None] | None"),
        ("list[Dish | None]", "make it [Dish], in Python list[Dish | None] | None"),
        ("list[str]", "make it [String!], in Python list[str] | None"),
    ],
)
def test_a_list_from_a_service_is_nullable_and_so_are_its_objects(project, app, annotation, fix):
    """PD-1 and PD-2: one failed item must not take the others with it; text cannot fail one by one."""
    changed = app.replace("dishes: list[Dish | None] | None", f"dishes: {annotation}")

    result = project({"app.py": changed}).bff("check", "--format", "json")

    assert result.code == 1
    assert result.findings == [("error", "non-null-upstream", "app.py:26:1")]
    assert result.json["findings"][0]["fix"] == fix


def test_policies_of_endpoints_that_do_not_exist_are_found(project):
    """What they say would never be in force, and nobody would notice."""
    policy = """hosts: [https://catalog.internal]
groups:
  menus:
    endpoints: [dish, dihes]
endpoints:
  elsewhere:
    retry: {attempts: 1}
"""
    sound = project({"policies/upstreams/catalog.yaml": policy})

    result = sound.bff("check")

    assert result.code == 1
    file = "policies/upstreams/catalog.yaml"
    assert f"{file}:4:23: error: upstream 'catalog' has no endpoint 'dihes'; did you mean 'dishes'?" in result.out
    assert (
        f"{file}:6:3: error: upstream 'catalog' has no endpoint 'elsewhere'. Fix: endpoints are dish, dishes"
        in result.out
    )


def test_upstreams_and_policies_are_held_against_each_other(project):
    sound = project(
        {
            "policies/upstreams/catalog.yaml": None,
            "policies/upstreams/orders.yaml": "hosts: [https://orders.internal]\n",
        }
    )

    result = sound.bff("check", "--format", "json")

    assert result.code == 1
    assert result.findings == [
        ("error", "upstream-without-policy", "app.py:21:1"),
        ("warning", "policy-without-upstream", "policies/upstreams/orders.yaml:1:1"),
    ]
    assert "policies/upstreams/catalog.yaml" in result.json["findings"][0]["message"]


def test_operations_and_variables_are_held_against_the_schema(project):
    """An app in the store cannot be mended; its operations are checked before the schema is deployed."""
    sound = project(
        {
            "operations/Gone.graphql": "query Gone {\n  dish(id: 1) {\n    colour\n  }\n}\n",
            "operations/Broken.graphql": "query {\n",
            "operations/Search.graphql": "query Search($search: Search!) { search(search: $search) }\n",
            "operations/Search.variables.json": '{\n  "search": {"text": 7, "limit": "x"},\n  "more": 1\n}\n',
            "operations/Dish.variables.json": "{}\n",
            "operations/sub/Other.graphql": "query Other($id: ID!) { dish(id: $id) { id } }\n",
            "operations/sub/Other.variables.json": '{"id": \n',
            "operations/Renamed.variables.json": "{}\n",
        }
    )

    result = sound.bff("check", "--format", "json")

    assert result.code == 1
    assert result.findings == [
        ("error", "operation", "operations/Broken.graphql:2:1"),
        ("error", "variables", "operations/Dish.variables.json:1:1"),
        ("error", "operation", "operations/Gone.graphql:3:5"),
        ("error", "variables", "operations/Search.variables.json:2:22"),
        ("error", "variables", "operations/Search.variables.json:2:34"),
        ("error", "variables", "operations/Search.variables.json:3:11"),
        ("error", "variables", "operations/sub/Other.variables.json:2:1"),
        ("warning", "variables", "operations/Renamed.variables.json:1:1"),
    ]


def test_a_deadline_for_an_operation_that_nobody_sends_is_a_warning(project):
    sound = project({"policies/operations.yaml": "deadlines:\n  Dsh: 3s\n"})

    result = sound.bff("check", "--format", "json")

    assert result.code == 1
    assert result.findings == [("warning", "unknown-operation", "policies/operations.yaml:2:3")]
    assert result.json["findings"][0]["fix"] == "write Dish"


def test_a_limit_for_an_operation_that_nobody_sends_is_a_warning(project):
    limits = "limits:\n  operations:\n    Dsh: {rate: 3 per minute}\n"
    files = {"policies/clients/default.yaml": limits, "policies/clients/ios.yaml": "match: {clients: [ios]}\n"}

    result = project(files).bff("check", "--format", "json")

    assert result.code == 1
    assert result.findings == [("warning", "unknown-operation", "policies/clients/default.yaml:3:5")]
    assert result.json["findings"][0]["fix"] == "write Dish"


def test_notes_alone_do_not_fail(project, app):
    """Taste must not stop a deployment."""
    sound = project(
        {
            "app.py": app.replace('@strawberry.type(description="Something to eat.")', "@strawberry.type").replace(
                ' = strawberry.field(description="As on the menu.")', ""
            ),
            "operations/Dish.variables.json": None,
        }
    )

    result = sound.bff("check", "--format", "json")

    assert result.code == 0
    assert [level for level, _, _ in result.findings] == ["note", "note", "note"]
    assert [one["message"] for one in result.json["findings"]] == [
        "type Dish has no description",
        "Dish has no description for name",
        "variables $id are needed, and there is no operations/Dish.variables.json",
    ]
    assert result.json["summary"] == {"errors": 0, "warnings": 0, "notes": 3}


def test_a_plain_strawberry_schema_is_checked_too(project):
    """Any schema works, also one written without knowing us."""
    plain = (
        "import strawberry\n\n\n@strawberry.type(description='All.')\nclass Query:\n"
        "    @strawberry.field(description='Says hello.')\n    def hello(self) -> str:\n        return 'hello'\n\n"
        "class Holder:\n    schema = strawberry.Schema(query=Query)\n"
    )
    sound = project(
        {
            "plain.py": plain,
            "policies/upstreams/catalog.yaml": None,
            "operations/Dish.graphql": "{ hello }\n",
            "operations/Dish.variables.json": None,
        }
    )

    assert sound.bff("check", BFF_SCHEMA="plain:schema").code == 2
    sound.write({"plain.py": plain + "\n\nschema = Holder.schema\n"})
    result = sound.bff("check", BFF_SCHEMA="plain:schema")

    assert (result.code, result.err) == (0, "")


def test_the_reference_application_is_fine(reference_application):
    """What is shipped as an example passes its own check."""
    result = reference_application.bff("check")

    assert (result.code, result.err) == (0, "")
    *notes, summary = result.out.splitlines()
    assert all(": note: " in line for line in notes)
    assert "Query.restaurants is open to everybody and calls catalog" in result.out
    assert "Query.me" not in result.out
    assert " in 8 upstream policies" in summary
