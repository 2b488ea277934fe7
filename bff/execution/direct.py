"""Ways past Strawberry's wrapper: fields whose function is called itself, for each parent or once for all.

The wrapper makes `info` and Strawberry's own `Info`, converts arguments, and runs the chain of the field's
extensions, for every parent. Where a field needs none of it, which is known when an operation is compiled, what
remains is a call.
"""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from inspect import isasyncgenfunction
from types import FunctionType, MappingProxyType, MethodType
from typing import Any, Final

import strawberry
from graphql import GraphQLField, get_nullable_type, is_leaf_type
from strawberry.relay import GlobalID
from strawberry.types.arguments import StrawberryArgument, convert_arguments
from strawberry.types.base import StrawberryMaybe, StrawberryOptional
from strawberry.types.field import StrawberryField
from strawberry.types.fields.resolver import StrawberryResolver

from bff.context import Context
from bff.execution.compiler import Direct, DirectOf, Position
from bff.execution.degraded import Degraded, with_notes
from bff.execution.resolver import METADATA_KEY, FieldResolver
from bff.upstream.loader import WrongBatch
from bff.upstream.message import NOT_KEPT

_WRAPPERS: Final = frozenset(
    f"GraphQLCoreConverter.from_resolver.<locals>.{name}" for name in ("_resolver", "_async_resolver")
)

_NOTHING: Final[Mapping[str, Any]] = MappingProxyType({})

_Arguments = Callable[[Mapping[str, Any]], dict[str, Any]]
"""Turns coerced arguments into those of the function."""


def directs(schema: strawberry.Schema) -> DirectOf:
    """Return what tells the functions behind the resolvers of *schema*.

    None for a field with permissions or other extensions, or with handlers of exceptions: they want to see each
    parent. None too for one whose arguments Strawberry makes into objects for each parent, or that wants `info`.
    """
    converter = schema.schema_converter

    def direct_of(field: GraphQLField) -> Direct | None:
        definition: Any = field.extensions.get("strawberry-definition")
        if not isinstance(definition, StrawberryField) or definition.extensions:
            return None
        if converter._get_field_exception_handlers(definition):  # noqa: SLF001 - Strawberry has no public way to it
            return None
        resolver = definition.metadata.get(METADATA_KEY)
        if not isinstance(resolver, FieldResolver) or not resolver.batched:
            arguments = _as_they_are(field, definition.arguments, schema) if _is_bare(field, definition) else None
            if arguments is None:
                return None
            if isinstance(resolver, FieldResolver):
                return Direct(_OfEach(resolver, arguments if definition.arguments else None), asks=True)
            return _plain(definition, arguments)

        def converted(given: Mapping[str, Any]) -> dict[str, Any]:
            return convert_arguments(dict(given), definition.arguments, converter.scalar_registry, schema.config)

        return Direct(_OfAll(resolver, converted), asks=True, batched=True)

    return direct_of


def _is_bare(field: GraphQLField, definition: StrawberryField) -> bool:
    """Tell whether nothing but Strawberry's own wrapper lies around the function of *field*."""
    return (
        type(definition).get_result is StrawberryField.get_result
        and type(definition.base_resolver) is StrawberryResolver
        and getattr(field.resolve, "__qualname__", "") in _WRAPPERS
    )


def _plain(definition: StrawberryField, arguments: _Arguments) -> Direct | None:
    """Return the way to the function of an ordinary Strawberry resolver."""
    resolver = definition.base_resolver
    assert resolver is not None, "only called for fields with one"
    function = resolver.wrapped_func
    if (
        not isinstance(function, FunctionType | MethodType)
        or isasyncgenfunction(function)
        or resolver.info_parameter
    ):
        return None
    named = resolver.root_parameter or resolver.parent_parameter
    as_self = resolver.self_parameter is not None
    if not definition.arguments and named is None:
        return Direct(function if as_self else lambda _: function())
    name = named.name if named is not None else ""

    def call(source: Any, position: Position) -> Any:
        given = arguments(position.arguments)
        if name:
            given[name] = source
        return function(source, **given) if as_self else function(**given)

    return Direct(call, asks=True)


def _as_they_are(
    field: GraphQLField, arguments: Sequence[StrawberryArgument], schema: strawberry.Schema
) -> _Arguments | None:
    """Return what gives *arguments* the names of Python; None where Strawberry would make something of a value."""
    names: dict[str, str] = {}
    for argument in arguments:
        name = schema.config.name_converter.from_argument(argument)
        wanted = argument.type
        if not is_leaf_type(get_nullable_type(field.args[name].type)) or isinstance(wanted, StrawberryMaybe):
            return None
        if (wanted.of_type if isinstance(wanted, StrawberryOptional) else wanted) is GlobalID:
            return None
        names[name] = argument.python_name
    if not names:
        return lambda _: {}
    return lambda given: {names[name]: value for name, value in given.items()}


class _OfEach:
    """Calls the function of a `@resolver` for one parent; *arguments* is None for a field without any."""

    def __init__(self, resolver: FieldResolver, arguments: _Arguments | None) -> None:
        self._resolver = resolver
        self._arguments = arguments

    def __call__(self, parent: Any, position: Position) -> Awaitable[Any]:
        arguments = self._arguments
        given = _NOTHING if arguments is None else arguments(position.arguments)
        return self._resolver.resolve_one(parent, position.context, given, position.path)


class _OfAll:
    """Calls the function of a `@batched` for all parents of a wave."""

    def __init__(self, resolver: FieldResolver, arguments: _Arguments) -> None:
        self._resolver = resolver
        self._arguments = arguments

    async def __call__(self, parents: list[Any], position: Position) -> Sequence[Any]:
        resolver = self._resolver
        arguments = self._arguments(position.arguments) if position.arguments else {}
        context = resolver.context_for(position.context)
        try:
            values = await resolver.function(parents, context, **arguments)
        except asyncio.CancelledError:
            resolver.fail_unless_we_are_cancelled()
        if (type(values) is not list and not isinstance(values, Sequence)) or len(values) != len(parents):
            raise WrongBatch(resolver.name, len(parents), values)
        if not resolver.calls:
            context.operation.use(NOT_KEPT)
        return _tell_notes(values, context, position) if context.noted else values


def _tell_notes(values: Sequence[Any], context: Context, position: Position) -> Sequence[Any]:
    """Return *values* bare, with what there is to say about them noted at the fields that they feed."""
    told = []
    for place, value in enumerate(with_notes(values, context.noted)):
        if type(value) is not Degraded:
            told.append(value)
            continue
        told.append(value.value)
        for note in value.notes:
            context.operation.degrade(tuple(position.path(place).as_list()), note)
    return told
