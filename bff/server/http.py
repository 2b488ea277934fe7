"""GraphQL over HTTP, by the draft of August 2026, as a plain ASGI app."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from functools import lru_cache
from http import HTTPStatus
from inspect import isawaitable
from types import MappingProxyType
from typing import Any, Final

from bff.clock import Clock
from bff.codes import Code
from bff.context import ANONYMOUS, Deadline, Principal
from bff.events import Notify, ignore
from bff.execution.begun import Begun, in_a_task
from bff.execution.messages import Ingress
from bff.policy.model import OperationsPolicy
from bff.server.answering import Answering
from bff.server.body import Disconnected
from bff.server.deadlines import Allotment, Deadlines
from bff.server.decoding import has_parameters
from bff.server.events import ExchangeStopped
from bff.server.headers import Headers
from bff.server.intake import Exchange, Intake, Request, again
from bff.server.known import KNOWN, Judgement, Known
from bff.server.lifecycle import Lifecycle
from bff.server.lines import in_one
from bff.server.negotiation import Negotiated, negotiate
from bff.server.ports import (
    Admission,
    Arrival,
    ASGIApp,
    Authenticator,
    Engine,
    Entry,
    FaultDesk,
    Receive,
    Scope,
    Send,
)
from bff.server.problem import send_problem
from bff.server.refusal import Refusal
from bff.server.replies import Reply, deliver
from bff.server.shedding import Door
from bff.server.watch import UNWATCHED, Patience, Stage, Stop, Watch

_LONGEST_ACCEPT: Final = 1024
_NO_EXTENSIONS: Final[Mapping[str, Any]] = MappingProxyType({})
_FAULT: Final = "Internal server error"


class GraphQLEndpoint:
    """The ASGI app for one path; everything below that path belongs to GraphiQL.

    Args:
        engine: Runs operations and words refusals.
        policy: Statuses, limits, deadlines, batching, CSRF headers.
        clock: For deadlines.
        lifecycle: Knows every request in flight, so that a drain can wait for them and end them.
        new_request_id: Makes the `x-request-id` of an answer, printable ASCII.
        graphiql: The page for browsers and its assets, None when policy closes it.
        path: Where the endpoint lives.
        hosts: `Host` values that are answered, in lower case with the port where clients send one; None for all.
        patience: How long slow clients are waited for.
        door: Refuses requests when there is too much to do; None lets everybody in.
        authenticator: Says who is calling; None looks at no credentials.
        admission: Says who may run something now; None counts nothing.
        notify: Hears of ignored deadline headers and of requests ended early.
        faults: Says what callers want done to their own operations on purpose; None does nothing.
    """

    def __init__(
        self,
        engine: Engine,
        policy: OperationsPolicy,
        *,
        clock: Clock,
        lifecycle: Lifecycle,
        new_request_id: Callable[[], str],
        graphiql: ASGIApp | None = None,
        path: str = "/graphql",
        hosts: frozenset[str] | None = None,
        patience: Patience | None = None,
        door: Door | None = None,
        authenticator: Authenticator | None = None,
        admission: Admission | None = None,
        notify: Notify = ignore,
        faults: FaultDesk | None = None,
    ) -> None:
        self._faults = faults
        self._fault_header = faults.header if faults is not None else b""
        self._lifecycle = lifecycle
        self._new_request_id = new_request_id
        self._graphiql = graphiql
        self._path = path
        self._hosts = hosts
        self._patience = patience or Patience()
        self._door = door
        self._authenticator = authenticator
        self._admission = admission
        self._notify = notify
        self._ids = policy.documents.id_parameters
        self._intake = Intake(policy)
        self._deadlines = Deadlines(policy, clock, notify)
        self._answering = Answering(engine, policy)
        self._mark = object()
        self._lets_all_in = authenticator is None and admission is None
        self._negotiate = lru_cache(maxsize=256)(negotiate)

    @property
    def path(self) -> str:
        """Where the endpoint lives."""
        return self._path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await _decline(scope, receive, send)
            return
        known: Known | None = scope.get("extensions", _NO_EXTENSIONS).get(KNOWN)
        judgement = known.judgement if known is not None else None
        if judgement is not None and judgement.by is self._mark:
            exchange = self._exchange(scope, judgement.headers, judgement.negotiated, known, judgement)
            await self._serve(exchange, self._reply(exchange), receive, send)
            return
        path = scope["path"]
        if path != self._path:
            path = path.removeprefix(scope.get("root_path", "")) or self._path
        headers = Headers(scope["headers"])
        if self._hosts is not None and (headers.text(b"host") or "").lower() not in self._hosts:
            await send_problem(send, HTTPStatus.MISDIRECTED_REQUEST, "This host is not served here.")
        elif path == self._path:
            await self._endpoint(scope, headers, known, receive, send)
        elif self._graphiql is not None and path.startswith(self._path + "/"):
            await self._graphiql(scope, receive, send)
        else:
            await send_problem(send, HTTPStatus.NOT_FOUND, f"There is nothing here; the endpoint is {self._path}.")

    def at_once(self, known: Known, client: tuple[str, int] | None, usual: bytes) -> bytes | ASGIApp | None:
        """Answer a request that came before without waiting, or return what answers it; see `Direct`."""
        judgement = known.judgement
        if judgement is None or judgement.by is not self._mark:
            return None
        scope = {**known.scope, "client": client}
        exchange = self._exchange(scope, judgement.headers, judgement.negotiated, known, judgement)
        replying = self._reply(exchange)
        if not judgement.at_hand:
            return self._rest(exchange, replying, Stage.READING)
        try:
            waited = replying.send(None)
        except StopIteration as done:
            reply: Reply = done.value
            return in_one(reply, usual) or self._rest(exchange, _ready(reply), Stage.EXECUTING)
        except Exception as error:  # noqa: BLE001 - it is the server's to log and to answer, as for any app
            return self._rest(exchange, _failed(error), Stage.EXECUTING)
        judgement.at_hand = False
        return self._rest(exchange, Begun(replying, waited), Stage.EXECUTING)

    def _rest(self, exchange: Exchange, replying: Awaitable[Reply], stage: Stage) -> ASGIApp:
        """Return the app that sends what *replying* brings for *exchange*, which is in *stage*."""

        async def app(scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG001 - the shape of ASGI
            await self._serve(exchange, replying, receive, send, stage)

        return app

    async def _endpoint(
        self, scope: Scope, headers: Headers, known: Known | None, receive: Receive, send: Send
    ) -> None:
        negotiated = self._negotiated(headers)
        if negotiated.page and self._graphiql is not None and _asks_for_page(scope, self._ids):
            await self._graphiql(scope, receive, send)
            return
        exchange = self._exchange(scope, headers, negotiated, known)
        await self._serve(exchange, self._reply(exchange), receive, send)

    def _exchange(
        self,
        scope: Scope,
        headers: Headers,
        negotiated: Negotiated,
        known: Known | None,
        judgement: Judgement | None = None,
    ) -> Exchange:
        request_id = self._new_request_id()
        allotment = self._deadlines.allot(headers, request_id)
        return Exchange(scope, headers, negotiated, request_id, allotment, known, judgement)

    async def _serve(
        self,
        exchange: Exchange,
        replying: Awaitable[Reply],
        receive: Receive,
        send: Send,
        stage: Stage = Stage.READING,
    ) -> None:
        """Send what *replying* brings, and watch over *exchange*, which is in *stage* now, until then."""
        allotment = exchange.allotment
        watch = exchange.watch = Watch(receive, allotment.servers or allotment.deadline, self._patience)
        watch.stage = stage
        exchange.receive = receive
        self._lifecycle.in_flight.add(watch)
        try:
            reply = await (replying if exchange.known is None else _noted(exchange.known, replying))
            await deliver(reply, send, receive, watch)
        except Disconnected:
            self._notify(ExchangeStopped(exchange.request_id, Stop.CLIENT_LEFT))
        except asyncio.CancelledError:
            reason = watch.settle()
            if reason is None:
                raise
            self._notify(ExchangeStopped(exchange.request_id, reason))
        finally:
            self._lifecycle.in_flight.discard(watch)
            if watch.close():
                await watch.closed()

    def _negotiated(self, headers: Headers) -> Negotiated:
        accept = headers.text(b"accept")
        if accept is not None and len(accept) > _LONGEST_ACCEPT:
            return negotiate(accept)
        return self._negotiate(accept)

    async def _reply(self, exchange: Exchange) -> Reply:
        ingress = Ingress(
            exchange.request_id,
            exchange.allotment.deadline,
            headers=exchange.headers,
            safe_method=exchange.scope["method"] == "GET",
            arrived=exchange.allotment.arrived,
        )
        try:
            request, entry = await self._let_in(exchange, ingress)
        except Refusal as refusal:
            return await self._answering.refuse(refusal, ingress, exchange.negotiated)
        exchange.watch.enter(Stage.EXECUTING)
        if exchange.judgement is not None:
            ingress.same = exchange.known
        if entry is None:
            return await self._answer(request, ingress, exchange)
        ingress.allowance = entry
        try:
            reply = await self._answer(request, ingress, exchange)
            if not (ingress.safe_method and reply.kind.public):
                reply.headers += entry.headers()
            return reply
        finally:
            entry.leave()

    async def _let_in(self, exchange: Exchange, ingress: Ingress) -> tuple[Request, Entry | None]:
        """Return what the client asks, and its entry where something is counted; note in *ingress* who it is.

        Raises:
            Refusal: It is not let in.
        """
        judgement, arrival = exchange.judgement, None
        if not self._lets_all_in:
            arrival = self._arrival(exchange)
            await self._knock(arrival)
        if judgement is None:
            request, settled = await self._take(exchange)
        else:
            request, settled = self._take_again(exchange, judgement)
        if judgement is None or exchange.allotment.servers is not None:
            ingress.deadline = self._in_time(exchange.allotment, exchange.request_id)
        if arrival is not None:
            ingress.principal = await self._identify(arrival, exchange, ingress.deadline)
        if self._fault_header in exchange.headers.raw:
            assert self._faults is not None
            ingress.faults = self._faults.asked(exchange.headers, ingress.principal)
        if not settled:
            self._judge(exchange, request, ingress.principal)
        return request, None if arrival is None else await self._enter(arrival, ingress.principal, request)

    async def _answer(self, request: Request, ingress: Ingress, exchange: Exchange) -> Reply:
        if isinstance(request, list):
            return await self._answering.batch(request, ingress, exchange)
        reply = await self._answering.single(request, ingress, exchange)
        if exchange.judgement is None and exchange.known is not None and reply.of_query:
            self._remember(exchange)
        return reply

    def _arrival(self, exchange: Exchange) -> Arrival:
        scope = exchange.scope
        client = scope.get("client")
        peer = client[0] if client else None
        return Arrival(
            scope["method"],
            scope["path"],
            exchange.headers,
            peer,
            exchange.request_id,
            scope["query_string"],
        )

    async def _knock(self, arrival: Arrival) -> None:
        if self._admission is None:
            return
        waiting = self._admission.knock(arrival)
        if waiting is not None:
            await waiting

    async def _identify(self, arrival: Arrival, exchange: Exchange, deadline: Deadline) -> Principal:
        if self._authenticator is None:
            return ANONYMOUS
        found = self._authenticator.identify(arrival)
        if not isawaitable(found):
            return found
        await in_a_task()
        exchange.watch.enter(Stage.EXECUTING)
        try:
            async with asyncio.timeout(deadline.remaining()):
                return await found
        except TimeoutError:
            message = "The time for this request was up before it was known who is calling."
            raise Refusal(Code.DEADLINE_EXCEEDED, message) from None

    async def _enter(self, arrival: Arrival, principal: Principal, request: Request) -> Entry | None:
        if self._admission is None:
            return None
        entry = self._admission.enter(arrival, principal, request)
        return await entry if isawaitable(entry) else entry

    async def _take(self, exchange: Exchange) -> tuple[Request, bool]:
        """Return what the client asks, unless there is too much to do; and whether that has been settled."""
        door, in_flight, request_id = self._door, self._lifecycle.in_flight, exchange.request_id
        if door is None:
            return await self._intake.take(exchange), True
        unread = exchange.scope["method"] == "POST"
        known = door.before_body(exchange.headers, len(in_flight), request_id, unread=unread)
        request = await self._intake.take(exchange)
        if known is not None or door.asks_who:
            return request, known is not None
        door.after_body(request, len(in_flight), request_id)
        return request, True

    def _take_again(self, exchange: Exchange, judgement: Judgement) -> tuple[Request, bool]:
        """Do what `_take` does for a request of which all that its bytes say is known."""
        request = again(judgement.request)
        if self._door is None:
            return request, True
        if judgement.priority is None:
            return request, False
        self._door.admit(judgement.priority, self._under_way(exchange), exchange.request_id)
        return request, True

    def _judge(self, exchange: Exchange, request: Request, principal: Principal) -> None:
        """Refuse the request if there is too much to do for its client."""
        assert self._door is not None
        self._door.after_body(
            request,
            self._under_way(exchange),
            exchange.request_id,
            principal=principal,
            headers=exchange.headers,
        )

    def _under_way(self, exchange: Exchange) -> int:
        """Return how many requests are in flight, that of *exchange* included."""
        return len(self._lifecycle.in_flight) + (exchange.watch is UNWATCHED)

    def _remember(self, exchange: Exchange) -> None:
        """Note what the bytes of *exchange* say, for when they come again."""
        known = exchange.known
        request = self._intake.remembered(known.body) if known is not None else None
        if known is not None and request is not None:
            priority = self._door.priority_of(request, exchange.headers) if self._door is not None else None
            known.judgement = Judgement(self._mark, exchange.headers, exchange.negotiated, request, priority)

    def _in_time(self, allotment: Allotment, request_id: str) -> Deadline:
        deadline = self._deadlines.enforce(allotment, request_id)
        if deadline is None:
            raise Refusal(Code.DEADLINE_EXCEEDED, "The time for this request was up before it was complete.")
        return deadline


async def _noted(known: Known, replying: Awaitable[Reply]) -> Reply:
    """Return what *replying* brings, and note at *known* whether that had to be waited for."""
    if not isinstance(replying, Coroutine):
        return await replying
    try:
        waited = replying.send(None)
    except StopIteration as done:
        reply: Reply = done.value
        if known.judgement is not None:
            known.judgement.at_hand = True
        return reply
    if known.judgement is not None:
        known.judgement.at_hand = False
    return await Begun(replying, waited)


async def _ready(reply: Reply) -> Reply:
    return reply


async def _failed(error: Exception) -> Reply:
    raise error


def _asks_for_page(scope: Scope, ids: Sequence[str]) -> bool:
    return scope["method"] == "GET" and not has_parameters(scope["query_string"], ids)


async def _decline(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] != "websocket":
        raise RuntimeError(f"the endpoint speaks HTTP, not {scope['type']}")
    await receive()
    await send({"type": "websocket.close", "code": 1008})
