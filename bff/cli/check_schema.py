"""What a schema promises about services that it cannot keep, and what it does not say."""

import difflib
import inspect
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import strawberry
from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    get_named_type,
    is_composite_type,
    is_introspection_type,
    is_list_type,
    is_non_null_type,
    is_specified_scalar_type,
)

from bff.cli.findings import Finding
from bff.cli.project import relative
from bff.execution.resolver import METADATA_KEY, FieldResolver
from bff.policy.document import Mark
from bff.policy.document import Path as Keys
from bff.policy.load import PolicySet
from bff.policy.model import UpstreamPolicy

_PYTHON_NAMES = {"String": "str", "Int": "int", "Float": "float", "Boolean": "bool", "ID": "strawberry.ID"}


class UpstreamField(NamedTuple):
    """A field that calls services.

    Attributes:
        owner: Name of the type that has it.
        name: Its name in the schema.
        field: As graphql-core has it.
        resolver: What feeds it.
    """

    owner: str
    name: str
    field: GraphQLField
    resolver: FieldResolver

    @property
    def upstreams(self) -> frozenset[str]:
        """Names of the services it calls."""
        return frozenset(endpoint.upstream.name for endpoint in self.resolver.calls)

    @property
    def place(self) -> tuple[str, int]:
        """File and line of its resolver."""
        code = inspect.unwrap(self.resolver.function).__code__
        return relative(code.co_filename), code.co_firstlineno


def as_graphql(schema: strawberry.Schema | GraphQLSchema) -> GraphQLSchema:
    """Return *schema* as graphql-core has it."""
    return schema if isinstance(schema, GraphQLSchema) else schema._schema  # noqa: SLF001 - it has no public name


def upstream_fields(schema: GraphQLSchema) -> list[UpstreamField]:
    """Return every field of *schema* that says which services it calls."""
    return [
        UpstreamField(owner.name, name, field, resolver)
        for owner in schema.type_map.values()
        if isinstance(owner, GraphQLObjectType) and not is_introspection_type(owner)
        for name, field in owner.fields.items()
        if (resolver := _resolver_of(field)) and resolver.calls
    ]


def upstreams_and_policies(
    fields: Sequence[UpstreamField], policies: frozenset[str], directory: Path
) -> Iterator[Finding]:
    """Find upstreams that no policy file is about, and policy files that are about no upstream."""
    used: dict[str, UpstreamField] = {}
    for field in fields:
        for upstream in field.upstreams:
            used.setdefault(upstream, field)
    for upstream in sorted(used.keys() - policies):
        field, path = used[upstream], relative(directory / "upstreams" / f"{upstream}.yaml")
        file, line = field.place
        yield Finding(
            "error",
            "upstream-without-policy",
            file,
            line,
            1,
            f"{field.owner}.{field.name} calls upstream {upstream!r}, and there is no file {path}",
            f"write it with at least: hosts: [https://{upstream}.example.com]",
        )
    for upstream in sorted(policies - used.keys()):
        path = relative(directory / "upstreams" / f"{upstream}.yaml")
        message = f"no field of the schema calls upstream {upstream!r}"
        yield Finding(
            "warning", "policy-without-upstream", path, 1, 1, message, "remove the file, or call the upstream"
        )


