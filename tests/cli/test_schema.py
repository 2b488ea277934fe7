"""`bff schema check` tells whom a change of the schema breaks: file, line and operation."""

import pytest

OLD = '''"""What can be asked for."""
type Query {
  dish(id: ID!): Dish
  dishes: [Dish]
  search(search: Search!): String!
}

"""Something to eat."""
type Dish {
  id: ID!
  name: String!
}

"""What to look for."""
input Search {
  text: String!
  limit: Int! = 10
}
'''


def check(project, old, **operations):
    """Check the sound project against a schema that was *old*."""
    files = {f"operations/{name}.graphql": text for name, text in operations.items()}
    changed = project({"old.graphql": old, **files})
    return changed.bff("schema", "check", "old.graphql", "--format", "json")


def told(result):
    return [(one["level"], f"{one['file']}:{one['line']}", one["message"]) for one in result.json["findings"]]


def test_the_same_schema_breaks_nobody(project):
    result = check(project, OLD)

    assert (result.code, result.json["findings"]) == (0, [])


def test_a_removed_field_breaks_the_operations_that_ask_for_it(project):
    old = OLD.replace("  name: String!\n", "  name: String!\n  colour: String\n")

    result = check(
        project, old, Pretty="query Pretty {\n  dishes { ...D }\n}\nfragment D on Dish {\n  colour\n}\n"
    )

    assert result.code == 1
    message = "Field Dish.colour was removed, and operation Pretty breaks"
    assert told(result) == [("error", "operations/Pretty.graphql:5", message)]


def test_a_change_that_hits_nobody_is_a_note_where_it_was_defined(project):
    old = OLD.replace("  name: String!\n", "  name: String!\n  colour: String\n")

    result = check(project, old)

    assert result.code == 0
    assert told(result) == [
        ("note", "old.graphql:12", "Field Dish.colour was removed; no operation of yours uses it")
    ]


@pytest.mark.parametrize(
    ("change", "operation", "message"),
    [
        (
            ("dish(id: ID!): Dish", "dish(id: ID!): Dish!"),
            "query Q { dish(id: 1) { id } }",
            "Field Query.dish changed type from Dish! to Dish",
        ),
        (
            ("dish(id: ID!): Dish", "dish: Dish"),
            "query Q { dish { id } }",
            "A required argument Query.dish(id:) was added",
        ),
        (
            ("dishes: [Dish]", "dishes(first: Int): [Dish]"),
            "query Q { dishes(first: 3) { id } }",
            "Argument Query.dishes(first:) was removed",
        ),
        (
            ("  text: String!\n", ""),
            "query Q($s: Search!) { search(search: $s) }",
            "A required field Search.text was added",
        ),
        (
            ("  limit: Int! = 10\n", "  limit: Int! = 10\n  sort: String\n"),
            'query Q { search(search: {text: "a", sort: "b"}) }',
            "Field Search.sort was removed",
        ),
    ],
)
def test_each_kind_of_breaking_change_finds_its_operations(project, change, operation, message):
    result = check(project, OLD.replace(*change), Q=operation)

    assert result.code == 1
    assert ("error", "operations/Q.graphql:1", f"{message}, and operation Q breaks") in told(result)


def test_an_enum_value_that_goes_breaks_only_those_who_may_send_it(project):
    """Who only reads it gets the others."""
    old = OLD.replace("limit: Int! = 10", "limit: Int! = 10\n  sort: Sort") + "enum Sort { NAME PRICE }\n"

    result = check(
        project,
        old,
        Sends='query Sends { search(search: {text: "a", sort: NAME}) }',
        Variable="query Variable($s: Search!) { search(search: $s) }",
    )

    hit = {place for level, place, message in told(result) if level == "error" and "Sort" in message}
    assert hit == {"operations/Sends.graphql:1", "operations/Variable.graphql:1"}


def test_a_dangerous_change_is_a_note_where_an_operation_meets_it(project):
    result = check(
        project,
        OLD.replace("limit: Int! = 10", "limit: Int! = 5"),
        Q="query Q($s: Search!) { search(search: $s) }",
    )

    assert result.code == 0
    assert [(level, place) for level, place, _ in told(result)] == [("note", "operations/Q.graphql:1")]


def test_a_client_that_has_registered_a_document_is_named_with_its_version(project):
    """An app in the store cannot be mended; who has which version decides when a field may go."""
    old = OLD.replace("  name: String!\n", "  name: String!\n  colour: String\n")
    files = {
        "old.graphql": old,
        "old_app.py": f"import strawberry\nfrom graphql import build_schema\n\nschema = build_schema({old!r})\n",
        "manifest.json": '{\n  "abc": "query Pretty { dishes { colour } }"\n}\n',
    }
    changed = project(files)
    command = ["documents", "register", "manifest.json", "--client", "ios", "--version", "3.1"]
    assert changed.bff(*command, "--schema", "old_app:schema").code == 0

    result = changed.bff("schema", "check", "old.graphql", "--format", "json")

    ((level, place, message),) = told(result)
    assert (result.code, level) == (1, "error")
    assert place.startswith("policies/documents/ios@3.1.json:")
    assert message == "Field Dish.colour was removed, and operation Pretty of ios@3.1 breaks"


@pytest.mark.parametrize(
    ("old", "said"),
    [
        ("type Query {", "old.graphql:1:13: Syntax Error"),
        ("type Query { a: Nobody }", "old.graphql: Unknown type 'Nobody'"),
    ],
)
def test_an_old_schema_that_is_none_exits_with_2(project, old, said):
    result = check(project, old)

    assert result.code == 2
    assert said in result.err


def test_the_reference_application_keeps_what_it_has_printed(reference_application):
    result = reference_application.bff("schema", "check", "schema/schema.graphql")

    assert (result.code, result.err) == (0, "")
    assert result.out.startswith("All is well: 12 documents")
