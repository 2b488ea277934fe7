"""Makes no call to a service that the circuit breaker leaves alone, and tells the breaker how the others ended."""

from bff.clock import Clock
from bff.events import BreakerRefused, Notify
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import FACTS, BreakerSignal, Outcome
from bff.upstream.pipeline.call import Call, Handler
from bff.upstream.pipeline.circuit import CircuitBreaker

UNREACHED = frozenset(
    {Outcome.CONNECT, Outcome.DNS, Outcome.RESET, Outcome.READ_TIMEOUT, Outcome.GATEWAY_ERROR},
)
"""Failures that open a breaker when they come in a row (CB-3)."""

_NOT_OFFERED = frozenset({501, 505})


class Breaker:
    """The stage of one endpoint group; its `circuit` decides."""

    def __init__(
        self, circuit: CircuitBreaker, *, upstream: str, group: str, clock: Clock, notify: Notify
    ) -> None:
        self.circuit = circuit
        self._upstream = upstream
        self._group = group
        self._clock = clock
        self._notify = notify

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Pass *call* on, if the breaker permits it.

        Raises:
            UpstreamError: OPEN, with the seconds until probing and the breaker's state; nothing was sent (CB-13).
        """
        circuit = self.circuit
        permission = circuit.acquire(self._clock.now())
        if permission is None:
            raise self._refused(call)
        try:
            response = await send(call)
        except UpstreamError as error:
            slow = call.seconds > circuit.slow_call
            signal = signal_of(error, slow=slow)
            if signal == "neutral":
                circuit.release(permission)
            else:
                unreached = error.outcome in UNREACHED
                failed = signal == "failure"
                circuit.record(permission, self._clock.now(), failed=failed, slow=slow, unreached=unreached)
            raise
        except BaseException:
            circuit.release(permission)
            raise
        # An answer that came later than the attempt's timer was held up by a stall of ours (fault 31).
        slow = circuit.slow_call < call.seconds <= call.limit
        circuit.record(permission, self._clock.now(), failed=False, slow=slow, unreached=False)
        return response

    def _refused(self, call: Call) -> UpstreamError:
        state = self.circuit.state
        self._notify(
            BreakerRefused(self._upstream, self._group, call.endpoint, call.request_id, state, call.number)
        )
        return UpstreamError(
            Outcome.OPEN,
            f"circuit breaker of {self._group} is {state}",
            retry_after=self.circuit.retry_after(self._clock.now()),
            state=state,
        )


def signal_of(error: UpstreamError, *, slow: bool) -> BreakerSignal:
    """Return what *error* says about the service's health (table 4.1, CB-9).

    Args:
        error: How the attempt ended.
        slow: Whether it took longer than a slow call; a deadline of ours that ended it earlier blames nobody.
    """
    if error.outcome is Outcome.READ_TIMEOUT and error.phase in {"operation", "call"} and not slow:
        return "neutral"
    if error.outcome is Outcome.AUTH and error.sent is False:
        return "neutral"
    if error.status in _NOT_OFFERED:
        return "success"
    return FACTS[error.outcome].breaker
