"""Manifests of the common tools are read, and what is wrong with one is told with its line."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bff.execution.trusted.manifest import MAX_BYTES, Manifest, Registered, parse, read, write
from bff.policy.problem import PolicyError

APOLLO = """{
  "format": "apollo-persisted-query-manifest",
  "version": 1,
  "operations": [
    {
      "id": "dc67510fb4289672bea757e862d6b00e83db5d3cbbcfb15260601b6f29bb2b8f",
      "body": "query UniversalQuery { __typename }",
      "name": "UniversalQuery",
      "type": "query"
    },
    {
      "id": "f11e4dcb28788af2e41689bb366472084aa1aa1e1ba633c3d605279cff08ed59",
      "body": "mutation M { change }",
      "name": "M",
      "type": "mutation"
    }
  ]
}"""
RELAY = """{
  "1ce8e5d1fdd7ae4d8f5fd4ff9cb7bbcd": "query AppQuery {\\n  name\\n}\\n",
  "6a1e0f6ab3a1c5d3e0a0c0ffee000000": "{ other }"
}"""


def test_a_manifest_of_apollo():
    found = parse(APOLLO.encode(), "manifest.json")

    assert [(one.name, one.kind, one.text, one.line) for one in found.documents] == [
        ("UniversalQuery", "query", "query UniversalQuery { __typename }", 6),
        ("M", "mutation", "mutation M { change }", 12),
    ]


def test_a_manifest_of_relay_or_code_generator():
    found = parse(RELAY.encode(), "persisted_queries.json")

    assert found.documents == (
        Registered("1ce8e5d1fdd7ae4d8f5fd4ff9cb7bbcd", "query AppQuery {\n  name\n}\n", line=2),
        Registered("6a1e0f6ab3a1c5d3e0a0c0ffee000000", "{ other }", line=3),
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "m.json:1:1: is not JSON"),
        (b"[1]", "m.json:1:1: is no manifest"),
        (b'"x"', "m.json:1:1: is no manifest"),
        (b'{\n "a": "{ x }",\n "b": }', "m.json:3:7: is not JSON"),
        (b"\xff\xfe", "m.json:1:1: is not UTF-8"),
        (b"[" * 100_000, "m.json:1:1: is nested too deeply"),
        (b'{\n "a": "{ x }",\n "b": 5\n}', "m.json:3:1: document 2 has no id and text"),
        (b'{\n "a": "{ x }",\n "a": "{ y }"\n}', "m.json:3:1: id 'a' is there twice"),
        (b'{"": "{ x }"}', "document 1 has no id and text"),
        (b'{"' + b"a" * 300 + b'": "{ x }"}', "the id of 1 to 256 characters"),
        (b'{"format": "other", "version": 1, "operations": []}', "is 'other' version 1; known are"),
        (b'{"format": "apollo-persisted-query-manifest", "version": 2, "operations": []}', "version 2; known"),
        (
            b'{"format": "apollo-persisted-query-manifest", "version": 1, "operations": {}}',
            "no list of operations",
        ),
        (
            b'{"format": "apollo-persisted-query-manifest", "version": 1, "operations": [5]}',
            "document 1 has no id",
        ),
    ],
)
def test_what_is_wrong_is_told_with_its_place(content, said):
    with pytest.raises(PolicyError) as refusal:
        parse(content, "m.json")

    assert said in str(refusal.value)


def test_a_file_that_is_not_there_or_too_large(tmp_path):
    with pytest.raises(PolicyError, match="cannot be read"):
        read(tmp_path / "none.json")
    large = tmp_path / "large.json"
    with large.open("wb") as stream:
        stream.truncate(MAX_BYTES + 1)
    with pytest.raises(PolicyError, match="is larger than"):
        read(large)


NAMES = st.text(st.characters(codec="utf-8"), min_size=1, max_size=20)
DOCUMENTS = st.builds(Registered, id=NAMES, text=NAMES, name=NAMES, kind=st.sampled_from(["query", "mutation"]))


@given(st.lists(DOCUMENTS, unique_by=lambda one: one.id, max_size=8), NAMES, st.just("") | NAMES)
def test_what_is_written_is_read_again(documents, client, version):
    manifest = Manifest("m.json", tuple(documents), client, version)

    found = parse(write(manifest).encode(), "m.json")

    assert (found.client, found.version) == (client, version)
    assert [(one.id, one.text, one.name, one.kind) for one in found.documents] == [
        (one.id, one.text, one.name, one.kind) for one in documents
    ]
    assert json.loads(write(manifest))["format"] == "apollo-persisted-query-manifest"


def test_each_document_stands_on_a_line_of_its_own():
    """So that a review shows what changed, and a message can name the line."""
    manifest = Manifest("m.json", tuple(Registered(f"id{n}", "{ x }") for n in range(3)), "web")

    assert [one.line for one in parse(write(manifest).encode(), "m.json").documents] == [2, 3, 4]
