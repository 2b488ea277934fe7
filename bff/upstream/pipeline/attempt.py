"""One try: within its time, with the deadline told to the service, ended by exactly one outcome class."""

from bff.clock import Clock
from bff.events import AttemptFinished, Notify
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Request, Response
from bff.upstream.outcome import Outcome, classify
from bff.upstream.pipeline.call import Call
from bff.upstream.pipeline.throttling import asked_wait
from bff.upstream.transport import Prompt, Transport
from bff.upstream.transport.patience import FairTimeout

_KEPT_BODY = 16_384  # enough for every refusal that an application reads, such as problem+json
_USUAL = 200
_NOT_MODIFIED = 304


class Attempt:
    """Sends a call once; the innermost stage.

    Args:
        transport: Sends the request.
        timeout: Longest try, in seconds, from connecting to the last byte.
        group: The endpoint group, for events.
        clock: Tells the time.
        notify: Told of each try's end.
    """

    def __init__(
        self, transport: Transport, timeout: float, *, group: str = "", clock: Clock, notify: Notify
    ) -> None:
        self._transport = transport
        self._begin = transport.begin if isinstance(transport, Prompt) else _never
        self._timeout = timeout
        self._group = group
        self._now = clock.now
        self._wall = clock.wall
        self._notify = notify

    async def __call__(self, call: Call) -> Response:
        """Return the response to *call*, if its status and its payload can be used.

        Raises:
            UpstreamError: Anything else, with its outcome.
        """
        started = self._now()
        if call.fanout is not None:
            call.fanout.count(call)
        left = call.deadline - started
        limit = call.limit = min(self._timeout, left)
        outcome, status = Outcome.CANCELLED, None
        try:
            request = _request(call, limit)
            begun = self._begin(request, limit) if call.injection is None else None
            if begun is None:
                response = await self._sent(call, request, limit)
            else:
                exchange, answer = begun
                try:
                    response = await answer
                except BaseException:
                    exchange.abandon(answer)
                    raise
            call.seconds = self._now() - started
            status = response.status
            self._accept(call, response)
            outcome = Outcome.OK
        except Exception as error:
            failure = self._failure(call, error, limit, left, answered=status is not None)
            outcome = failure.outcome
            if status is None:
                status, call.seconds = failure.status, self._now() - started
            if failure is error:
                raise
            raise failure from error
        else:
            return response
        finally:
            self._notify(
                AttemptFinished(
                    call.upstream,
                    call.endpoint,
                    call.origin,
                    outcome,
                    self._now() - started,
                    status,
                    call.request_id,
                    call.attempt,
                    self._group,
                    call.number,
                )
            )

    async def _sent(self, call: Call, request: Request, limit: float) -> Response:
        """Return the response to *request*, which may have to wait for something before it is sent."""
        with FairTimeout(limit):
            if call.injection is not None:
                await call.injection.strike(call)
            return await self._transport.send(request)

    def _accept(self, call: Call, response: Response) -> None:
        """Read *response*, if it can be used."""
        status = response.status
        if status != _USUAL:
            outcome = classify(status, retry_after="retry-after" in response.headers)
            if outcome is not Outcome.OK:
                raise UpstreamError(
                    outcome,
                    f"status {status}",
                    status=status,
                    retry_after=asked_wait(response.headers, self._wall()),
                    body=response.body[:_KEPT_BODY],
                )
        if call.decode is not None and status != _NOT_MODIFIED:
            call.value = call.decode(response)

    def _failure(
        self, call: Call, error: Exception, limit: float, left: float, *, answered: bool
    ) -> UpstreamError:
        """Return what *error* is to all that is above."""
        if isinstance(error, UpstreamError):
            if error.outcome is Outcome.REFUSED and call.refused_once:
                error.outcome = Outcome.GATEWAY_ERROR
            return error
        if isinstance(error, TimeoutError) and not answered:
            return UpstreamError(
                Outcome.READ_TIMEOUT,
                f"no whole answer within {limit * 1000:.0f} ms",
                phase="attempt" if self._timeout < left else call.limited_by,
            )
        return UpstreamError(Outcome.LOCAL_BUG, f"our fault: {type(error).__name__}: {error}")


def _request(call: Call, limit: float) -> Request:
    origin = call.origin
    assert origin is not None
    headers = {
        **call.headers,
        "x-request-timeout-ms": f"{int(limit * 1000)}",
        "x-attempt-count": f"{call.attempt}",
    }
    return Request(call.method, origin, call.prefix + call.target, headers, call.body)


def _never(request: Request, seconds: float) -> None:
    """Begin nothing, for the transport cannot do so at once."""
