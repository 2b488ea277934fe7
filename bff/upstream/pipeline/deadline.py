"""A call never outlives its operation, and never its policy's total (DL-3, DL-4)."""

from collections.abc import Awaitable

from bff.clock import Clock
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.call import Call, Handler


class Deadline:
    """Narrows the call's deadline to what policy allows, and refuses calls that have no time left.

    Args:
        total: Longest call, in seconds.
        reserve: Kept of the operation's time for putting the answer together, in seconds.
        min_attempt_time: Less than this is not worth a try, in seconds.
        clock: Tells the time.
    """

    def __init__(self, total: float, *, reserve: float, min_attempt_time: float, clock: Clock) -> None:
        self._total = total
        self._reserve = reserve
        self._least = min_attempt_time
        self._now = clock.now

    def __call__(self, call: Call, send: Handler) -> Awaitable[Response]:
        """Pass *call* on with its deadline set; there is nothing to do when it comes back.

        Raises:
            UpstreamError: Less than the least useful time is left; nothing was sent.
        """
        now, total = self._now(), self._total
        left = call.deadline - self._reserve - now
        if left < self._least:
            raise UpstreamError(
                Outcome.READ_TIMEOUT,
                f"{max(left, 0) * 1000:.0f} ms left of the operation, nothing sent",
                phase="operation",
                sent=False,
            )
        if left > total:
            call.limited_by, left = "call", total
        else:
            call.limited_by = "operation"
        call.deadline = now + left
        return send(call)
