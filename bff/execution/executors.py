"""Executors of graphql-core for the operations of one schema, made quickly."""

from collections import OrderedDict
from typing import Any, Final

from graphql import GraphQLError, GraphQLSchema
from graphql.execution import Executor
from graphql.execution.executor import CollectedErrors
from graphql.execution.values import VariableValues, get_variable_values
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from bff.execution.compiler.execute import Compiled
from bff.execution.interpreter import Job

_KNOWN: Final = (Executor, StrawberryGraphQLCoreExecutionContext)
"""Executor classes that keep nothing of their own between construction and run."""

_PER_RUN: Final = ("pending_incremental_futures", "background_futures")
_SIZE: Final = 1024


class Executors:
    """Makes the executor of each job; the parts that all runs of one operation have in common, once.

    Args:
        schema: What is executed.
        executor_class: What is made, over *base*.
        base: The class below it; one that is not known here is constructed anew each time.
        hide_suggestions: Whether errors name no similar names.
        for_strawberry: Whether *base* is Strawberry's.
    """

    def __init__(
        self,
        schema: GraphQLSchema,
        executor_class: Any,
        base: type[Executor[Any]],
        *,
        hide_suggestions: bool,
        for_strawberry: bool,
    ) -> None:
        self._schema = schema
        self._class = executor_class
        self._copies = base in _KNOWN
        self._hide_suggestions = hide_suggestions
        self._for_strawberry = for_strawberry
        self._templates: OrderedDict[tuple[str, str | None], Compiled] = OrderedDict()

    def get(self, job: Job) -> Compiled | list[GraphQLError]:
        """Return the executor of *job*, or why its variables do not fit."""
        if job.middleware is not None or not self._copies:
            return self._built(job)
        key = (job.document.hash, job.operation_name)
        template = self._templates.get(key)
        if template is None:
            executor = self._built(job)
            if not isinstance(executor, list):
                self._keep(key, executor)
            return executor
        values: Any = VariableValues({}, {})
        if template.operation.variable_definitions:
            values = get_variable_values(
                self._schema,
                template.operation.variable_definitions,
                job.variables or {},
                max_errors=50,
                hide_suggestions=self._hide_suggestions,
            )
            if isinstance(values, list):
                return values
        executor = _copy(template)
        executor.context_value, executor.abort_signal = job.context, job.flight.signal
        executor.variable_values = values
        executor.operation_extensions = job.extensions  # Strawberry's class has it
        return executor

    def _built(self, job: Job) -> Compiled | list[GraphQLError]:
        built: Compiled | list[GraphQLError] = self._class.build(
            self._schema,
            job.document.node,
            None,
            job.context,
            job.variables,
            job.operation_name,
            middleware=job.middleware,
            is_awaitable=optimized_is_awaitable,
            hide_suggestions=self._hide_suggestions,
            abort_signal=job.flight.signal,
            **({"operation_extensions": job.extensions} if self._for_strawberry else {}),
        )
        return built

    def _keep(self, key: tuple[str, str | None], executor: Compiled) -> None:
        template = self._templates[key] = _copy(executor)
        template.context_value = template.abort_signal = None
        template.operation_extensions = None  # Strawberry's class has it
        del template.async_helpers  # they hold the executor; a run brings its own
        template.variable_values = VariableValues({}, {})  # each run has its own
        while len(self._templates) > _SIZE:
            self._templates.popitem(last=False)


def _copy(executor: Compiled) -> Compiled:
    """Return a shallow copy for another run, as graphql-core makes for an event of a subscription."""
    copy: Compiled = object.__new__(type(executor))
    copy.__dict__.update(executor.__dict__)
    copy.__dict__.update({name: set() for name in _PER_RUN})
    copy.collected_errors = CollectedErrors()
    return copy
