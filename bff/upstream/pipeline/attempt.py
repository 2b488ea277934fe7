"""One try: within its time, with the deadline told to the service, ended by exactly one outcome class."""

import asyncio
from contextlib import suppress
from email.utils import parsedate_to_datetime

from bff.clock import Clock
from bff.events import AttemptFinished, Notify
from bff.upstream.errors import Phase, UpstreamError
from bff.upstream.message import Request, Response
from bff.upstream.outcome import Outcome, classify
from bff.upstream.pipeline.call import Call
from bff.upstream.transport import Transport

_KEPT_BODY = 16_384  # enough for every refusal that an application reads, such as problem+json


class Attempt:
    """Sends a call once; the innermost stage.

    Args:
        transport: Sends the request.
        timeout: Longest try, in seconds, from connecting to the last byte.
        clock: Tells the time.
        notify: Told of each try's end.
    """

    def __init__(self, transport: Transport, timeout: float, *, clock: Clock, notify: Notify) -> None:
        self._transport = transport
        self._timeout = timeout
        self._clock = clock
        self._notify = notify

    async def __call__(self, call: Call) -> Response:
        """Return the response to *call*, if its status says that it is one to use.

        Raises:
            UpstreamError: Anything else, with its outcome.
        """
        started = self._clock.now()
        outcome, status = Outcome.CANCELLED, None
        try:
            response = await self._send(call, call.deadline - started)
            status = response.status
            outcome = classify(status, retry_after="retry-after" in response.headers)
            self._require_ok(outcome, response)
        except UpstreamError as error:
            outcome = error.outcome
            raise
        except Exception as error:
            outcome = Outcome.LOCAL_BUG
            raise UpstreamError(outcome, f"our fault: {type(error).__name__}: {error}") from error
        else:
            return response
        finally:
            seconds = self._clock.now() - started
            self._notify(
                AttemptFinished(
                    call.upstream, call.endpoint, str(call.origin), outcome, seconds, status, call.request_id
                )
            )

    async def _send(self, call: Call, left: float) -> Response:
        limit = min(self._timeout, left)
        phase: Phase = "attempt" if self._timeout < left else call.limited_by
        request = self._request(call, limit)
        try:
            async with asyncio.timeout(limit):
                return await self._transport.send(request)
        except TimeoutError as error:
            raise self._timed_out(limit, phase) from error

    def _request(self, call: Call, limit: float) -> Request:
        assert call.origin is not None
        headers = dict(call.headers)
        headers["x-request-timeout-ms"] = str(int(limit * 1000))
        headers["x-attempt-count"] = str(call.attempt)
        return Request(call.method, call.origin, call.prefix + call.target, headers, call.body)

    @staticmethod
    def _timed_out(limit: float, phase: Phase) -> UpstreamError:
        return UpstreamError(Outcome.READ_TIMEOUT, f"no whole answer within {limit * 1000:.0f} ms", phase=phase)

    def _require_ok(self, outcome: Outcome, response: Response) -> None:
        if outcome is Outcome.OK:
            return
        raise UpstreamError(
            outcome,
            f"status {response.status}",
            status=response.status,
            retry_after=retry_after(response, self._clock.wall()),
            body=response.body[:_KEPT_BODY],
        )


def retry_after(response: Response, now: float) -> float | None:
    """Return the seconds that `Retry-After` asks for, None where it says nothing usable (RT-6).

    Args:
        response: A date in it counts from the response's own `Date`, so that clocks need not agree.
        now: Seconds since the epoch, used where the response has no `Date`.
    """
    value = response.headers.get("retry-after", "").strip()
    if value.isascii() and value.isdigit():
        return float(value)
    try:
        until = parsedate_to_datetime(value).timestamp()
    except (TypeError, ValueError):
        return None
    with suppress(TypeError, ValueError):
        now = parsedate_to_datetime(response.headers.get("date", "")).timestamp()
    return max(until - now, 0.0)
