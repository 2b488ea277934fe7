"""A drop-in for `graphql.execute`, and for the executor class behind it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from inspect import signature
from typing import TYPE_CHECKING, Any, cast

import graphql
from graphql import ExecutionResult, GraphQLResolveInfo, GraphQLSchema, OperationType
from graphql.execution import AbortedGraphQLExecutionError, Executor, default_field_resolver
from graphql.execution.incremental import IncrementalExecutor
from graphql.type import GraphQLResolveInfoHelpers

from bff.execution.compiler.cache import CompiledOperation, Operations
from bff.execution.compiler.failures import Failures
from bff.execution.compiler.forms import BatchOf, DirectOf, no_direct
from bff.execution.compiler.load import Program
from bff.execution.compiler.plan import Options
from bff.execution.compiler.request import Unsupported
from bff.execution.compiler.runtime import NOTHING, Run, Terms, Wave
from bff.execution.compiler.waiting import Work

if TYPE_CHECKING:
    from graphql.execution.types import ExperimentalIncrementalExecutionResults

_CLASS_PLACE = list(signature(graphql.execute).parameters).index("executor_class") - 2
"""How many positional arguments `graphql.execute` takes between the document and the executor class."""

KEY = "bff.execution.compiler"
"""Under which a schema's extensions hold its compiled operations."""


def no_batch(_: Any) -> None:
    """Stand for a field's batch form where there is none."""


class _Background:
    """What `info.async_helpers` needs of an executor; no way back to it, so that no cycle keeps it alive."""

    gather_async_work = Executor.gather_async_work
    settle_in_background = Executor.settle_in_background
    track_async_work = Executor.track_async_work

    def __init__(self, executor: Executor[Any]) -> None:
        self.background_futures = executor.background_futures
        self.is_awaitable = executor.is_awaitable


