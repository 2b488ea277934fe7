"""Makes no call to a service that the circuit breaker leaves alone, and tells the breaker how the others ended."""

from bff.clock import Clock
from bff.events import BreakerRefused, Notify
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.outcome import FACTS, BreakerSignal, Outcome
from bff.upstream.pipeline.call import Call, Handler
from bff.upstream.pipeline.circuit import CircuitBreaker, Permission

UNREACHED = frozenset(
    {Outcome.CONNECT, Outcome.DNS, Outcome.RESET, Outcome.READ_TIMEOUT, Outcome.GATEWAY_ERROR},
)
"""Failures that open a breaker when they come in a row (CB-3)."""

_NOT_OFFERED = frozenset({501, 505})


class Breaker:
    """The stage of one endpoint group; its `circuit` decides.

    Attributes:
        circuit: Whom it asks and tells.
        acquire: Returns the permission for a call, which `succeeded`, `failed` or `release` ends; None for none.
        succeeded: Counts a call that came back.
        release: Takes back the permission of a call that says nothing.
    """

    def __init__(
        self, circuit: CircuitBreaker, *, upstream: str, group: str, clock: Clock, notify: Notify
    ) -> None:
        self.circuit = circuit
        self._upstream = upstream
        self._group = group
        self._now = clock.now
        self.acquire = circuit.acquire
        self.succeeded = circuit.succeeded
        self.release = circuit.release
        self._notify = notify

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Pass *call* on, if the breaker permits it.

        Raises:
            UpstreamError: OPEN, with the seconds until probing and the breaker's state; nothing was sent (CB-13).
        """
        permission = self.acquire(self._now())
        if permission is None:
            raise self.refused(call)
        try:
            response = await send(call)
        except UpstreamError as error:
            self.failed(call, permission, error)
            raise
        except BaseException:
            self.release(permission)
            raise
        self.succeeded(permission, self._now(), call.seconds, call.limit)
        return response

    def failed(self, call: Call, permission: Permission, error: UpstreamError) -> None:
        """Count that *call* ended with *error*, as far as that says something about the service."""
        circuit = self.circuit
        slow = call.seconds > circuit.slow_call
        signal = signal_of(error, slow=slow)
        if signal == "neutral":
            circuit.release(permission)
            return
        unreached = error.outcome in UNREACHED
        circuit.record(permission, self._now(), failed=signal == "failure", slow=slow, unreached=unreached)

    def refused(self, call: Call) -> UpstreamError:
        """Return the error for *call*, to which there is no permission, and tell of it."""
        state = self.circuit.state
        self._notify(
            BreakerRefused(self._upstream, self._group, call.endpoint, call.request_id, state, call.number)
        )
        return UpstreamError(
            Outcome.OPEN,
            f"circuit breaker of {self._group} is {state}",
            retry_after=self.circuit.retry_after(self._now()),
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
