"""Runs operations compiled; fits behind `interpreter.Run`."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Any, ClassVar

import strawberry
from graphql import FragmentDefinitionNode, GraphQLError, GraphQLField, GraphQLSchema
from graphql.execution import Executor
from graphql.execution.values import VariableValues
from strawberry.schema.base import BaseSchema
from strawberry.types.arguments import convert_arguments

from bff.codes import Code
from bff.context import Context
from bff.errors import OperationStopped, ResolverCancelled
from bff.execution.compiler import BatchOf, BatchResolve, Operations, PathOf, compiled_executor
from bff.execution.compiler.cache import KEPT
from bff.execution.compiler.execute import begin, no_batch
from bff.execution.compiler.plan import Options, Unsupported
from bff.execution.compiler.runtime import Run as Running
from bff.execution.compiler.waiting import Work
from bff.execution.degraded import Degraded, with_notes
from bff.execution.documents import Document, Refused
from bff.execution.executors import Executors
from bff.execution.flight import Flight
from bff.execution.interpreter import Job, Outcome, Run, interpreter
from bff.execution.resolver import METADATA_KEY, FieldResolver
from bff.execution.strawberry_schema import graphql_schema_of
from bff.upstream.errors import UpstreamError
from bff.upstream.loader import WrongBatch
from bff.upstream.message import NOT_KEPT
from bff.upstream.outcome import Outcome as Happened


class FlightWork(Work, kw_only=True):
    """Awaitables that belong to a `Flight`: stopping it ends fields, not the operation."""

    _flight: Flight

    direct: ClassVar[bool] = False

    @property
    def aborted(self) -> bool:
        """Whether the operation has been stopped."""
        return self._flight.stopped

    def may_begin(self) -> bool:
        """Tell whether a further field of a mutation may begin; none does after the stop."""
        return not self._flight.stopped

    def stopped(self, *, started: bool) -> Exception:
        """Return the error of a field that the stop ended, or kept from beginning."""
        return OperationStopped(started=started)

    def cancelled(self) -> Exception:
        """Return the error of a field whose resolver was cancelled: it fails, the operation goes on (PD-14)."""
        return ResolverCancelled()

    def begin(self, awaitable: Awaitable[Any]) -> Any:
        """Begin *awaitable* as part of the flight."""
        return self._flight.start(awaitable)

    def give_up(self, future: "asyncio.Future[Any]") -> None:
        """Cancel a task once; a bare future belongs to others too (F6)."""
        if isinstance(future, asyncio.Task) and not future.cancelling():
            future.cancel()

    def watch(self, waker: "asyncio.Future[None]") -> None:
        """Let the flight's stop set *waker*."""
        self._flight.watch(waker)

    def unwatch(self, waker: "asyncio.Future[None]") -> None:
        """Forget *waker*."""
        self._flight.unwatch(waker)

    async def ended(self) -> None:
        """Leave what was given up to the flight, which knows how long to wait for it (DL-9)."""


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
    batch_of: BatchOf = no_batch,
    operations: Operations | None = None,
) -> CompiledRun:
    """Return what runs jobs on *schema* compiled; as `interpreter` in everything else.

    Args:
        schema: What is executed.
        base: The executor class that runs what cannot be compiled.
        hide_suggestions: Whether errors name no similar names.
        for_strawberry: Whether *base* is Strawberry's.
        batch_of: Tells the batch form of a field; `batches` for a Strawberry schema.
        operations: Where compiled operations are kept.
    """
    kept = operations if operations is not None else Operations()
    executor_class = compiled_executor(base, batch_of=batch_of, operations=kept)
    executors = Executors(
        schema, executor_class, base, hide_suggestions=hide_suggestions, for_strawberry=for_strawberry
    )
    options = Options(batch_of, hide_suggestions=hide_suggestions)
    interpret = interpreter(schema, base, hide_suggestions=hide_suggestions, strawberry=for_strawberry)

    def run(job: Job) -> Outcome | Awaitable[Outcome]:
        if not job.propagates:
            return interpret(job)
        executor = executors.get(job)
        if isinstance(executor, list):
            raise Refused(Code.BAD_USER_INPUT, executor)
        executor.denied = job.denied
        program = executor.program()
        if program is None:
            return interpret(job)
        running = executor.run_of(program, FlightWork(_flight=job.flight))
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


def batches(schema: strawberry.Schema) -> BatchOf:
    """Return the function that finds the batch forms of fields of *schema*: those made with `@batched`.

    A field with permissions or other extensions has none: they want to see each parent.
    """
    converter = schema.schema_converter

    def batch_of(field: GraphQLField) -> BatchResolve | None:
        definition: Any = field.extensions.get("strawberry-definition")
        resolver = getattr(definition, "metadata", {}).get(METADATA_KEY)
        if not isinstance(resolver, FieldResolver) or not resolver.batched:
            return None
        if definition.extensions or converter._get_field_exception_handlers(definition):  # noqa: SLF001 - Strawberry has no public way to it
            return None

        async def batch(
            parents: list[Any], info: Any, arguments: dict[str, Any], path_of: PathOf
        ) -> Sequence[Any]:
            if arguments:
                arguments = convert_arguments(
                    arguments, definition.arguments, converter.scalar_registry, schema.config
                )
            context = resolver.context_for(info.context)
            try:
                values = await resolver.function(parents, context, **arguments)
            except asyncio.CancelledError:
                _raise_if_we_are_cancelled()
                message = f"{resolver.name}: something it awaited was cancelled"
                raise UpstreamError(Happened.LOCAL_BUG, message) from None
            if not isinstance(values, Sequence) or len(values) != len(parents):
                raise WrongBatch(resolver.name, len(parents), values)
            if not resolver.calls:
                context.operation.use(NOT_KEPT)
            return tell_notes(values, context, path_of) if context.noted else values

        return batch

    return batch_of


def tell_notes(values: Sequence[Any], context: Context, path_of: PathOf) -> Sequence[Any]:
    """Return *values* bare, with what there is to say about them noted at the fields that they feed."""
    told = []
    for place, value in enumerate(with_notes(values, context.noted)):
        if type(value) is not Degraded:
            told.append(value)
            continue
        told.append(value.value)
        for note in value.notes:
            context.operation.degrade(tuple(path_of(place).as_list()), note)
    return told


def _raise_if_we_are_cancelled() -> None:
    """Re-raise the cancellation in flight when it is meant for this task (PD-14)."""
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise  # noqa: PLE0704 - called while handling the cancellation


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
        batch_of=batches(schema),
        operations=operations,
    )
