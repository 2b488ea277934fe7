"""`@semanticNonNull` (a draft of the specification): what is null only where something went wrong.

A field that a service feeds is nullable, so that its failure costs nothing else. Clients like to know whether a
null can also mean that there is nothing: a resolver that never returns None says no.
"""

from collections.abc import Iterable, Iterator
from types import NoneType, UnionType
from typing import Any, Final, TypeVar, Union, get_args, get_origin

from graphql import (
    ConstDirectiveNode,
    FieldDefinitionNode,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
    InterfaceTypeDefinitionNode,
    NameNode,
    ObjectTypeDefinitionNode,
    Visitor,
    is_non_null_type,
    parse,
    print_ast,
    visit,
)

from bff.execution.resolver import METADATA_KEY, FieldResolver

NAME: Final = "semanticNonNull"
DEFINITION: Final = f"directive @{NAME}(levels: [Int!]! = [0]) on FIELD_DEFINITION\n"


def semantic_fields(schema: GraphQLSchema) -> Iterator[tuple[str, str]]:
    """Yield type and name of each nullable field whose resolver never returns None."""
    for type_ in schema.type_map.values():
        if not isinstance(type_, GraphQLObjectType | GraphQLInterfaceType) or type_.name.startswith("__"):
            continue
        for name, field in type_.fields.items():
            metadata = getattr(field.extensions.get("strawberry-definition"), "metadata", None) or {}
            resolver = metadata.get(METADATA_KEY)
            if isinstance(resolver, FieldResolver) and not is_non_null_type(field.type) and never_none(resolver):
                yield type_.name, name


def never_none(resolver: FieldResolver) -> bool:
    """Return whether the annotation of *resolver* says that it returns no None; one that says nothing does not."""
    told = resolver.hints().get("return")
    if resolver.batched:
        told = next(iter(get_args(told)), None) if get_origin(told) is not None else None
    return told is not None and not (_kinds(told) & {NoneType, Any, object})


def _kinds(told: Any) -> set[Any]:
    if hasattr(told, "__value__"):  # an alias by `type`
        return _kinds(told.__value__)
    if isinstance(told, TypeVar):
        return {Any}
    if get_origin(told) in {Union, UnionType}:
        return {kind for one in get_args(told) for kind in _kinds(one)}
    return {told if isinstance(told, type) else Any if told is Any else get_origin(told)}


def marked(sdl: str, fields: Iterable[tuple[str, str]]) -> str:
    """Return *sdl* with the directive at each of *fields*, and with its definition."""
    wanted = set(fields)
    names: list[str] = []

    class Marking(Visitor):
        def enter_object_type_definition(self, node: ObjectTypeDefinitionNode, *_: Any) -> None:
            names.append(node.name.value)

        def enter_interface_type_definition(self, node: InterfaceTypeDefinitionNode, *_: Any) -> None:
            names.append(node.name.value)

        def enter_field_definition(self, node: FieldDefinitionNode, *_: Any) -> FieldDefinitionNode | None:
            if (names[-1], node.name.value) not in wanted:
                return None
            parts = {key: getattr(node, key) for key in node.keys}
            directives = (*(node.directives or ()), ConstDirectiveNode(name=NameNode(value=NAME), arguments=()))
            return FieldDefinitionNode(**{**parts, "directives": directives})

    return f"{DEFINITION}\n{print_ast(visit(parse(sdl), Marking()))}\n"
