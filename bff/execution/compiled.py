"""Runs operations compiled; fits behind `interpreter.Run`."""

from collections.abc import Awaitable
from contextlib import suppress
from typing import Any

import strawberry
from graphql import FragmentDefinitionNode, GraphQLError, GraphQLSchema
from graphql.execution import Executor
from graphql.execution.values import VariableValues
from strawberry.schema.base import BaseSchema

from bff.execution.compiler import DirectOf, Operations, compiled_executor, no_direct
from bff.execution.compiler.cache import KEPT
from bff.execution.compiler.execute import begin, no_batch
from bff.execution.compiler.plan import Options
from bff.execution.compiler.request import Unsupported
from bff.execution.compiler.runtime import Run as Running
from bff.execution.direct import directs
from bff.execution.documents import Document
from bff.execution.interpreter import Job, Outcome, interpreter
from bff.execution.runs import Runs
from bff.execution.strawberry_schema import graphql_schema_of


class CompiledRun:
    """Runs jobs on one schema compiled; as `interpreter` in everything else.

    Args:
        schema: What is executed.
        base: The executor class that runs what cannot be compiled.
        hide_suggestions: Whether errors name no similar names.
        for_strawberry: Whether *base* is Strawberry's.
        direct_of: Tells the function behind a field's resolver; `directs` for a Strawberry schema.
        operations: Where compiled operations are kept.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        base: type[Executor[Any]] = Executor,
        *,
        hide_suggestions: bool,
        for_strawberry: bool = False,
        direct_of: DirectOf = no_direct,
        operations: Operations | None = None,
    ) -> None:
        self._schema = schema
        self._operations = operations if operations is not None else Operations()
        self._options = Options(no_batch, hide_suggestions=hide_suggestions, direct_of=direct_of)
        executor_class = compiled_executor(base, direct_of=direct_of, operations=self._operations)
        self._interpret = interpreter(schema, base, hide_suggestions=hide_suggestions, strawberry=for_strawberry)
        self._run_of = Runs(
            schema, executor_class, base, hide_suggestions=hide_suggestions, for_strawberry=for_strawberry
        ).of

    def __call__(self, job: Job) -> Outcome | Awaitable[Outcome]:
        """Run *job*."""
        running = self._run_of(job) if job.propagates else None
        if running is None:
            return self._interpret(job)
        begin(running)
        if running.work.waiting:
            return _finished(running)
        failures = running.failures
        return Outcome(failures.data, failures.errors)

    def warm(self, document: Document) -> None:
        """Compile the operations of *document* now, except those whose shape depends on variables."""
        fragments = {
            one.name.value: one for one in document.node.definitions if isinstance(one, FragmentDefinitionNode)
        }
        for operation in document.operations.values():
            found = self._operations.get(self._schema, operation, fragments, self._options)
            if found is not None and not found.conditions:
                with suppress(Unsupported, GraphQLError):
                    found.program(VariableValues({}, {}))


async def _finished(running: Running) -> Outcome:
    await running.finish()
    return Outcome(running.data, running.errors)


def compiled_run_of(
    schema: BaseSchema | GraphQLSchema, *, hide_suggestions: bool, registered: int = 0
) -> CompiledRun:
    """Return what runs jobs on *schema* compiled; the counterpart of `strawberry_schema.run_of`.

    Args:
        schema: What is executed.
        hide_suggestions: Whether errors name no similar names.
        registered: How many operations are kept besides those that are kept anyway.
    """
    executable = graphql_schema_of(schema)
    operations = Operations(KEPT + registered)
    if not isinstance(schema, strawberry.Schema):
        return CompiledRun(executable, hide_suggestions=hide_suggestions, operations=operations)
    return CompiledRun(
        executable,
        schema.execution_context_class,
        hide_suggestions=hide_suggestions,
        for_strawberry=True,
        direct_of=directs(schema),
        operations=operations,
    )
