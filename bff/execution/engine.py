"""From a request to an answer: the document, the deadline, the running, what was not there in time."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from inspect import isawaitable
from typing import TYPE_CHECKING, Any, Literal

from graphql import GraphQLError, GraphQLSchema, OperationDefinitionNode
from strawberry.schema.base import BaseSchema

from bff.clock import Clock, SystemClock
from bff.codes import Code
from bff.context import Context, Deadline, Operation, OperationKind
from bff.errors import ErrorDesk, ResolverCancelled, degradations
from bff.events import Notify, OperationAbandoned, OperationFinished, OperationStarted
from bff.execution.client_cache import fed_fields, is_known, keeping
from bff.execution.compiled import compiled_run_of
from bff.execution.crowd import Crowd
from bff.execution.documents import Document, Documents, Refused, refused
from bff.execution.flight import Flight
from bff.execution.interpreter import Job, Outcome, Run
from bff.execution.messages import Answer, Denied, GraphQLRequest, Ingress, Witness
from bff.execution.nulls import one_error_for_each_null
from bff.execution.strawberry_schema import around_of, graphql_schema_of, nothing_around, rules_of
from bff.policy.model import OperationsPolicy

if TYPE_CHECKING:
    from bff.upstream.client import Upstreams

PATIENCE = 0.25
"""Seconds that stopped resolvers get to end before they are no longer waited for (DL-9)."""

Span = Callable[[Operation], AbstractContextManager[Any]]
"""Opens the span of an operation."""


def no_span(operation: Operation) -> AbstractContextManager[None]:  # noqa: ARG001 - the shape of `Span`
    """Trace nothing."""
    return nullcontext()


@dataclass(slots=True)  # made for each request: freezing would triple what that costs
class _Accepted:
    """A request whose document was found good."""

    request: GraphQLRequest
    document: Document
    node: OperationDefinitionNode
    operation: Operation


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
    ) -> None:
        self._upstreams = upstreams
        self._policy = policy
        self._desk = desk
        self._clock = clock
        self._notify = notify
        self._span = span
        self._witness = witness
        self._hints = policy.introspection == "allow"
        self._run = run or compiled_run_of(schema, hide_suggestions=not self._hints)
        self._around = around_of(schema) or nothing_around
        self.documents = Documents(graphql_schema_of(schema), policy, clock=clock, rules=rules_of(schema))
        self._fed = fed_fields(graphql_schema_of(schema))
        self._crowd = Crowd(policy.sharing, notify)
        self._unattended: set[asyncio.Task[Any]] = set()

    async def execute(self, request: GraphQLRequest, ingress: Ingress) -> Answer:
        """Return the answer to *request*: whole, partial, or why it is refused.

        Cancelling this cancels the work and waits for its end, unless it is a mutation that has reached a service:
        that one runs on to its own deadline (DL-9), and `close` waits for it.
        """
        kind: OperationKind | None = None
        try:
            accepted = await self._accept(request, ingress)
            kind = accepted.operation.kind
            answer = await self._executed(accepted)
        except Refused as error:
            told = self._desk.request(error.code, error.errors, ingress.request_id, hints=self._hints)
            return Answer({"errors": told}, refused=error.code, kind=kind)
        except Denied as denied:
            return self.refuse(denied.code, denied.message, ingress, detail=denied.detail, **denied.extensions)
        if self._witness is not None and answer.story is not None and self._witness.asked(ingress):
            return _with_trace(answer, self._witness.tell(answer.story, ingress.request_id))
        return answer

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
        self.documents.close()

    async def _accept(self, request: GraphQLRequest, ingress: Ingress) -> _Accepted:
        _in_time(ingress.deadline)
        document = await self.documents.get(_text(request))
        node = document.operation(request.operation_name)
        kind: OperationKind = node.operation.value
        if ingress.safe_method and kind != "query":
            raise refused(Code.METHOD_NOT_ALLOWED, f"A {kind} cannot be sent with this method: use POST.")
        if kind == "subscription":
            raise refused(Code.BAD_REQUEST, "A subscription needs a transport that can carry many answers.")
        name = node.name.value if node.name else None
        deadline = self._deadline(name, ingress)
        _in_time(deadline)
        operation = Operation(
            ingress.request_id,
            deadline,
            self._upstreams,
            principal=ingress.principal,
            headers=ingress.headers,
            name=name,
            kind=kind,
        )
        return _Accepted(request, document, node, operation)

    def _deadline(self, name: str | None, ingress: Ingress) -> Deadline:
        given = ingress.deadline
        seconds = self._policy.deadlines.get(name or "", self._policy.deadline).total_seconds()
        at = (given.clock.now() if ingress.arrived is None else ingress.arrived) + seconds
        return given if given.at <= at else Deadline(at, given.clock)

    async def _executed(self, accepted: _Accepted) -> Answer:
        if accepted.operation.kind == "mutation":
            return await self._attended(accepted)
        if self._crowd.takes(accepted.operation):
            return await self._shared(accepted)
        return await self._answer(accepted)

    async def _attended(self, accepted: _Accepted) -> Answer:
        """Run a mutation so that it survives a leaving client once it has reached a service."""
        task = asyncio.create_task(self._answer(accepted), name=f"mutation {accepted.operation.request_id}")
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
        document, operation = accepted.document.hash, accepted.operation
        return await self._crowd.answer(accepted.request, document, operation, lambda: self._answer(accepted))

    async def _answer(self, accepted: _Accepted) -> Answer:
        operation = accepted.operation
        names = (operation.request_id, operation.name, operation.kind)
        started = self._clock.now()
        with self._span(operation):
            self._notify(OperationStarted(*names, started))
            story = self._witness.story(operation.request_id) if self._witness is not None else None
            try:
                body, errors = await self._body(accepted)
            except BaseException as error:
                reason: Literal["cancelled", "refused"] = (
                    "refused" if isinstance(error, Refused | Denied) else "cancelled"
                )
                self._notify(OperationAbandoned(*names, self._clock.now() - started, reason))
                raise
            seconds = self._clock.now() - started
            self._notify(OperationFinished(*names, seconds, errors, len(operation.degraded)))
        max_age, private = keeping(operation) if self._keepable(accepted) else (0, True)
        return Answer(
            body,
            kind=operation.kind,
            degraded=bool(operation.degraded),
            max_age=max_age,
            private=private,
            story=story,
        )

    async def _body(self, accepted: _Accepted) -> tuple[dict[str, Any], int]:
        """Return the body of the answer and how many errors there are."""
        operation = accepted.operation
        outcome = await self._whatever_happens(accepted)
        body: dict[str, Any] = {"data": outcome.data}
        errors = one_error_for_each_null(outcome.data, outcome.errors)
        if errors:
            body["errors"] = self._desk.execution(errors, operation)
        if operation.degraded:
            body["extensions"] = {"degraded": degradations(operation.degraded)}
        return body, len(errors)

    def _keepable(self, accepted: _Accepted) -> bool:
        """Return whether it is known of every part how long it may be kept."""
        return bool(accepted.operation.max_age) and is_known(accepted.document.node, accepted.node, self._fed)

    async def _whatever_happens(self, accepted: _Accepted) -> Outcome:
        """Return the outcome, also where something other than a field failed, such as a schema extension."""
        try:
            return await self._outcome(accepted)
        except Refused:
            raise
        except asyncio.CancelledError:
            task = asyncio.current_task()
            if task is None or task.cancelling():
                raise
            error: Exception = ResolverCancelled()
        except Exception as caught:  # noqa: BLE001 - whatever it is, the client gets an answer
            error = caught
        return Outcome(None, [GraphQLError(str(error), original_error=error)])

    async def _outcome(self, accepted: _Accepted) -> Outcome:
        context = Context(accepted.operation)
        flight = Flight()
        request = accepted.request
        async with self._around(request, accepted.document, context) as middleware:
            job = Job(
                accepted.document,
                request.operation_name,
                request.variables,
                request.extensions,
                context,
                flight,
                middleware,
            )
            try:
                result = self._run(job)
                if isawaitable(result):
                    accepted.operation.waited = True
                    return await _until(accepted.operation, result, flight)
                return result
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


def _with_trace(answer: Answer, trace: Mapping[str, Any]) -> Answer:
    """Return *answer* with *trace* in it; nobody shares it, and nobody keeps it."""
    body = {**answer.body, "extensions": {**answer.body.get("extensions", {}), "trace": trace}}
    return replace(answer, body=body, pieces=None, max_age=0, private=True)


async def _until(operation: Operation, result: Awaitable[Outcome], flight: Flight) -> Outcome:
    """Return *result*, which is whole, or what is there of it when the time of *operation* is up."""
    alarm = _set_alarm(operation, flight)
    try:
        return await result
    finally:
        alarm.cancel()
        if isinstance(alarm, asyncio.Task):
            await asyncio.wait({alarm})


def _set_alarm(operation: Operation, flight: Flight) -> asyncio.TimerHandle | asyncio.Task[None]:
    deadline = operation.deadline
    seconds = max(0.0, deadline.remaining())

    def stop() -> None:
        operation.expired = True
        flight.stop()

    if isinstance(deadline.clock, SystemClock):  # the loop's own timer costs a tenth of a task
        return asyncio.get_running_loop().call_later(seconds, stop)

    async def sleep_and_stop() -> None:
        await deadline.clock.sleep(seconds)
        stop()

    return asyncio.create_task(sleep_and_stop())


def _text(request: GraphQLRequest) -> str:
    if request.query is not None:
        return request.query
    if request.extensions and "persistedQuery" in request.extensions:
        raise refused(Code.PERSISTED_QUERY_NOT_SUPPORTED, "Documents by hash are switched off: send the text.")
    raise refused(Code.BAD_REQUEST, "The request has no query.")


def _in_time(deadline: Deadline) -> None:
    """Refuse what nobody waits for any more, before any work is done (DL-11)."""
    if deadline.remaining() <= 0:
        raise refused(Code.DEADLINE_EXCEEDED, "The operation's time was up before it began.")
