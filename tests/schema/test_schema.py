"""What every public schema of ours keeps to, found by walking this one."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLList,
    GraphQLNamedType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLType,
    get_named_type,
    is_introspection_type,
    is_leaf_type,
    is_specified_scalar_type,
)

from bff.execution.resolver import METADATA_KEY, FieldResolver
from schema import schema

SDL = Path(__file__).parents[2] / "schema" / "schema.graphql"
CORE = schema._schema
TYPES = [
    named
    for named in CORE.type_map.values()
    if not is_introspection_type(named) and not is_specified_scalar_type(named)
]
MADE_HERE = {"UserError"}
"""Types whose values no service gives, so that none of a list can fail."""


def output_fields() -> Iterator[tuple[str, GraphQLField]]:
    for named in TYPES:
        if isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
            yield from ((f"{named.name}.{name}", field) for name, field in named.fields.items())


def resolver_of(field: GraphQLField) -> FieldResolver | None:
    definition = field.extensions.get("strawberry-definition")
    return definition.metadata.get(METADATA_KEY) if definition else None


def described(named: GraphQLNamedType) -> Iterator[tuple[str, str | None]]:
    """Yield name and description of *named* and of all that it contains."""
    yield named.name, named.description
    if isinstance(named, GraphQLEnumType):
        yield from ((f"{named.name}.{name}", value.description) for name, value in named.values.items())
    if isinstance(named, GraphQLInputObjectType):
        yield from ((f"{named.name}.{name}", field.description) for name, field in named.fields.items())
    if isinstance(named, GraphQLObjectType | GraphQLInterfaceType):
        for name, field in named.fields.items():
            yield f"{named.name}.{name}", field.description
            for argument, definition in field.args.items():
                yield f"{named.name}.{name}({argument}:)", definition.description


def strict_items(kind: GraphQLType) -> bool:
    """Return whether *kind* contains a list whose items cannot be null."""
    if isinstance(kind, GraphQLNonNull):
        return strict_items(kind.of_type)
    return isinstance(kind, GraphQLList) and (
        isinstance(kind.of_type, GraphQLNonNull) or strict_items(kind.of_type)
    )


def test_the_printed_schema_is_that_of_the_code():
    """Reviewers see each change of the public schema; print it again with `bff schema print`."""
    assert SDL.read_text(encoding="utf-8") == schema.as_str() + "\n"


def test_everything_is_described():
    """A frontend team reads nothing else."""
    silent = [name for named in TYPES for name, text in described(named) if not (text or "").strip()]

    assert silent == []


def test_descriptions_are_sentences():
    wrong = [name for named in TYPES for name, text in described(named) if text and not text.endswith((".", "?"))]

    assert wrong == []


def test_a_field_that_a_service_feeds_is_nullable_and_says_so():
    """PD-1: the failure of one service costs one field, not the answer."""
    fed = [(name, field, resolve) for name, field in output_fields() if (resolve := resolver_of(field))]

    assert fed
    assert [name for name, field, _ in fed if isinstance(field.type, GraphQLNonNull)] == []
    for name, field, resolve in fed:
        for endpoint in resolve.calls:
            assert endpoint.upstream.name in (field.description or ""), name


def test_items_of_lists_are_nullable():
    """PD-2: one failed key costs one item."""
    wrong = [
        name
        for name, field in output_fields()
        if not is_leaf_type(get_named_type(field.type))
        and get_named_type(field.type).name not in MADE_HERE
        and strict_items(field.type)
    ]

    assert wrong == []


def test_a_deprecated_field_names_its_replacement():
    deprecated = [(name, field) for name, field in output_fields() if field.deprecation_reason]

    assert deprecated
    assert [name for name, field in deprecated if "Use `" not in field.deprecation_reason] == []


@pytest.mark.parametrize("name", ["User", "Restaurant", "Dish", "Order", "Courier"])
def test_nodes_are_told_apart_by_what_the_wire_gives(name):
    """An interface needs to know its objects' types."""
    assert CORE.type_map[name].is_type_of is not None
    assert [interface.name for interface in CORE.type_map[name].interfaces] == ["Node"]


def test_every_endpoint_is_named_after_its_variable():
    """Policies, logs and tools call it by that name."""
    for _, field in output_fields():
        for endpoint in resolve.calls if (resolve := resolver_of(field)) else ():
            assert " " not in endpoint.name
