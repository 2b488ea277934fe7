"""Runs operations compiled; fits behind `interpreter.Run`."""

from collections.abc import Awaitable, Callable
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
from bff.execution.compiler.plan import Options, Unsupported
from bff.execution.compiler.runtime import Run as Running
from bff.execution.direct import directs
from bff.execution.documents import Document
from bff.execution.interpreter import Job, Outcome, Run, interpreter
from bff.execution.runs import Runs
from bff.execution.strawberry_schema import graphql_schema_of


class CompiledRun:
    """Runs jobs compiled.

    Attributes:
        warm: Compiles the operations of a document now, except those whose shape depends on variables.
    """

    def __init__(self, run: Run, warm: Callable[[Document], None]) -> None:
        self._run = run
        self.warm = warm

    def __call__(self, job: Job) -> Outcome | Awaitable[Outcome]:
        """Run *job*."""
        return self._run(job)


def compiled(
    schema: GraphQLSchema,
    base: type[Executor[Any]] = Executor,
    *,
    hide_suggestions: bool,
    for_strawberry: bool = False,
    direct_of: DirectOf = no_direct,
    operations: Operations | None = None,
) -> CompiledRun:
    """Return what runs jobs on *schema* compiled; as `interpreter` in everything else.

    Args:
        schema: What is executed.
        base: The executor class that runs what cannot be compiled.
        hide_suggestions: Whether errors name no similar names.
        for_strawberry: Whether *base* is Strawberry's.
        direct_of: Tells the function behind a field's resolver; `directs` for a Strawberry schema.
        operations: Where compiled operations are kept.
    """
    kept = operations if operations is not None else Operations()
    executor_class = compiled_executor(base, direct_of=direct_of, operations=kept)
    runs = Runs(schema, executor_class, base, hide_suggestions=hide_suggestions, for_strawberry=for_strawberry)
    options = Options(no_batch, hide_suggestions=hide_suggestions, direct_of=direct_of)
    interpret = interpreter(schema, base, hide_suggestions=hide_suggestions, strawberry=for_strawberry)

    def run(job: Job) -> Outcome | Awaitable[Outcome]:
        if not job.propagates:
            return interpret(job)
        running = runs.of(job)
        if running is None:
            return interpret(job)
        begin(running)
        return _finished(running) if running.work.waiting else Outcome(running.data, running.errors)

    def warm(document: Document) -> None:
        fragments = {
            one.name.value: one for one in document.node.definitions if isinstance(one, FragmentDefinitionNode)
        }
        for operation in document.operations.values():
            found = kept.get(schema, operation, fragments, options)
            if found is not None and not found.conditions:
                with suppress(Unsupported, GraphQLError):
                    found.program(VariableValues({}, {}))

    return CompiledRun(run, warm)


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
        return compiled(executable, hide_suggestions=hide_suggestions, operations=operations)
    return compiled(
        executable,
        schema.execution_context_class,
        hide_suggestions=hide_suggestions,
        for_strawberry=True,
        direct_of=directs(schema),
        operations=operations,
    )