def unknown_endpoints(fields: Sequence[UpstreamField], policies: PolicySet | None) -> Iterator[Finding]:
    """Find policies of endpoints that do not exist; what they say would never be in force."""
    known: dict[str, set[str]] = {}
    for endpoint in (endpoint for field in fields for endpoint in field.resolver.calls):
        names = known.setdefault(endpoint.upstream.name, set(endpoint.upstream.endpoints()))
        names.add(endpoint.name)
    for upstream, policy in (policies.upstreams if policies else {}).items():
        for path, name in named_endpoints(policy):
            if policies is None or name in known.get(upstream, {name}):
                continue
            found = policies.documents[f"upstreams/{upstream}"].find(path)
            at = (found.key_at or found.at) if found else Mark(f"upstreams/{upstream}.yaml")
            close = difflib.get_close_matches(name, known[upstream], n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            message = f"upstream {upstream!r} has no endpoint {name!r}{hint}"
            fix = f"write {close[0]}" if close else f"endpoints are {', '.join(sorted(known[upstream]))}"
            yield Finding("error", "unknown-endpoint", at.file, at.line, at.column, message, fix)


def named_endpoints(policy: UpstreamPolicy) -> Iterator[tuple[Keys, str]]:
    """Return every endpoint that *policy* names, with the key that does."""
    for group, settings in policy.groups.items():
        for place, name in enumerate(settings.endpoints):
            yield ("groups", group, "endpoints", place), name
    for name in policy.endpoints:
        yield ("endpoints", name), name


def non_null_paths(fields: Sequence[UpstreamField]) -> Iterator[Finding]:
    """Find fields that turn one failed call into the loss of all that is around them (PD-1, PD-2)."""
    for field in fields:
        shown = str(field.field.type)
        nullable = _nullable(field.field.type)
        if nullable == shown:
            continue
        services = " and ".join(sorted(field.upstreams))
        file, line = field.place
        lost = "an item that fails takes the whole list with it"
        if is_non_null_type(field.field.type):
            lost = f"when {services} fails, everything around the field is lost with it"
        yield Finding(
            "error",
            "non-null-upstream",
            file,
            line,
            1,
            f"{field.owner}.{field.name} is {shown} and fed by {services}: {lost}",
            f"make it {nullable}, in Python {_python(nullable)}",
        )


def missing_descriptions(schema: GraphQLSchema) -> Iterator[Finding]:
    """Note types and fields that do not say what they are."""
    for owner in schema.type_map.values():
        if is_introspection_type(owner) or is_specified_scalar_type(owner):
            continue
        file, line = place_of_type(owner)
        if not owner.description:
            message = f"type {owner.name} has no description"
            yield Finding("note", "description", file, line, 1, message, "write a docstring or description=")
        silent = [name for name, part in _parts(owner).items() if not part.description]
        if silent:
            message = f"{owner.name} has no description for {', '.join(silent)}"
            yield Finding("note", "description", file, line, 1, message, "write description=")


def _parts(owner: GraphQLNamedType) -> dict[str, Any]:
    if isinstance(owner, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
        return dict(owner.fields)
    return dict(owner.values) if isinstance(owner, GraphQLEnumType) else {}


def _resolver_of(field: GraphQLField) -> FieldResolver | None:
    definition = (field.extensions or {}).get("strawberry-definition")
    found = (getattr(definition, "metadata", None) or {}).get(METADATA_KEY)
    return found if isinstance(found, FieldResolver) else None


def _nullable(kind: Any) -> str:
    """Return *kind* as the schema may promise it: nullable, and so are items that are objects."""
    if is_non_null_type(kind):
        return _nullable(kind.of_type)
    if is_list_type(kind):
        item = _nullable(kind.of_type) if is_composite_type(get_named_type(kind)) else str(kind.of_type)
        return f"[{item}]"
    return str(kind)


def _python(kind: str) -> str:
    """Return the annotation of the GraphQL type *kind*."""
    if kind.endswith("!"):
        return _python(kind[:-1]).removesuffix(" | None")
    if kind.startswith("["):
        return f"list[{_python(kind[1:-1])}] | None"
    return f"{_PYTHON_NAMES.get(kind, kind)} | None"


def place_of_type(owner: GraphQLNamedType) -> tuple[str, int]:
    """Return file and line of the class that *owner* was made from."""
    definition = (owner.extensions or {}).get("strawberry-definition")
    origin = getattr(definition, "origin", None) or getattr(definition, "wrapped_cls", None)
    try:
        file = inspect.getsourcefile(origin) if origin else None
        return (relative(file), inspect.getsourcelines(origin)[1]) if file and origin else ("schema", 1)
    except (OSError, TypeError):
        return "schema", 1
