"""From a request to an answer: the document, the deadline, the running, what was not there in time."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any, Literal

from graphql import GraphQLError, GraphQLSchema
from graphql.execution import MiddlewareManager
from msgspec import Struct
from msgspec.structs import replace
from strawberry.schema.base import BaseSchema

from bff.clock import Clock
from bff.codes import Code
from bff.context import Context, Deadline, Operation, OperationKind
from bff.errors import ErrorDesk, ResolverCancelled, degradations
from bff.events import Notify, OperationAbandoned, OperationFinished, OperationStarted
from bff.execution.access.decide import NOTHING_DENIED, Access, Denials, barred_by
from bff.execution.access.demands import Survey
from bff.execution.alarm import until
from bff.execution.begun import in_a_task
from bff.execution.client_cache import keeping
from bff.execution.compiled import compiled_run_of
from bff.execution.cost.charge import Bill, Costs
from bff.execution.cost.weights import WeightOf, one_each
from bff.execution.crowd import Crowd
from bff.execution.documents import Document, Documents, Refused, refused
from bff.execution.flight import Flight
from bff.execution.interpreter import Job, Outcome, Run
from bff.execution.kept import KeptAnswers
from bff.execution.messages import Answer, Denied, GraphQLRequest, Ingress, Witness
from bff.execution.nulls import one_error_for_each_null
from bff.execution.own_context import OwnContext
from bff.execution.prepared import Preparations, Prepared
from bff.execution.source import DocumentSource, Sourced, TextSource
from bff.execution.strawberry_schema import around_of, graphql_schema_of, rules_of
from bff.policy.model import OperationsPolicy
from bff.upstream.message import NOT_KEPT

if TYPE_CHECKING:
    from bff.experiments.plan import Plan
    from bff.experiments.registry import Experiments
    from bff.upstream.client import Upstreams

PATIENCE = 0.25
"""Seconds that stopped resolvers get to end before they are no longer waited for (DL-9)."""

Span = Callable[[Operation], AbstractContextManager[Any]]
"""Opens the span of an operation."""

Observe = Callable[[Document, str | None, Ingress], None]
"""Looks at an operation of a document, by its name, before it runs."""


def no_span(operation: Operation) -> AbstractContextManager[None]:  # noqa: ARG001 - the shape of `Span`
    """Trace nothing."""
    return nullcontext()


class _Accepted(Struct, eq=False):
    """A request whose document was found good."""

    request: GraphQLRequest
    prepared: Prepared
    operation: Operation
    keepable: bool
    bill: Bill | None
    watched: bool
    same: object | None


class Engine:
    """Runs operations on one schema; safe for any number at once.

    Args:
        schema: Any Strawberry schema, or one of graphql-core.
        upstreams: How services are called; resolvers find it in their context.
        policy: What clients may ask and how long it may take.
        desk: Words the errors.
        clock: Measures validation and patience; deadlines bring their own.
        notify: Receives one `OperationFinished` for each operation that was executed.
        span: Opens the span of an operation.
        run: Runs operations; compiled when absent.
        witness: Tells callers who may know what happened to their operation; None tells nobody.
        observe: Looks at each operation that will run, and never fails; None where nobody does.
        source: Finds the texts of documents; only those that requests bring when absent.
        weight_of: What a call of an endpoint costs.
        registered: How many registered documents are kept besides those that policy wants kept.
        experiments: What is done on purpose to the calls of operations; None where nothing ever is.
        documents: Those that are ready already, made by `documents_of`; whoever hands them in closes them.
        kept: Whole answers whose parts are fresh still; none are kept when absent.
        own_context: Makes what the application's resolvers find in their context besides what is there anyway.

    Raises:
        UnsupportedSchema: The schema promises what cannot be kept here.
    """

    def __init__(
        self,
        schema: BaseSchema | GraphQLSchema,
        upstreams: "Upstreams",
        policy: OperationsPolicy,
        *,
        desk: ErrorDesk,
        clock: Clock,
        notify: Notify,
        span: Span = no_span,
        run: Run | None = None,
        witness: Witness | None = None,
        observe: Observe | None = None,
        source: DocumentSource | None = None,
        weight_of: WeightOf = one_each,
        registered: int = 0,
        experiments: "Experiments | None" = None,
        documents: Documents | None = None,
        kept: KeptAnswers | None = None,
        own_context: OwnContext | None = None,
    ) -> None:
        self._experiments = experiments
        self._experimenting = experiments.running if experiments is not None else {}
        self._upstreams = upstreams
        self._policy = policy
        self._desk = desk
        self._clock = clock
        self._notify = notify
        self._span = span
        self._traces = span is not no_span
        self._witness = witness
        self._hints = policy.introspection == "allow"
        self._run = run or compiled_run_of(schema, hide_suggestions=not self._hints)
        self._around = around_of(schema)
        executable = graphql_schema_of(schema)
        self._access = Access(executable, wall=clock.wall, kept=policy.document_cache)
        self._source = source or TextSource()
        self._owns_documents = documents is None
        if documents is None:
            documents = documents_of(
                schema, policy, clock=clock, notify=notify, weight_of=weight_of, registered=registered
            )
        self.documents = documents
        assert self.documents.costs is not None, "`documents_of` makes them with costs"
        self._costs = self.documents.costs
        self._operations = Preparations(executable, policy, self._access)
        self._crowd = Crowd(policy.sharing, notify, kept or KeptAnswers(0, clock=clock))
        self._own_context = own_context
        self._unattended: set[asyncio.Task[Any]] = set()
        self._observe = observe

    async def execute(self, request: GraphQLRequest, ingress: Ingress) -> Answer:
        """Return the answer to *request*: whole, partial, or why it is refused.

        Cancelling this cancels the work and waits for its end, unless it is a mutation that has reached a service:
        that one runs on to its own deadline (DL-9), and `close` waits for it.
        """
        kind: OperationKind | None = None
        if ingress.same is not None and (answer := await self._before(ingress)) is not None:
            return answer
        try:
            accepted = await self._accept(request, ingress)
            kind = accepted.operation.kind
            bill = accepted.bill
            answer = await (self._run_it(accepted) if bill is None else self._settled(accepted, bill))
        except Refused as error:
            told = self._desk.request(error.code, error.errors, ingress.request_id, hints=self._hints)
            return Answer({"errors": told}, refused=error.code, kind=kind)
        except Denied as denied:
            return self.refuse(denied.code, denied.message, ingress, detail=denied.detail, **denied.extensions)
        if self._witness is not None and answer.story is not None and accepted.watched:
            return _with_trace(answer, self._witness.tell(answer.story, ingress.request_id))
        return answer

    async def _before(self, ingress: Ingress) -> Answer | None:
        """Return the answer to a request that came before, where nothing need be done for this caller alone."""
        if ingress.allowance is not None or ingress.faults is not None or self._experimenting:
            return None
        found = self._crowd.before(ingress)
        return found if found is None or isinstance(found, Answer) else await found

    def refuse(self, code: Code, message: str, ingress: Ingress, *, detail: str = "", **extensions: Any) -> Answer:
        """Return the answer that refuses a request with *message*; *detail* goes to the log only."""
        told = self._desk.refusal(code, message, ingress.request_id, detail=detail, **extensions)
        return Answer({"errors": told}, refused=code)

    async def close(self, timeout: float) -> None:  # noqa: ASYNC109 - the clock is ours
        """Wait up to *timeout* seconds for mutations that nobody waits for, then cancel what is left."""
        alarm = asyncio.ensure_future(self._clock.sleep(timeout))
        try:
            while self._unattended and not alarm.done():
                await asyncio.wait({*self._unattended, alarm}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            alarm.cancel()
        for task in self._unattended:
            task.cancel()
        await asyncio.gather(*self._unattended, return_exceptions=True)
        if self._owns_documents:
            self.documents.close()

    async def _accept(self, request: GraphQLRequest, ingress: Ingress) -> _Accepted:
        deadline = ingress.deadline
        if deadline.remaining() <= 0:
            raise _late()
        document, sourced = await self._document(request, ingress)
        prepared = self._operations.of(document, request.operation_name)
        name, kind = prepared.name, prepared.kind
        if kind != "query":
            _check_kind(kind, ingress)
        at = (deadline.clock.now() if ingress.arrived is None else ingress.arrived) + prepared.seconds
        if at < deadline.at:
            deadline = Deadline(at, deadline.clock)
        if deadline.remaining() <= 0:
            raise _late()
        if self._observe is not None:
            self._observe(document, name, ingress)
        operation = Operation(
            ingress.request_id,
            deadline,
            self._upstreams,
            principal=ingress.principal,
            headers=ingress.headers,
            name=name,
            kind=kind,
        )
        if self._experimenting or ingress.faults is not None:
            assert self._experiments is not None
            operation.plan = self._experiments.plan(ingress.faults, ingress.principal, name)
        bill: Bill | None = None
        if prepared.cost is not None or ingress.allowance is not None:
            charged = self._costs.charge(prepared.cost, request.variables, operation, ingress)
            bill = charged if charged is None or isinstance(charged, Bill) else await charged
        watched = self._witness is not None and self._witness.asked(ingress)
        alone = (
            bill is not None or watched or sourced.told or self._observe is not None or operation.plan is not None
        )
        same = None if alone else ingress.same
        return _Accepted(request, prepared, operation, sourced.keepable, bill, watched, same)

    async def _document(self, request: GraphQLRequest, ingress: Ingress) -> tuple[Document, Sourced]:
        """Return the document that *request* means, and what is known of its text."""
        try:
            sourced = self._source.find(request, ingress)
            if not isinstance(sourced, Sourced):
                sourced = await sourced
            text, key = sourced.text, sourced.hash
            document = self.documents.ready(text, key) or await self.documents.get(text, key)
        except Refused:
            await self._costs.charge_refused(ingress)
            raise
        if sourced.learnable:
            await self._source.learn(sourced)
        return document, sourced

    def _run_it(self, accepted: _Accepted) -> Awaitable[Answer]:
        if accepted.operation.kind == "mutation":
            return self._attended(accepted)
        plan = accepted.operation.plan
        if (plan is None or not plan.alone) and self._crowd.takes(accepted.operation):
            return self._shared(accepted)
        return self._executed(accepted)

    async def _settled(self, accepted: _Accepted, bill: Bill) -> Answer:
        """Return the answer with what it cost this caller, who may share all else of it with others."""
        try:
            answer = await self._run_it(accepted)
        except Refused:
            await bill.void()
            raise
        paths = [error.get("path", ()) for error in answer.body.get("errors", ())]
        told = await bill.settle(answer.body.get("data"), paths, accepted.operation)
        if not told:
            return answer
        body = {**answer.body, "extensions": answer.body.get("extensions", {}) | told}
        return replace(answer, body=body, pieces=None)

    async def _attended(self, accepted: _Accepted) -> Answer:
        """Run a mutation so that it survives a leaving client once it has reached a service."""
        task = asyncio.create_task(self._executed(accepted), name=f"mutation {accepted.operation.request_id}")
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            if accepted.operation.dispatched:
                self._look_after(task)
            else:
                task.cancel()
                await asyncio.wait({task})
            raise

    async def _shared(self, accepted: _Accepted) -> Answer:
        return await self._crowd.answer(
            accepted.request,
            accepted.prepared.document.hash,
            accepted.operation,
            lambda: self._executed(accepted),
            watched=accepted.watched,
            same=accepted.same,
        )

    def _executed(self, accepted: _Accepted) -> Coroutine[Any, Any, Answer]:
        return self._traced(accepted) if self._traces else self._answer(accepted)

    async def _traced(self, accepted: _Accepted) -> Answer:
        with self._span(accepted.operation):
            return await self._answer(accepted)

    async def _answer(self, accepted: _Accepted) -> Answer:
        operation, now = accepted.operation, self._clock.now
        names = (operation.request_id, operation.name, operation.kind)
        started = now()
        self._notify(OperationStarted(*names, started))
        story = self._witness.story(operation.request_id) if self._witness is not None else None
        try:
            body, errors = await self._body(accepted)
        except BaseException as error:
            reason: Literal["cancelled", "refused"] = (
                "refused" if isinstance(error, Refused | Denied) else "cancelled"
            )
            self._notify(OperationAbandoned(*names, now() - started, reason))
            raise
        finally:
            operation.loaders.clear()  # they know the operation: together a cycle, and all services with it
        injected = operation.plan is not None and operation.plan.hit
        degraded = operation.degraded
        self._notify(OperationFinished(*names, now() - started, len(errors), len(degraded), injected))
        max_age, private = 0, True
        if accepted.keepable and operation.max_age != 0 and operation.kind == "query":
            max_age, private = keeping(operation, accepted.prepared.allowed)
        return Answer(
            body,
            kind=operation.kind,
            degraded=bool(degraded),
            max_age=max_age,
            private=private,
            barred=barred_by(body["data"], errors) if errors else None,
            story=story,
        )

    async def _body(self, accepted: _Accepted) -> tuple[dict[str, Any], list[GraphQLError]]:
        """Return the body of the answer and the errors in it."""
        operation = accepted.operation
        try:
            outcome = await self._outcome(accepted)
        except Refused:
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            outcome = _only(ResolverCancelled())
        except Exception as error:  # noqa: BLE001 - whatever it is, such as a schema extension, the client gets an answer
            outcome = _only(error)
        body: dict[str, Any] = {"data": outcome.data}
        errors = outcome.errors
        if errors:
            errors = one_error_for_each_null(outcome.data, errors)
            if accepted.request.on_error == "HALT":
                body["data"], errors = None, errors[:1]
            body["errors"] = self._desk.execution(errors, operation)
        if operation.degraded:
            body["extensions"] = {"degraded": degradations(operation.degraded)}
        if operation.plan is not None:
            _tell_faults(body, operation, operation.plan, failed=bool(errors))
        return body, errors

    async def _outcome(self, accepted: _Accepted) -> Outcome:
        context = Context(accepted.operation)
        if self._around is None:
            return await self._ran(accepted, context, None)
        await in_a_task()
        async with self._around(accepted.request, accepted.prepared.document, context) as middleware:
            return await self._ran(accepted, context, middleware)

    async def _ran(self, accepted: _Accepted, context: Context, middleware: MiddlewareManager | None) -> Outcome:
        request, operation, flight = accepted.request, accepted.operation, Flight()
        try:
            if self._own_context is not None:
                made = flight.wait(self._own_context(context))
                context.own = await until(operation, made, flight)
            job = Job(
                accepted.prepared.document,
                request.operation_name,
                request.variables,
                request.extensions,
                context,
                flight,
                middleware,
                await self._denied(accepted) if accepted.prepared.survey.found else NOTHING_DENIED,
                propagates=request.on_error != "NULL",
            )
            result = self._run(job)
            if isinstance(result, Outcome):
                return result
            operation.waited = True
            return await until(operation, result, flight)
        finally:
            for task in await flight.ended(self._clock, PATIENCE):
                self._look_after(task)

    async def _denied(self, accepted: _Accepted) -> Denials:
        """Return what the caller may not see or do; known before any resolver runs."""
        operation, survey = accepted.operation, accepted.prepared.survey
        operation.private = operation.personal = True
        if survey.policies:
            return await self._asked(survey, operation)
        return self._access.denials(survey, operation)

    async def _asked(self, survey: Survey, operation: Operation) -> Denials:
        """Return what the caller may not see or do by access policies, too.

        Those that take too long end before the operation's time is up, so that what needs none is there.
        """
        operation.waited = True
        flight = Flight()
        reserve = self._policy.deadline_reserve.total_seconds()
        try:
            return await until(operation, self._access.asked(survey, operation, flight.wait), flight, reserve)
        finally:
            for task in await flight.ended(self._clock, PATIENCE):
                self._look_after(task)

    def _look_after(self, task: "asyncio.Task[Any]") -> None:
        self._unattended.add(task)

        def ended(done: "asyncio.Task[Any]") -> None:
            self._unattended.discard(done)
            if not done.cancelled():
                done.exception()

        task.add_done_callback(ended)


def _tell_faults(body: dict[str, Any], operation: Operation, plan: "Plan", *, failed: bool) -> None:
    """Say in *body* what was done on purpose to *operation*; nobody keeps such an answer."""
    plan.finished(failed=failed)
    told = plan.told()
    if told:
        operation.use(NOT_KEPT)
        body.setdefault("extensions", {})["faults"] = told


def documents_of(
    schema: BaseSchema | GraphQLSchema,
    policy: OperationsPolicy,
    *,
    clock: Clock,
    notify: Notify,
    weight_of: WeightOf = one_each,
    registered: int = 0,
) -> Documents:
    """Return the documents of an engine with these arguments; several engines may use them, one after the other.

    They go by `limits`, `introspection`, `document_cache` and `cost` of *policy*.
    """
    executable = graphql_schema_of(schema)
    costs = Costs(executable, policy.cost, weight_of=weight_of, notify=notify)
    return Documents(executable, policy, clock=clock, rules=rules_of(schema), costs=costs, registered=registered)


def _with_trace(answer: Answer, trace: Mapping[str, Any]) -> Answer:
    """Return *answer* with *trace* in it; nobody shares it, and nobody keeps it."""
    body = {**answer.body, "extensions": {**answer.body.get("extensions", {}), "trace": trace}}
    return replace(answer, body=body, pieces=None, max_age=0, private=True)


def _only(error: Exception) -> Outcome:
    """Return the outcome where something other than a field failed."""
    return Outcome(None, [GraphQLError(str(error), original_error=error)])


def _check_kind(kind: OperationKind, ingress: Ingress) -> None:
    """Refuse operations other than queries that did not come by a way for them."""
    if ingress.safe_method:
        raise refused(Code.METHOD_NOT_ALLOWED, f"A {kind} cannot be sent with this method: use POST.")
    if kind == "subscription":
        raise refused(Code.BAD_REQUEST, "A subscription needs a transport that can carry many answers.")


def _late() -> Refused:
    """Return the refusal of what nobody waits for any more, before any work is done (DL-11)."""
    return refused(Code.DEADLINE_EXCEEDED, "The operation's time was up before it began.")
