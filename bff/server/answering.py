"""From a request that was let in to a reply: asks the engine, and answers for it when it cannot."""

import asyncio
from typing import Final

from bff.codes import Code
from bff.execution.messages import Answer, GraphQLRequest, Ingress
from bff.policy.model import OperationsPolicy
from bff.server.body import Disconnected
from bff.server.encoding import encode
from bff.server.intake import Exchange
from bff.server.negotiation import JSON, Negotiated
from bff.server.ports import Engine
from bff.server.refusal import Refusal
from bff.server.replies import Replies, Reply
from bff.server.statuses import is_automatic
from bff.server.watch import Stop, Unwatched, Watch

_FAULT: Final = "Internal server error"


class Answering:
    """Turns what *engine* says into replies by *policy*, and failures of ours into answers."""

    def __init__(self, engine: Engine, policy: OperationsPolicy) -> None:
        self._engine = engine
        self._mode = policy.request_error_status
        self._replies = Replies(policy)

    async def single(self, request: GraphQLRequest, ingress: Ingress, exchange: Exchange) -> Reply:
        """Return the reply to one operation.

        Raises:
            Disconnected: The client has left, so that there is nobody to answer.
        """
        try:
            answer = await self._execute(request, ingress)
        except asyncio.CancelledError:
            answer = self._ended(ingress, exchange.watch)
        else:
            _check_left(exchange.watch)
        pieces, answer = await self._encode(answer, ingress)
        negotiated, status = exchange.negotiated, None
        if answer.refused is not None and negotiated.takes_json and is_automatic(answer.refused, request):
            negotiated, status = negotiated._replace(label=JSON), 200
        return self._replies.single(
            answer,
            negotiated,
            ingress.request_id,
            pieces,
            status=status,
            known=exchange.headers.text(b"if-none-match") if ingress.safe_method else None,
            safe=ingress.safe_method,
        )

    async def batch(self, requests: list[GraphQLRequest], ingress: Ingress, exchange: Exchange) -> Reply:
        """Return the reply to several operations, which run at the same time.

        Raises:
            Disconnected: As for `single`.
        """
        try:
            answers = await asyncio.gather(*(self._execute(request, ingress) for request in requests))
        except asyncio.CancelledError:
            answers = [self._ended(ingress, exchange.watch)] * len(requests)
        encoded = [await self._encode(answer, ingress) for answer in answers]
        pieces = [b"[" + b",".join([b"".join(parts) for parts, _ in encoded]) + b"]"]
        return self._replies.batch([answer for _, answer in encoded], ingress.request_id, pieces)

    async def refuse(self, refusal: Refusal, ingress: Ingress, negotiated: Negotiated) -> Reply:
        """Return the reply to a request that is not let in."""
        wait = refusal.retry_after
        extensions = {**({} if wait is None else {"retryAfterMs": wait * 1000}), **refusal.extensions}
        answer = self._engine.refuse(refusal.code, refusal.message, ingress, detail=refusal.detail, **extensions)
        status = refusal.statuses.of(self._mode)
        pieces = await encode(answer.body)
        reply = self._replies.single(
            answer, negotiated, ingress.request_id, pieces, status=status, fields=refusal.headers
        )
        if refusal.unread:
            reply.headers.append((b"connection", b"close"))
            reply.linger = True
        return reply

    async def _execute(self, request: GraphQLRequest, ingress: Ingress) -> Answer:
        try:
            return await self._engine.execute(request, ingress)
        except Exception as error:  # noqa: BLE001 - the last place where a fault of ours can become an answer
            return self._engine.refuse(Code.INTERNAL_SERVER_ERROR, _FAULT, ingress, detail=repr(error))

    def _ended(self, ingress: Ingress, watch: Watch | Unwatched) -> Answer:
        """Return the answer to an operation that was cancelled; raise where there is nobody to answer."""
        if watch.stopped is None and not _is_being_cancelled():
            detail = "a cancellation escaped from the operation (PD-14)"
            return self._engine.refuse(Code.INTERNAL_SERVER_ERROR, _FAULT, ingress, detail=detail)
        reason = watch.settle()
        if reason is None:
            raise asyncio.CancelledError
        if reason is Stop.CLIENT_LEFT:
            raise Disconnected
        if reason is Stop.SHUTDOWN:
            return self._engine.refuse(Code.SHUTTING_DOWN, "This process is stopping; send it again.", ingress)
        return self._engine.refuse(Code.DEADLINE_EXCEEDED, "The time for this operation was up.", ingress)

    async def _encode(self, answer: Answer, ingress: Ingress) -> tuple[list[bytes], Answer]:
        if answer.pieces is not None:
            return answer.pieces, answer
        try:
            answer.pieces = await encode(answer.body)
        except (TypeError, ValueError) as error:
            detail = f"the answer is not JSON: {error}"
            fault = self._engine.refuse(Code.INTERNAL_SERVER_ERROR, _FAULT, ingress, detail=detail)
            return await encode(fault.body), fault
        return answer.pieces, answer


def _is_being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _check_left(watch: Watch | Unwatched) -> None:
    """Drop an answer that was finished in spite of its cancellation, where nobody waits for it (DL-9)."""
    if watch.stopped is None:
        return
    reason = watch.settle()
    if reason is None:
        raise asyncio.CancelledError
    if reason is Stop.CLIENT_LEFT:
        raise Disconnected
