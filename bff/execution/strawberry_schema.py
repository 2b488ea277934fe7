"""What a `strawberry.Schema` needs besides plain GraphQL: its executor, its rules, its extensions."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import strawberry
from graphql import GraphQLSchema
from graphql.execution import MiddlewareManager
from graphql.validation import ASTValidationRule, specified_rules
from strawberry.extensions import AddValidationRules, ParserCache, SchemaExtension, ValidationCache
from strawberry.schema.base import BaseSchema
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from strawberry.types.graphql import OperationType

from bff.execution.documents import Document
from bff.execution.interpreter import Run, interpreter
from bff.execution.messages import GraphQLRequest

Around = Callable[[GraphQLRequest, Document, Any], AbstractAsyncContextManager[MiddlewareManager | None]]
"""Lies around the running of one operation; gives the middleware for its resolvers."""


_DONE_HERE = (ParserCache, ValidationCache)
"""Extensions whose work is done for every schema: documents are parsed and validated once."""


class UnsupportedSchema(Exception):
    """The engine cannot keep what this schema promises."""


def graphql_schema_of(schema: BaseSchema | GraphQLSchema) -> GraphQLSchema:
    """Return the executable schema behind *schema*.

    Raises:
        UnsupportedSchema: It uses incremental delivery.
    """
    found = schema if isinstance(schema, GraphQLSchema) else schema._schema  # type: ignore[attr-defined]  # noqa: SLF001 - Strawberry has no public way to it
    if found.get_directive("defer") or found.get_directive("stream"):
        raise UnsupportedSchema(
            "@defer and @stream are not supported: take incremental delivery out of the schema's config"
        )
    assert isinstance(found, GraphQLSchema)
    return found


def rules_of(schema: BaseSchema | GraphQLSchema) -> tuple[type[ASTValidationRule], ...]:
    """Return the validation rules for documents on *schema*, those of `AddValidationRules` included."""
    if not isinstance(schema, strawberry.Schema):
        return tuple(specified_rules)
    added = [
        rule
        for extension in schema.get_extensions()
        if isinstance(extension, AddValidationRules)
        for rule in extension.validation_rules
    ]
    return (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule, *added)


def run_of(schema: BaseSchema | GraphQLSchema, *, hide_suggestions: bool) -> Run:
    """Return the function that runs jobs on *schema*."""
    executable = graphql_schema_of(schema)
    if not isinstance(schema, strawberry.Schema):
        return interpreter(executable, hide_suggestions=hide_suggestions)
    return interpreter(
        executable,
        schema.execution_context_class,
        hide_suggestions=hide_suggestions,
        strawberry=True,
    )


def around_of(schema: BaseSchema | GraphQLSchema) -> Around | None:
    """Return what runs the extensions of *schema* around each operation, None where it has none.

    `resolve`, `on_operation`, `on_execute` and custom directives work. `on_parse` and `on_validate` cannot,
    because documents are parsed and validated once for many operations: an extension with one of them is refused.
    `get_results` is not asked, because the answer's extensions are ours.

    Raises:
        UnsupportedSchema: An extension would silently not do its work.
    """
    if not isinstance(schema, strawberry.Schema) or not (schema.extensions or schema.directives):
        return None
    if not schema.directives and all(isinstance(one, _DONE_HERE) for one in schema.get_extensions()):
        return None
    for extension in schema.get_extensions():
        if isinstance(extension, _DONE_HERE):
            continue
        for hook in ("on_parse", "on_validate"):
            if getattr(type(extension), hook) is not getattr(SchemaExtension, hook):
                raise UnsupportedSchema(
                    f"extension {type(extension).__name__} uses {hook}, which does not run here: documents are "
                    "parsed and validated once for many operations; limits belong into policies/operations.yaml"
                )

    @asynccontextmanager
    async def around(
        request: GraphQLRequest, document: Document, context: Any
    ) -> AsyncIterator[MiddlewareManager | None]:
        execution = schema._create_execution_context(  # noqa: SLF001 - as Strawberry's own `execute` does
            query=request.query,
            allowed_operation_types=list(OperationType),
            variable_values=request.variables,
            context_value=context,
            operation_name=request.operation_name,
            operation_extensions=request.extensions,
        )
        execution.graphql_document = document.node
        extensions = schema.get_extensions()
        for extension in extensions:
            extension.execution_context = execution
        runner = schema.create_extensions_runner(execution, extensions)
        resolving = [extension for extension in extensions if extension._implements_resolve()]  # noqa: SLF001 - ditto
        async with runner.operation(), runner.executing():
            yield MiddlewareManager(*resolving) if resolving else None

    return around