class Compiled(Executor[Any] if TYPE_CHECKING else object):  # type: ignore[misc]  # a mixin for executors
    """Laid over an executor class of graphql-core: runs operations compiled.

    What cannot be compiled, such as `@defer` or `@stream`, runs as the class below does it.

    Attributes:
        batch_of: Tells the batch form of a field.
        operations: Where compiled operations are kept; with the schema when None.
        denied: Why fields fail without being asked, as of `Run`; what is left to graphql-core does not know it.
        direct_of: Tells the function behind a field's resolver.
    """

    batch_of: BatchOf = staticmethod(no_batch)
    direct_of: DirectOf = staticmethod(no_direct)
    operations: Operations | None = None
    denied: Mapping[tuple[str, str], Exception] = NOTHING

    def execute_operation(
        self,
        serially: bool | None = None,  # noqa: FBT001 - graphql-core's
    ) -> "ExecutionResult | ExperimentalIncrementalExecutionResults | Awaitable[Any]":
        """Run the operation; see `Executor.execute_operation`."""
        program = self.program(serially)
        if program is None:
            return cast("ExecutionResult", super().execute_operation(serially))
        signal = self.abort_signal
        if signal is not None and signal.aborted:
            self.run_async_work_finished_hook()
            raise self.abort_error()
        run = self.run_of(program, Work(signal))
        begin(run)
        if not run.work.waiting:
            return cast("ExecutionResult", self.finish(self._response(run)))
        if signal is None:
            return self._awaited(run)
        return self._aborting(run)

    def program(self, serially: bool | None = None) -> Program | None:  # noqa: FBT001 - as above
        """Return the compiled operation, None where it has to be left to graphql-core."""
        compiled = self.compiled(serially)
        try:
            return compiled.program(self.variable_values) if compiled is not None else None
        except (Unsupported, graphql.GraphQLError):
            return None

    def compiled(self, serially: bool | None = None) -> CompiledOperation | None:  # noqa: FBT001 - as above
        """Return the operation, from which the program for each set of conditions comes; None as `program`."""
        operation = self.operation
        if not self.error_propagation or serially not in {None, operation.operation is OperationType.MUTATION}:
            return None
        middleware = self.middleware_manager
        options = Options(
            self.batch_of,
            middleware=middleware is not None and bool(middleware.middlewares),
            own_default=self.field_resolver is not default_field_resolver,
            hide_suggestions=self.hide_suggestions,
            denied=frozenset(self.denied),
            direct_of=self.direct_of,
        )
        operations = self.operations if self.operations is not None else operations_of(self.schema)
        return operations.get(self.schema, operation, self.fragment_definitions, options)

    def run_of(self, program: Program, work: Work) -> Run:
        """Return a run of *program* with what this executor was built with."""
        self.bring_helpers()
        return Run(
            program,
            self.terms(),
            self.variable_values,
            self.context_value,
            self.build_resolve_info,
            work,
            Wave(program.root, [self.root_value]),
            Failures(work),
            self.denied,
        )

    def terms(self) -> Terms:
        """Return what all runs of this operation have in common."""
        return Terms(
            self.is_awaitable,
            self.is_async_iterable,
            self._resolver,
            self.type_resolver,
            self.hide_suggestions,
        )

    def bring_helpers(self) -> None:
        """Make what `info.async_helpers` is, so that no cycle keeps this executor alive."""
        background: Any = _Background(self)
        self.async_helpers = GraphQLResolveInfoHelpers(background.gather_async_work, background.track_async_work)

    def _resolver(self, resolve: Callable[..., Any] | None) -> Callable[..., Any]:
        resolver = resolve or self.field_resolver
        middleware = self.middleware_manager
        return cast("Callable[..., Any]", middleware.get_field_resolver(resolver)) if middleware else resolver

    def _response(self, run: Run) -> ExecutionResult:
        self.run_async_work_finished_hook()
        return ExecutionResult(run.data, run.errors or None)

    async def _awaited(self, run: Run) -> ExecutionResult:
        try:
            await run.finish()
        except Exception:
            self.run_async_work_finished_hook()
            raise
        return self._response(run)

    async def _aborting(self, run: Run) -> ExecutionResult:
        signal = self.abort_signal
        assert signal is not None, "only called with one"
        task = asyncio.ensure_future(self._awaited(run))
        abort = asyncio.ensure_future(signal.wait())
        try:
            await asyncio.wait({task, abort}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            raise
        finally:
            abort.cancel()
        if not signal.aborted:
            return task.result()
        self.settle_in_background([task])
        raise AbortedGraphQLExecutionError(signal.reason, task)


def begin(run: Run) -> None:
    """Start *run*; what it waits for is closed when it ends with an exception."""
    try:
        run.start()
    except BaseException:
        run.work.drop_all()
        raise


def operations_of(schema: GraphQLSchema) -> Operations:
    """Return the compiled operations that are kept with *schema*."""
    found = schema.extensions.get(KEY)
    if not isinstance(found, Operations):
        found = schema.extensions[KEY] = Operations()
    return found


def compiled_executor(
    base: type[Executor[Any]] = IncrementalExecutor,
    *,
    batch_of: BatchOf = no_batch,
    direct_of: DirectOf = no_direct,
    operations: Operations | None = None,
) -> type[Executor[Any]]:
    """Return an executor class that runs operations compiled and is otherwise like *base*.

    Args:
        base: The class below; `StrawberryGraphQLCoreExecutionContext` for a schema whose resolvers read
            `info.input_extensions`.
        batch_of: Tells the batch form of a field.
        direct_of: Tells the function behind a field's resolver.
        operations: Where compiled operations are kept; with the schema when None.
    """
    members = {
        "batch_of": staticmethod(batch_of),
        "direct_of": staticmethod(direct_of),
        "operations": operations,
    }
    return cast("type[Executor[Any]]", type("CompiledExecutor", (Compiled, base), members))


class _ExtendedInfo(GraphQLResolveInfo):  # type: ignore[type-arg]  # of any context
    """With the request's `extensions`, which `info.input_extensions` of Strawberry reads."""

    operation_extensions: dict[str, Any] | None


class CompiledExecutor(Compiled, IncrementalExecutor):
    """Executor class for `graphql.execute` and, as `execution_context_class`, for `strawberry.Schema`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._extended = "operation_extensions" in kwargs
        self.operation_extensions = kwargs.pop("operation_extensions", None)
        super().__init__(*args, **kwargs)

    def build_resolve_info(self, *args: Any) -> GraphQLResolveInfo[Any]:
        """Return what a resolver receives."""
        info = super().build_resolve_info(*args)
        if not self._extended:
            return info
        extended = _ExtendedInfo(*info)
        extended.operation_extensions = self.operation_extensions
        return extended


def execute(
    schema: GraphQLSchema, document: graphql.DocumentNode, *args: Any, **options: Any
) -> ExecutionResult | Awaitable[ExecutionResult]:
    """Execute an operation of a validated *document*: `graphql.execute`, compiled.

    Arguments, results and exceptions are those of `graphql.execute`. An `executor_class` that is given, and is not
    compiled, is used as it is.

    Raises:
        AbortedGraphQLExecutionError: The abort signal fired; it has the partial result.
    """
    if len(args) <= _CLASS_PLACE:
        options["executor_class"] = options.get("executor_class") or CompiledExecutor
    return graphql.execute(schema, document, *args, **options)
