"""Runs operations by interpreting their syntax tree with graphql-core; another engine fits behind `Run`."""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

from graphql import ExecutionResult, GraphQLError, GraphQLObjectType, GraphQLSchema
from graphql.execution import Executor, MiddlewareManager
from graphql.pyutils import Path, Undefined
from msgspec import Struct

from bff.codes import Code
from bff.context import Context
from bff.errors import OperationStopped, ResolverCancelled
from bff.execution.documents import Document, Refused
from bff.execution.flight import Flight


class Job(Struct, eq=False):  # a struct, as it is made for each request: one call in C makes it
    """One operation, ready to run.

    Attributes:
        document: It holds the operation.
        operation_name: Which one; None for the only one.
        variables: As the client sent them.
        extensions: The request's `extensions`, which Strawberry hands to resolvers.
        context: What resolvers receive.
        flight: Where their awaitables go.
        middleware: Wraps every resolver, where a schema extension wants that.
        denied: Why the caller may not have fields, by the names of type and field; with an empty field, why not
            objects of a type that come as a value of an abstract one.
        propagates: Whether an error at a position that may not be null makes those around it null.
    """

    document: Document
    operation_name: str | None
    variables: dict[str, Any] | None
    extensions: dict[str, Any] | None
    context: Context
    flight: Flight
    middleware: MiddlewareManager | None = None
    denied: Mapping[tuple[str, str], Exception] = {}
    propagates: bool = True


class Outcome(Struct, eq=False):
    """What running an operation brought: data, possibly None, and the errors in the order they were found."""

    data: dict[str, Any] | None
    errors: list[GraphQLError]


Run = Callable[[Job], Outcome | Awaitable[Outcome]]
"""Runs a job, at once where nothing is awaited.

Raises:
    Refused: The variables do not fit.
"""


class GuardedExecution:
    """Laid over an executor of graphql-core: resolvers' awaitables run in the operation's `Flight`.

    graphql-core's own way with an abort signal leaves tasks behind when it is cancelled or when a sibling nulls
    the parent, and lets a `CancelledError` of one resolver end the whole operation.
    """

    flight: Flight

    def with_abort_signal(self, awaitable: Awaitable[Any]) -> Awaitable[Any]:
        """Wait for what a resolver, a list item or a type check returned."""
        return self.flight.wait(awaitable)

    def with_aborted_execution_error(self, awaitable: Awaitable[Any]) -> Awaitable[Any]:
        """Return the whole result's *awaitable* as it is: stopping ends fields, not the operation."""
        return awaitable

    def finish(self, result: Any) -> Any:
        """Return *result*: what is there is the answer, stopped or not."""
        return result

    def settle_in_background(self, awaitables: list[Awaitable[Any]]) -> None:
        """End what belongs to a parent that is null already."""
        self.flight.abandon(awaitables)

    def complete_awaitable_value(  # noqa: PLR0917 - graphql-core's
        self, return_type: Any, details: Any, info: Any, path: Path, result: Any, position: Any
    ) -> Awaitable[Any]:
        """Begin *result* now, so that it has an owner even if this field is never waited for."""
        begun = self.flight.start(result)
        return cast(
            "Awaitable[Any]",
            super().complete_awaitable_value(  # type: ignore[misc]  # of the executor this is laid over
                return_type, details, info, path, begun, position
            ),
        )

    def complete_awaitable_list_item_value(  # noqa: PLR0917 - graphql-core's
        self, item: Any, item_type: Any, details: Any, info: Any, path: Path, position: Any
    ) -> Awaitable[Any]:
        """Begin *item* now, for the same reason."""
        begun = self.flight.start(item)
        completed: Awaitable[Any] = super().complete_awaitable_list_item_value(  # type: ignore[misc]  # as above
            begun, item_type, details, info, path, position
        )
        self.flight.is_awaitable(completed)
        return completed

    def complete_list_item_value(  # noqa: PLR0917 - graphql-core's
        self, item: Any, results: list[Any], item_type: Any, details: Any, info: Any, path: Path, position: Any
    ) -> bool:
        """Complete an item that is there; what it makes is shown to the flight, as that of fields is."""
        waits: bool = super().complete_list_item_value(  # type: ignore[misc]  # as above
            item, results, item_type, details, info, path, position
        )
        if waits:
            self.flight.is_awaitable(results[-1])
        return waits

    def execute_field(
        self, parent_type: GraphQLObjectType, source: Any, details: Any, path: Path, position: Any
    ) -> Any:
        """Execute one field; a `CancelledError` raised by a synchronous resolver fails this field only (PD-14)."""
        try:
            return super().execute_field(  # type: ignore[misc]  # of the executor this is laid over
                parent_type, source, details, path, position
            )
        except CancelledError:
            self._fail(ResolverCancelled(), parent_type, details, path)
            return None

    def execute_fields_serially(
        self, parent_type: GraphQLObjectType, source: Any, path: Path | None, fields: Any, position: Any
    ) -> Awaitable[dict[str, Any]]:
        """Execute the fields of a mutation one after the other; none begins after the stop."""
        return self._serially(parent_type, source, path, fields, position)

    async def _serially(
        self, parent_type: GraphQLObjectType, source: Any, path: Path | None, fields: Any, position: Any
    ) -> dict[str, Any]:
        executor = cast("Executor[Any]", self)
        results: dict[str, Any] = {}
        for name, details in fields.items():
            field_path = Path(path, name, parent_type.name)
            if self.flight.stopped:
                self._fail(OperationStopped(started=False), parent_type, details, field_path)
                results[name] = None
                continue
            result = self.execute_field(parent_type, source, details, field_path, position)
            if result is not Undefined:
                results[name] = await result if executor.is_awaitable(result) else result
        return results

    def _fail(self, error: Exception, parent_type: GraphQLObjectType, details: Any, path: Path) -> None:
        executor = cast("Executor[Any]", self)
        definition = executor.schema.get_field(parent_type, details[0].node.name.value)
        assert definition is not None, "validation knows every field"
        executor.handle_field_error(error, definition.type, details, path)


