"""`bff documents`: what apps send is checked before it is deployed."""

import hashlib
import json

import pytest

from bff.execution.trusted.manifest import parse

DISH = "query Dish($id: ID!) { dish(id: $id) { name } }"
ALL = "{ dishes { name } }"
MANIFEST = json.dumps({"d1": DISH, "a1": ALL}, indent=1)


def registered(project, name="web.json"):
    return parse((project.directory / "policies" / "documents" / name).read_bytes(), name)


def test_registering_writes_them_below_the_policies(project):
    made = project({"m.json": MANIFEST})

    result = made.bff("documents", "register", "m.json", "--client", "web")

    assert (result.code, result.out) == (
        0,
        "All is well: 2 documents of web registered in policies/documents/web.json.\n",
    )
    found = registered(made)
    assert (found.client, found.version) == ("web", "")
    assert [(one.id, one.name, one.kind, one.text) for one in found.documents] == [
        ("d1", "Dish", "query", DISH),
        ("a1", "", "query", ALL),
    ]
    assert made.bff("policies", "check").code == 0, "the folder is one that policies may have"


def test_each_version_of_a_client_has_its_own_file(project):
    made = project({"m.json": MANIFEST})

    for version in ("1.0.0", "1.1.0"):
        assert made.bff("documents", "register", "m.json", "--client", "ios", "--version", version).code == 0

    assert registered(made, "ios@1.1.0.json").version == "1.1.0"
    listed = made.bff("documents", "list", "--format", "json").json["documents"]
    assert {(one["client"], one["version"]) for one in listed} == {("ios", "1.0.0"), ("ios", "1.1.0")}


def test_a_document_that_does_not_fit_is_told_with_its_line_and_nothing_is_written(project):
    bad = json.dumps({"d1": DISH, "b1": "query Bad {\n  dishes { nam }\n}", "b2": "{ dishes "}, indent=1)
    made = project({"m.json": bad})

    result = made.bff("documents", "register", "m.json", "--client", "web")

    assert result.code == 1
    assert result.out.splitlines()[:2] == [
        "m.json:3:1: error: Bad: at 2:12 of the document: Cannot query field 'nam' on type 'Dish'.",
        "m.json:4:1: error: b2: at 1:10 of the document: Syntax Error: Expected Name, found <EOF>.",
    ]
    assert not (made.directory / "policies" / "documents").exists()


def test_a_document_that_costs_too_much_is_worth_a_warning(project):
    """With the variables' own defaults it is refused every time."""
    made = project({"m.json": MANIFEST, "policies/operations.yaml": "cost: {max_cost: 5}\n"})

    result = made.bff("documents", "register", "m.json", "--client", "web")

    assert result.code == 0
    assert "m.json:3:1: warning: a1: it may cost 11, and max_cost is 5; most of it at dishes." in result.out
    assert len(registered(made).documents) == 2


def test_an_id_that_another_client_uses_for_another_text_is_refused(project):
    made = project({"m.json": MANIFEST, "other.json": json.dumps({"d1": ALL})})
    made.bff("documents", "register", "m.json", "--client", "web")

    result = made.bff("documents", "register", "other.json", "--client", "ios")

    assert result.code == 1
    assert "id 'd1' already means another text" in result.out


def test_registering_again_replaces(project):
    made = project({"m.json": MANIFEST, "n.json": json.dumps({"a1": ALL})})
    made.bff("documents", "register", "m.json", "--client", "web")

    made.bff("documents", "register", "n.json", "--client", "web")

    assert [one.id for one in registered(made).documents] == ["a1"]


def test_listing(project):
    made = project({"m.json": MANIFEST})
    assert made.bff("documents", "list").out == "Nothing is registered.\n"
    made.bff("documents", "register", "m.json", "--client", "web")

    lines = made.bff("documents", "list").out.splitlines()

    assert lines[0].startswith("2 documents")
    assert any(line.split() == ["web", "Dish", "query", "d1"] for line in lines)
    assert made.bff("documents", "list", "--client", "ios").out == "Nothing is registered.\n"


def test_comparing_with_what_is_registered(project):
    changed = json.dumps({"d1": DISH.replace("name", "id name"), "n1": "query New { dishes { id } }"})
    made = project({"m.json": MANIFEST, "new.json": changed})
    made.bff("documents", "register", "m.json", "--client", "web", "--version", "2.0")

    same = made.bff("documents", "diff", "m.json")
    result = made.bff("documents", "diff", "new.json")
    machine = made.bff("documents", "diff", "new.json", "--format", "json").json
    files = made.bff("documents", "diff", "new.json", "m.json")

    assert (same.code, same.out) == (0, "The same documents.\n")
    assert result.code == 1
    assert result.out.splitlines() == [
        "+ New  n1",
        "- (unnamed)  a1  (web@2.0)",
        "~ Dish  d1  (web@2.0)",
        "1 added, 1 removed, 1 changed.",
    ]
    assert machine["removed"] == [{"id": "a1", "name": "", "clients": ["web@2.0"]}]
    assert files.code == 1


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("register", "none.json", "--client", "web"), "none.json:1:1: cannot be read"),
        (("register", "bad.json", "--client", "web"), "bad.json:1:1: is no manifest"),
        (("register", "m.json", "--client", "../web"), "becomes part of a file name"),
        (("diff", "bad.json"), "bad.json:1:1: is no manifest"),
    ],
)
def test_input_that_cannot_be_used(project, arguments, said):
    result = project({"m.json": MANIFEST, "bad.json": "[]"}).bff("documents", *arguments)

    assert (result.code, said in result.err) == (2, True)


def test_check_looks_at_registered_documents(project, app):
    """A change of the schema must not break an app that is out there."""
    made = project({"m.json": MANIFEST})
    made.bff("documents", "register", "m.json", "--client", "web")
    assert made.bff("check").code == 0
    made.write({"app.py": app.replace('    name: str = strawberry.field(description="As on the menu.")\n', "")})

    result = made.bff("check", "--format", "json")

    assert result.code == 1
    assert ("error", "document", "policies/documents/web.json:2:1") in result.findings


def test_ids_of_hashes_are_shortened_for_people(project):
    digest = hashlib.sha256(ALL.encode()).hexdigest()
    made = project({"m.json": json.dumps({digest: ALL})})
    made.bff("documents", "register", "m.json", "--client", "web")

    assert f"{digest[:16]}..." in made.bff("documents", "list").out
    assert made.bff("documents", "list", "--format", "json").json["documents"][0]["id"] == digest
