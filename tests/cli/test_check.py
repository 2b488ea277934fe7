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


@pytest.mark.parametrize(
    ("section", "what"),
    [
        ("priorities:\n  Dsh: critical\n", "priority"),
        ("sharing: {operations: {\n  Dsh: off}}\n", "rule of sharing"),
    ],
)
def test_whatever_is_said_of_an_operation_that_nobody_sends_is_a_warning(project, section, what):
    result = project({"policies/operations.yaml": section}).bff("check", "--format", "json")

    assert result.findings == [("warning", "unknown-operation", "policies/operations.yaml:2:3")]
    assert result.json["findings"][0]["message"].endswith(f"so this {what} is never used")


LABEL = """
label = catalog.get("/dishes/{id}/label", returns=WireDish, name="label")


@resolver(calls=[label])
async def dish_label(dish: WireDish, context: Context) -> WireDish:
    return await label(context, id=dish.id)


@strawberry.type(description="Something to eat.")
class Dish:
    label: "Dish | None" = field(dish_label, description="What is written on it.")
"""


def with_label(app):
    return app.replace('\n@strawberry.type(description="Something to eat.")\nclass Dish:\n', LABEL)


def test_a_call_for_each_item_of_a_list_is_a_warning(project, app):
    """N+1: one list of a hundred dishes would be a hundred calls."""
    result = project({"app.py": with_label(app)}).bff("check", "--format", "json")

    assert result.code == 1
    assert result.findings == [("warning", "n-plus-one", "app.py:34:1")]
    found = result.json["findings"][0]
    assert found["message"] == "Dish.label calls catalog.label once for each Dish, and dishes is a list of them"
    assert 'per_parent="why"' in found["fix"]


@pytest.mark.parametrize(
    "mended",
    [
        ("calls=[label])", 'calls=[label], per_parent="the service has no batch")'),
        ('    dishes: list[Dish | None] | None = field(all_dishes, description="All of them.")\n', ""),
    ],
    ids=["it says why", "no list leads there"],
)
def test_a_call_for_each_parent_is_fine_where_it_is_meant_or_alone(project, app, mended):
    result = project({"app.py": with_label(app).replace(*mended)}).bff("check")

    assert (result.code, result.err) == (0, "")


def test_a_resolver_below_a_list_that_does_not_say_what_it_calls_is_a_warning(project, app):
    undeclared = """    name: str = strawberry.field(description="As on the menu.")

    @strawberry.field(description="Nobody knows how.")
    async def smell(self) -> str:
        return "good"
"""
    changed = app.replace('    name: str = strawberry.field(description="As on the menu.")\n', undeclared)

    result = project({"app.py": changed}).bff("check", "--format", "json")

    assert [(level, rule) for level, rule, _ in result.findings] == [("warning", "n-plus-one")]
    assert "Dish.smell is neither batched nor declared" in result.json["findings"][0]["message"]


def test_a_policy_of_an_endpoint_that_no_field_calls_is_a_warning(project, app):
    more = app.replace(
        "\n\n@resolver(calls=[dish])",
        '\nspare = catalog.get("/spare", returns=WireDish)\n\n\n@resolver(calls=[dish])',
    )
    policy = "hosts: [https://catalog.internal]\nendpoints:\n  spare:\n    retry: {attempts: 1}\n"

    result = project({"app.py": more, "policies/upstreams/catalog.yaml": policy}).bff("check", "--format", "json")

    assert result.code == 1
    assert result.findings == [("warning", "unreachable-policy", "policies/upstreams/catalog.yaml:3:3")]


def test_calls_that_do_not_fit_into_their_deadline_are_a_warning(project, app):
    """With one attempt each; the last call of the chain would always be cut short when the others are slow."""
    sound = project(
        {
            "app.py": with_label(app).replace("calls=[label])", 'calls=[label], per_parent="one")'),
            "operations/Label.graphql": "# Looks.\nquery Label { dishes { label { id } } }\n",
            "policies/upstreams/catalog.yaml": "hosts: [https://catalog.internal]\ntimeouts: {attempt: 2s}\n",
            "policies/operations.yaml": "deadlines: {Label: 4s}\n",
        }
    )

    result = sound.bff("check", "--format", "json")

    assert result.findings == [("warning", "short-deadline", "operations/Label.graphql:2:1")]
    found = result.json["findings"][0]
    assert "4000ms with one attempt each: catalog.dishes 2000ms, then catalog.label 2000ms" in found["message"]
    assert "deadlines: {Label: 4050ms}" in found["fix"]
    sound.write({"policies/operations.yaml": "deadlines: {Label: 4050ms}\n"})
    assert sound.bff("check").code == 0


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
