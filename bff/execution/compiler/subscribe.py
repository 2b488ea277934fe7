"""Drop-ins for graphql-core's other ways to execute: subscriptions and incremental delivery."""

from collections.abc import AsyncIterator, Awaitable
from typing import Any

import graphql
from graphql import ExecutionResult, GraphQLSchema
from graphql.execution.executor_throwing_on_incremental import ExecutorThrowingOnIncremental

from bff.execution.compiler.execute import CompiledExecutor, compiled_executor

_EventExecutor = compiled_executor(ExecutorThrowingOnIncremental)


def subscribe(
    schema: GraphQLSchema, document: graphql.DocumentNode, *args: Any, **options: Any
) -> (
    AsyncIterator[ExecutionResult] | ExecutionResult | Awaitable[AsyncIterator[ExecutionResult] | ExecutionResult]
):
    """Subscribe as `graphql.subscribe` does: it makes the source stream, each event is executed compiled."""
    options.setdefault("executor_class", _EventExecutor)
    return graphql.subscribe(schema, document, *args, **options)


def experimental_execute_incrementally(
    schema: GraphQLSchema, document: graphql.DocumentNode, *args: Any, **options: Any
) -> Any:
    """Execute as `graphql.experimental_execute_incrementally` does.

    An operation with `@defer` or `@stream` runs on graphql-core's own executor, any other one compiled.
    """
    options.setdefault("executor_class", CompiledExecutor)
    return graphql.experimental_execute_incrementally(schema, document, *args, **options)
