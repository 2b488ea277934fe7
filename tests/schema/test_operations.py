"""The operations that tests, demo and GraphiQL share are valid and complete."""

from pathlib import Path

import msgspec
import pytest
from graphql import OperationDefinitionNode, parse, validate
from graphql.execution import get_variable_values

from bff.policy.model import DocumentLimits
from schema import schema

OPERATIONS = Path(__file__).parents[2] / "schema" / "operations"
FILES = sorted(OPERATIONS.glob("*.graphql"))


@pytest.fixture(params=FILES, ids=lambda path: path.stem)
def file(request):
    return request.param


def operation(path):
    """Return the only operation of the file."""
    definitions = parse(path.read_text(encoding="utf-8")).definitions
    (found,) = [node for node in definitions if isinstance(node, OperationDefinitionNode)]
    return found


def test_an_operation_fits_the_schema(file):
    assert validate(schema._schema, parse(file.read_text(encoding="utf-8"))) == []


def test_an_operation_is_named_after_its_file(file):
    assert operation(file).name.value == file.stem.title().replace("-", "")


def test_an_operation_has_variables_that_fit(file):
    given = msgspec.json.decode(file.with_suffix(".variables.json").read_bytes())
    definitions = operation(file).variable_definitions or ()

    assert not isinstance(get_variable_values(schema._schema, definitions, given), list)
    assert given.keys() <= {definition.variable.name.value for definition in definitions}


def test_an_operation_uses_no_deprecated_field(file):
    """They are what others copy."""
    assert "priceCents" not in file.read_text(encoding="utf-8")


def test_an_operation_stays_within_the_default_limits(file):
    """The reference application runs with the policies as they come."""
    document = parse(file.read_text(encoding="utf-8"))

    assert document.token_count <= DocumentLimits().tokens
