"""Resolvers that say which endpoints they call, once per parent or once for all parents of a wave.

`resolver` and `batched` make them, `field` puts them into a Strawberry type. Ordinary Strawberry resolvers work
beside them; these are the fast road and the one that tools can read.
"""

import asyncio
import dataclasses
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn, get_type_hints

import strawberry
from graphql.pyutils import Path

from bff.context import Context, Operation
from bff.execution.degraded import Degraded, with_notes
from bff.upstream.endpoint import Endpoint
from bff.upstream.errors import UpstreamError
from bff.upstream.loader import Loader
from bff.upstream.message import NOT_KEPT, Note
from bff.upstream.outcome import Outcome

METADATA_KEY = "resolver"
"""Under which a Strawberry field's metadata holds its `FieldResolver`."""


class WrongSignature(TypeError):
    """A resolver's parameters are not those that its decorator calls for."""

    def __init__(self, name: str, problem: str, example: str) -> None:
        super().__init__(f"{name}: {problem}; write {example}")


class FieldResolver:
    """A function that resolves a field, with what tools need to know about it.

    Attributes:
        function: What the application wrote.
        name: Module and name, for messages.
        calls: The endpoints it may call.
        batched: Whether it takes all parents of a wave at once.
        per_parent: Why it may make a call for each item of a list; empty where nobody said so.
        arguments: Its parameters that are GraphQL arguments.
    """

    def __init__(
        self, function: Callable[..., Any], calls: Iterable[Endpoint[Any]], *, batched: bool, per_parent: str = ""
    ) -> None:
        self.function = function
        self.name = f"{function.__module__}.{function.__qualname__}"
        self.calls = frozenset(calls)
        self.batched = batched
        self.per_parent = per_parent
        self.has_parent, self.arguments = self._read_signature()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Call the function itself, as tests do."""
        return self.function(*args, **kwargs)

    def _read_signature(self) -> tuple[bool, tuple[inspect.Parameter, ...]]:
        example = (
            "async def name(parents: Sequence[Parent], context: Context, first: int = 10)"
            if self.batched
            else "async def name(parent: Parent, context: Context, first: int = 10) (no parent on a root type)"
        )
        if not inspect.iscoroutinefunction(self.function):
            raise WrongSignature(self.name, "not an `async def`", example)
        parameters = list(inspect.signature(self.function).parameters.values())
        place = next((i for i, one in enumerate(parameters) if one.annotation in (Context, "Context")), None)
        if place is None:
            raise WrongSignature(self.name, "no parameter is annotated `Context`", example)
        if place > 1 or (self.batched and place != 1):
            raise WrongSignature(self.name, f"{place} parameters stand before the context", example)
        return place == 1, tuple(parameters[place + 1 :])

    def hints(self) -> dict[str, Any]:
        """Return the evaluated annotations; later than decoration, when all modules are loaded."""
        return get_type_hints(self.function, include_extras=True)

    def context_for(self, context: Context) -> Context:
        """Return the view of *context*'s operation through which this resolver may call its endpoints."""
        return Context(context.operation, self.calls, self.name)

    async def resolve(
        self, parent: Any, context: Context, arguments: Mapping[str, Any], path: Path | None = None
    ) -> Any:
        """Return the field's value for one *parent*; what is stale or a default is noted at *path*.

        Raises:
            Exception: What went wrong for this parent.
        """
        if not self.batched:
            return await self.resolve_one(parent, context, arguments, lambda: path)
        operation = context.operation
        try:
            value = await self._loader(operation, arguments).load(_Parent(parent))
        except asyncio.CancelledError:
            self.fail_unless_we_are_cancelled()
        if not self.calls:
            operation.use(NOT_KEPT)
        if type(value) is not Degraded:
            return value
        _tell(operation, path, value.notes)
        return value.value

    async def resolve_one(
        self,
        parent: Any,
        context: Context,
        arguments: Mapping[str, Any],
        path_of: Callable[[], Path | None],
    ) -> Any:
        """Return what the function, which is not batched, returns for *parent*; notes are at what *path_of* says.

        Raises:
            Exception: What went wrong.
        """
        own = Context(context.operation, self.calls, self.name)
        try:
            if self.has_parent:
                value = await self.function(parent, own, **arguments)
            else:
                value = await self.function(own, **arguments)
        except asyncio.CancelledError:
            self.fail_unless_we_are_cancelled()
        if not self.calls:
            own.operation.use(NOT_KEPT)
        if own.noted:
            _tell(own.operation, path_of(), [noted.note for noted in own.noted])
        return value

    def fail_unless_we_are_cancelled(self) -> NoReturn:
        """Re-raise the cancellation that is being handled when it is meant for this task (PD-14).

        Raises:
            CancelledError: It is.
            UpstreamError: Something that the function awaited was cancelled.
        """
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise  # noqa: PLE0704 - called while handling the cancellation
        raise UpstreamError(Outcome.LOCAL_BUG, f"{self.name}: something it awaited was cancelled") from None

    def _loader(self, operation: Operation, arguments: Mapping[str, Any]) -> "Loader[_Parent, Any]":
        identity = (self, _frozen(arguments))
        loader = operation.loaders.get(identity)
        if loader is None:
            context = Context(operation, self.calls, self.name)

            async def fetch(parents: list[_Parent]) -> Any:
                values = await self.function([parent.value for parent in parents], context, **arguments)
                if not context.noted:
                    return values
                noted, context.noted = context.noted, []
                return with_notes(values, noted)

            loader = operation.loaders[identity] = Loader(fetch, name=self.name)
        return loader