class DenyingExecution(GuardedExecution):
    """Laid over an executor for callers who may not have everything they ask for.

    Attributes:
        denied: As of `Job`.
    """

    denied: Mapping[tuple[str, str], Exception]

    def execute_field(
        self, parent_type: GraphQLObjectType, source: Any, details: Any, path: Path, position: Any
    ) -> Any:
        """Execute one field, unless it is denied: then nobody is asked for it."""
        denied = self.denied.get((parent_type.name, details[0].node.name.value))
        if denied is not None:
            self._fail(denied, parent_type, details, path)
            return None
        return super().execute_field(parent_type, source, details, path, position)

    def complete_object_value(  # noqa: PLR0917 - graphql-core's
        self, return_type: GraphQLObjectType, details: Any, info: Any, path: Path, result: Any, position: Any
    ) -> Any:
        """Complete an object, unless objects of its type are denied."""
        denied = self.denied.get((return_type.name, ""))
        if denied is not None:
            raise denied
        return super().complete_object_value(  # type: ignore[misc]  # of the executor this is laid over
            return_type, details, info, path, result, position
        )


def interpreter(
    schema: GraphQLSchema,
    base: type[Executor[Any]] = Executor,
    *,
    hide_suggestions: bool,
    strawberry: bool = False,
) -> Run:
    """Return the function that runs jobs on *schema* with executor *base*."""
    open_class: Any = type("OperationExecutor", (GuardedExecution, base), {})
    denying_class: Any = type("DenyingExecutor", (DenyingExecution, base), {})

    def run(job: Job) -> Outcome | Awaitable[Outcome]:
        executor = (denying_class if job.denied else open_class).build(
            schema,
            job.document.node,
            None,
            job.context,
            job.variables,
            job.operation_name,
            middleware=job.middleware,
            is_awaitable=job.flight.is_awaitable,
            hide_suggestions=hide_suggestions,
            abort_signal=job.flight.signal,
            **({"operation_extensions": job.extensions} if strawberry else {}),
        )
        if isinstance(executor, list):
            raise Refused(Code.BAD_USER_INPUT, executor)
        executor.flight = job.flight
        executor.error_propagation = executor.error_propagation and job.propagates
        executor.denied = job.denied
        result = executor.execute_operation()
        if isinstance(result, ExecutionResult):
            return Outcome(result.data, list(result.errors or ()))
        return _awaited(result)

    return run


async def _awaited(result: Awaitable[ExecutionResult]) -> Outcome:
    done = await result
    return Outcome(done.data, list(done.errors or ()))
