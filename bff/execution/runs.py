"""Runs of the operations of one schema, made quickly: what they have in common is prepared once."""

from collections import OrderedDict
from typing import Any, Final

from graphql import GraphQLError, GraphQLSchema
from graphql.execution import Executor
from graphql.execution.executor import CollectedErrors
from graphql.execution.values import VariableValues, get_variable_values
from msgspec import Struct
from strawberry.execution import optimized_is_awaitable
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from bff.codes import Code
from bff.execution.compiler import CompiledOperation
from bff.execution.compiler.execute import Compiled
from bff.execution.compiler.failures import Failures
from bff.execution.compiler.load import Program
from bff.execution.compiler.request import Unsupported
from bff.execution.compiler.runtime import Run, Terms, Wave
from bff.execution.documents import Refused
from bff.execution.interpreter import Job
from bff.execution.work import FlightWork

_KNOWN: Final = (Executor, StrawberryGraphQLCoreExecutionContext)
"""Executor classes that keep nothing of their own between construction and run."""

_PER_RUN: Final = ("pending_incremental_futures", "background_futures")
_SIZE: Final = 1024
_NO_VARIABLES: Final = VariableValues({}, {})
"""Of operations without any; no resolver sees this one."""


class _Prepared(Struct, eq=False):
    """One operation of one document.

    Attributes:
        template: An executor for it, without what belongs to one run.
        terms: What its runs have in common.
        variables: Whether it has any.
        compiled: The operation compiled for callers who may have all of it; None where graphql-core runs it.
        program: The only one of it, once it is known; None where there are several or none.
    """

    template: Compiled
    terms: Terms
    variables: bool
    compiled: CompiledOperation | None
    program: Program | None = None


class _Infos(Struct, eq=False):
    """Makes what resolvers of one run receive; the executor that it takes only where a resolver wants it."""

    template: Compiled
    job: Job
    variables: VariableValues | None
    executor: Compiled | None = None

    def make(self, *parts: Any) -> Any:
        """Return the `info` for definition, nodes, parent type and path."""
        executor = self.executor
        if executor is None:
            variables = self.variables or VariableValues({}, {})  # resolvers may change it: each run has its own
            executor = self.executor = _for_job(self.template, self.job, variables)
            executor.bring_helpers()
        return executor.build_resolve_info(*parts)


class Runs:
    """Makes the run of each job; the parts that all runs of one operation have in common, once.

    Args:
        schema: What is executed.
        executor_class: An executor that compiles, over *base*.
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
        self._prepared: OrderedDict[tuple[str, str | None], _Prepared] = OrderedDict()

    def of(self, job: Job) -> Run | None:
        """Return the run of *job*, None where it is left to graphql-core.

        Raises:
            Refused: Its variables do not fit.
        """
        known = None
        if job.middleware is None:
            known = self._prepared.get((job.document.hash, job.operation_name))
        if known is None:
            return self._first(job)
        variables = self._coerced(known.template, job) if known.variables else None
        if job.denied:
            executor = _for_job(known.template, job, variables or VariableValues({}, {}))
            return _run_of(executor, executor.program(), job)
        program = known.program
        if program is None:
            program = _program(known, variables or _NO_VARIABLES)
            if program is None:
                return None
        work = FlightWork(_flight=job.flight)
        infos = _Infos(known.template, job, variables)
        return Run(
            program,
            known.terms,
            variables or _NO_VARIABLES,
            job.context,
            infos.make,
            work,
            Wave(program.root, [None]),
            Failures(work),
        )

    def _coerced(self, template: Compiled, job: Job) -> VariableValues:
        values = get_variable_values(
            self._schema,
            template.operation.variable_definitions or (),
            job.variables or {},
            max_errors=50,
            hide_suggestions=self._hide_suggestions,
        )
        if isinstance(values, list):
            raise Refused(Code.BAD_USER_INPUT, values)
        return values

    def _first(self, job: Job) -> Run | None:
        """Return a run with an executor that graphql-core builds; the operation's next one may need none."""
        executor: Compiled | list[GraphQLError] = self._class.build(
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
        if isinstance(executor, list):
            raise Refused(Code.BAD_USER_INPUT, executor)
        if job.middleware is None and self._copies:
            self._prepare(job, executor)
        executor.denied = job.denied
        return _run_of(executor, executor.program(), job)

    def _prepare(self, job: Job, executor: Compiled) -> None:
        template = _copy(executor)
        template.context_value = template.abort_signal = None
        template.operation_extensions = None  # Strawberry's class has it
        del template.async_helpers  # they hold the executor; a run brings its own
        template.variable_values = VariableValues({}, {})  # each run has its own
        variables = bool(template.operation.variable_definitions)
        prepared = _Prepared(template, template.terms(), variables, executor.compiled())
        self._prepared[job.document.hash, job.operation_name] = prepared
        while len(self._prepared) > _SIZE:
            self._prepared.popitem(last=False)


def _run_of(executor: Compiled, program: Program | None, job: Job) -> Run | None:
    return None if program is None else executor.run_of(program, FlightWork(_flight=job.flight))


def _program(known: _Prepared, variables: VariableValues) -> Program | None:
    compiled = known.compiled
    if compiled is None:
        return None
    try:
        program = compiled.program(variables)
    except (Unsupported, GraphQLError):
        return None
    if not compiled.conditions:
        known.program = program
    return program


def _for_job(template: Compiled, job: Job, variables: VariableValues) -> Compiled:
    """Return the executor for *job* that is as *template* in all that belongs to the operation."""
    executor = _copy(template)
    executor.context_value, executor.abort_signal = job.context, job.flight.signal
    executor.variable_values = variables
    executor.operation_extensions = job.extensions  # Strawberry's class has it
    executor.denied = job.denied
    return executor


def _copy(executor: Compiled) -> Compiled:
    """Return a shallow copy for another run, as graphql-core makes for an event of a subscription."""
    copy: Compiled = object.__new__(type(executor))
    copy.__dict__.update(executor.__dict__)
    copy.__dict__.update({name: set() for name in _PER_RUN})
    copy.collected_errors = CollectedErrors()
    return copy
