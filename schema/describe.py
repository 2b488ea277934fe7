"""Descriptions that read alike wherever the same thing is said."""

from collections.abc import Mapping
from enum import Enum
from typing import Annotated, Any

import strawberry
from strawberry.types.enum import has_enum_definition

from bff import field
from bff.execution.resolver import FieldResolver

ID = Annotated[strawberry.ID, strawberry.argument(description="Id of the object, as its `id` field gives it.")]
"""The `id` argument of a root field."""


def fed(
    resolve: FieldResolver, description: str, *, arguments: Mapping[str, Any] | None = None, **options: Any
) -> Any:
    """Return a field that services feed; its description says which, and what their failure looks like.

    Args:
        resolve: Where the field comes from.
        description: What the field is, as sentences.
        arguments: Schema types of arguments, by parameter name.
        options: Further options of `bff.field`.
    """
    services = sorted({endpoint.upstream.name for endpoint in resolve.calls})
    source = f"{', '.join(services[:-1])} or {services[-1]}" if services[1:] else services[0]
    return field(
        resolve,
        description=f"{description} From {source}; null, with an error beside the data, when that fails.",
        arguments=arguments,
        **options,
    )


def describe_enum(enum: type[Enum], description: str, values: Mapping[str, str]) -> None:
    """Make *enum*, which the wire defines, an enum of the schema.

    Args:
        enum: The wire's own class; the schema's types go on using it.
        description: What the enum tells apart.
        values: What each member means, by name.

    Raises:
        ValueError: *values* are not those of *enum*.
    """
    if values.keys() != enum.__members__.keys():
        different = sorted(values.keys() ^ enum.__members__.keys())
        raise ValueError(f"{enum.__name__}: described or defined, but not both: {', '.join(different)}")
    if not has_enum_definition(enum):  # Strawberry makes one itself where another module used the enum before
        strawberry.enum(enum)
    assert has_enum_definition(enum)
    definition = enum.__strawberry_definition__
    definition.description = description
    for value in definition.values:
        value.description = values[value.name]
