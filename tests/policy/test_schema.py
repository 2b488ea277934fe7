"""What editors accept is what the loader accepts."""

import json
from pathlib import Path

import jsonschema
import pytest

from bff.policy.docstrings import describe
from bff.policy.document import parse
from bff.policy.load import read
from bff.policy.reference import page
from bff.policy.render import paths_of
from bff.policy.schema import KINDS, schema

BROKEN = Path(__file__).parent / "broken"
ROOT = Path(__file__).parents[2]
SHIPPED = sorted(path for path in (ROOT / "policies").rglob("*.yaml"))
KIND_OF = {f"{kind}.yaml": kind for kind in ("auth", "operations", "defaults", "store", "network", "console")}
KIND_OF |= {"default.yaml": "clients"}
KIND_IN = {"upstreams": "upstream", "clients": "client"}


@pytest.mark.parametrize("kind", KINDS)
def test_each_schema_is_itself_valid(kind):
    jsonschema.Draft202012Validator.check_schema(schema(kind))


@pytest.mark.parametrize("kind", KINDS)
def test_every_key_says_what_it_does(kind):
    """An editor shows it when the mouse rests on a key."""
    describe(KINDS[kind])

    assert [path for path, field in paths_of(KINDS[kind]) if not field.description] == []


@pytest.mark.parametrize("file", SHIPPED, ids=lambda path: path.name)
def test_shipped_policies_satisfy_the_schema_that_their_first_line_names(file):
    first = file.read_text("utf-8").splitlines()[0]
    named = (file.parent / first.removeprefix("# yaml-language-server: $schema=")).resolve()
    document, problems = parse(file.name, file.read_bytes())

    assert named.name == f"{KIND_OF.get(file.name) or KIND_IN[file.parent.name]}.json"
    assert problems == []
    jsonschema.validate(document.plain(), json.loads(named.read_text("utf-8")))


@pytest.mark.parametrize(
    "name", ["misspelt-key", "duration-without-unit", "count-is-text", "size-without-unit", "no-hosts"]
)
def test_editors_see_what_the_loader_refuses(name):
    document, _ = parse(name, (BROKEN / f"upstream-{name}.yaml").read_bytes())

    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(document.plain(), schema("upstream"))


def test_shipped_policies_have_neither_errors_nor_warnings():
    """They are examples to copy."""
    reading = read(ROOT / "policies")

    assert reading.problems == ()
    assert len(reading.upstreams) == 8


def test_the_reference_page_names_every_key():
    for kind in KINDS:
        for path, _ in paths_of(KINDS[kind]):
            assert f"`{path[-1]}`" in page()
