"""One try: within its time, with the deadline told to the service, ended by exactly one outcome class."""

from bff.clock import Clock
from bff.events import AttemptFinished, Notify
from bff.upstream.errors import Phase, UpstreamError
from bff.upstream.message import Request, Response
from bff.upstream.outcome import Outcome, classify
from bff.upstream.pipeline.call import Call
from bff.upstream.pipeline.throttling import asked_wait
from bff.upstream.transport import Prompt, Transport
from bff.upstream.transport.patience import FairTimeout

_KEPT_BODY = 16_384  # enough for every refusal that an application reads, such as problem+json
_USUAL = 200
_NOT_MODIFIED = 304
_OK = Outcome.OK


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
        self._begin = transport.begin if isinstance(transport, Prompt) else None
        self._timeout = timeout
        self._group = group
        self._clock = clock
        self._now = clock.now
        self._notify = notify

    async def __call__(self, call: Call) -> Response:
        """Return the response to *call*, if its status and its payload can be used.

        Raises:
            UpstreamError: Anything else, with its outcome.
        """
        now = self._now
        started = now()
        outcome, status = Outcome.CANCELLED, None
        if call.fanout is not None:
            call.fanout.count(call)
        timeout, left = self._timeout, call.deadline - started
        limit = call.limit = left if left < timeout else timeout
        try:
            request = _request(call, limit)
            begun = self._begin(request, limit) if self._begin is not None and call.injection is None else None
            try:
                response = await (self._sent(call, request, limit) if begun is None else begun[1])
            except TimeoutError as error:
                raise self._timed_out(limit, "attempt" if timeout < left else call.limited_by) from error
            except BaseException:
                if begun is not None:
                    begun[0].abandon(begun[1])
                raise
            call.seconds = now() - started
            status = response.status
            outcome = _OK if status == _USUAL else classify(status, retry_after="retry-after" in response.headers)
            if outcome is not _OK:
                raise self._refused(outcome, response)  # noqa: TRY301 - most are not, and need no further call
            if call.decode is not None and status != _NOT_MODIFIED:
                call.value = call.decode(response)
        except UpstreamError as error:
            outcome = error.outcome
            if outcome is Outcome.REFUSED and call.refused_once:
                outcome = error.outcome = Outcome.GATEWAY_ERROR
            if status is None:
                status = error.status
                call.seconds = now() - started
            raise
        except Exception as error:
            outcome = Outcome.LOCAL_BUG
            raise UpstreamError(outcome, f"our fault: {type(error).__name__}: {error}") from error
        else:
            return response
        finally:
            self._notify(
                AttemptFinished(
                    call.upstream,
                    call.endpoint,
                    call.origin,
                    outcome,
                    now() - started,
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

    @staticmethod
    def _timed_out(limit: float, phase: Phase) -> UpstreamError:
        return UpstreamError(Outcome.READ_TIMEOUT, f"no whole answer within {limit * 1000:.0f} ms", phase=phase)

    def _refused(self, outcome: Outcome, response: Response) -> UpstreamError:
        return UpstreamError(
            outcome,
            f"status {response.status}",
            status=response.status,
            retry_after=asked_wait(response.headers, self._clock.wall()),
            body=response.body[:_KEPT_BODY],
        )


def _request(call: Call, limit: float) -> Request:
    assert call.origin is not None
    headers = call.headers.copy()
    headers["x-request-timeout-ms"] = str(int(limit * 1000))
    headers["x-attempt-count"] = str(call.attempt)
    target = call.prefix + call.target if call.prefix else call.target
    return Request(call.method, call.origin, target, headers, call.body)
