"""Runs graphql-core and the compiled executor side by side and tells where they differ."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from inspect import isawaitable
from typing import Any

import graphql
from graphql import DocumentNode, ExecutionResult, GraphQLSchema, OperationType
from graphql.utilities import get_operation_ast

from bff.execution.compiler.execute import execute

Answer = tuple[Any, list[tuple[Any, ...]]]
"""Data, and path, message and locations of each error, sorted."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Two answers to one operation.

    Attributes:
        document: Its text, as far as it is known.
        variables: As the client sent them; they may be somebody's secrets.
        expected: What graphql-core answered.
        actual: What the compiled executor answered, or the exception that it raised.
    """

    document: str
    variables: dict[str, Any] | None
    expected: Answer
    actual: Answer | BaseException


def answer_of(result: ExecutionResult) -> Answer:
    """Return *result* so that it can be compared; the order of errors does not count."""
    errors = [
        (
            tuple(error.path) if error.path is not None else None,
            error.message,
            tuple((place.line, place.column) for place in error.locations or ()),
        )
        for error in result.errors or ()
    ]
    return result.data, sorted(errors, key=repr)


def shadow(  # noqa: PLR0917 - as `graphql.execute`
    schema: GraphQLSchema,
    document: DocumentNode,
    root_value: Any = None,
    context_value: Any = None,
    variable_values: dict[str, Any] | None = None,
    operation_name: str | None = None,
    *,
    report: Callable[[Difference], None],
    second_context: Callable[[], Any] | None = None,
    **options: Any,
) -> ExecutionResult | Awaitable[ExecutionResult]:
    """Execute with graphql-core; queries are executed compiled too, and differences reported.

    Resolvers of a query run twice, so it suits queries that change nothing. Mutations run once.

    Args:
        schema: As for `graphql.execute`.
        document: As for `graphql.execute`.
        root_value: As for `graphql.execute`.
        context_value: As for `graphql.execute`.
        variable_values: As for `graphql.execute`.
        operation_name: As for `graphql.execute`.
        report: Receives each difference.
        second_context: Makes the context of the second execution, where one context does not do for two.
        options: As for `graphql.execute`.
    """
    arguments = (variable_values, operation_name)
    result = graphql.execute(schema, document, root_value, context_value, *arguments, **options)
    operation = get_operation_ast(document, operation_name)
    if operation is None or operation.operation is not OperationType.QUERY:
        return result
    other_context = second_context() if second_context is not None else context_value

    def compare(expected: ExecutionResult, actual: ExecutionResult | BaseException) -> ExecutionResult:
        right = answer_of(expected)
        found = actual if isinstance(actual, BaseException) else answer_of(actual)
        if found != right:
            text = document.loc.source.body if document.loc else ""
            report(Difference(text, variable_values, right, found))
        return expected

    try:
        other = execute(schema, document, root_value, other_context, *arguments, **options)
    except Exception as error:  # noqa: BLE001 - the answer is graphql-core's
        other = None
        failed: Exception | None = error
    else:
        failed = None
    if not isawaitable(result) and not isawaitable(other):
        return compare(result, failed or other)  # type: ignore[arg-type]  # one of them is there

    async def both() -> ExecutionResult:
        expected = await result if isawaitable(result) else result
        try:
            actual = failed or (await other if isawaitable(other) else other)
        except Exception as error:  # noqa: BLE001 - as above
            actual = error
        return compare(expected, actual)  # type: ignore[arg-type]  # one of them is there

    return both()