class _Parent:
    """A parent as a key: two positions of equal parents stay two keys."""

    __slots__ = ("value",)

    def __init__(self, value: Any) -> None:
        self.value = value


def resolver(
    *, calls: Iterable[Endpoint[Any]], per_parent: str = ""
) -> Callable[[Callable[..., Any]], FieldResolver]:
    """Make a resolver that runs once per parent: `async def menu(restaurant: Restaurant, context: Context)`.

    On a root type it takes no parent. Parameters after the context are GraphQL arguments.

    Args:
        calls: The endpoints that it calls; calling another one is an error.
        per_parent: Why it may make a call for each item of a list, such as "the service has no batch"; without
            that `bff check` warns of it.
    """
    return lambda function: FieldResolver(function, calls, batched=False, per_parent=per_parent)


def batched(*, calls: Iterable[Endpoint[Any]]) -> Callable[[Callable[..., Any]], FieldResolver]:
    """Make a resolver that runs once for all parents of a wave.

    `async def dish(lines: Sequence[OrderLine], context: Context)` returns a value, None or an exception for each
    line, in order. Parameters after the context are GraphQL arguments.

    Args:
        calls: The endpoints that it calls; calling another one is an error.
    """
    return lambda function: FieldResolver(function, calls, batched=True)


def field(
    resolve: FieldResolver,
    *,
    description: str | None = None,
    arguments: Mapping[str, Any] | None = None,
    name: str | None = None,
    deprecation_reason: str | None = None,
    **options: Any,
) -> Any:
    """Return a Strawberry field that *resolve* feeds; its type is the class attribute's annotation.

    Args:
        resolve: Made by `resolver` or `batched`.
        description: What clients read in the schema.
        arguments: Schema types that stand in for a resolver's own argument annotations, by parameter name.
        name: The field's name in the schema, if not that of the attribute.
        deprecation_reason: Why not to use it, and what instead.
        options: Further options of `strawberry.field`, such as `permission_classes`.
    """
    if not isinstance(resolve, FieldResolver):
        raise WrongSignature(
            getattr(resolve, "__name__", repr(resolve)),
            "not made by @resolver or @batched",
            "@resolver(calls=[...]) above it, or strawberry.field(resolver=...) for an ordinary one",
        )
    return strawberry.field(
        resolver=_for_strawberry(resolve, arguments or {}),
        description=description,
        name=name,
        deprecation_reason=deprecation_reason,
        metadata={METADATA_KEY: resolve, **options.pop("metadata", {})},
        **options,
    )


def _for_strawberry(resolve: FieldResolver, overrides: Mapping[str, Any]) -> Callable[..., Any]:
    names = [parameter.name for parameter in resolve.arguments]
    if unknown := overrides.keys() - set(names):
        raise WrongSignature(
            resolve.name,
            f"has no argument {min(unknown)!r}",
            f"arguments= with some of {', '.join(names) or 'none'}",
        )
    hints = {**resolve.hints(), **overrides}

    async def call(root: Any, info: strawberry.Info, **arguments: Any) -> Any:
        return await resolve.resolve(root, info.context, arguments, info.path)

    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter("root", inspect.Parameter.POSITIONAL_OR_KEYWORD),
        inspect.Parameter("info", inspect.Parameter.POSITIONAL_OR_KEYWORD, annotation=strawberry.Info),
        *(one.replace(kind=keyword, annotation=hints.get(one.name, one.annotation)) for one in resolve.arguments),
    ]
    call.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]  # read by Strawberry
    call.__annotations__ = {one.name: one.annotation for one in parameters if one.name != "root"}
    call.__name__ = resolve.function.__name__
    call.__module__ = resolve.function.__module__
    return call


def _tell(operation: Operation, path: Path | None, notes: Iterable[Note]) -> None:
    if path is not None:
        for note in notes:
            operation.degrade(tuple(path.as_list()), note)


def serves(*wire_types: type) -> Any:
    """Return an `is_type_of` for a Strawberry type whose values are of *wire_types*.

    A type that stands in an interface or union needs it: `is_type_of = serves(catalog.Dish)`.
    """

    def is_type_of(value: Any, _info: Any) -> bool:
        return isinstance(value, wire_types)

    return staticmethod(is_type_of)


def _frozen(value: Any) -> Any:
    """Return *value* as something hashable that is equal for equal arguments."""
    if isinstance(value, Mapping):
        return tuple(sorted((name, _frozen(item)) for name, item in value.items()))
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return tuple(_frozen(item) for item in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return (type(value), *(_frozen(getattr(value, one.name)) for one in dataclasses.fields(value)))
    return value
