"""Leaves a host alone that asked for silence (RT-6, CB-8)."""

from bff.clock import Clock
from bff.events import GateClosed, GateOpened, Notify
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Origin, Response
from bff.upstream.outcome import Outcome
from bff.upstream.pipeline.call import Call, Handler
from bff.upstream.pipeline.throttling import Gate as HostGate


class Gate:
    """The stage of one endpoint group; it has one gate for each host.

    Args:
        longest: Longest silence, in seconds.
        window: How far back throttled calls count, in seconds.
        upstream: Names it in events, together with *group*.
        group: The endpoint group.
        clock: Tells the time.
        notify: Told when a gate closes or opens.
    """

    def __init__(
        self, *, longest: float, window: float, upstream: str, group: str, clock: Clock, notify: Notify
    ) -> None:
        self._longest = longest
        self._window = window
        self._names = (upstream, group)
        self._now = clock.now
        self._notify = notify
        self._gates: dict[Origin | None, HostGate] = {}

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Pass *call* on, if its host may be called.

        Raises:
            UpstreamError: THROTTLED without sending, with the seconds that are left.
        """
        gate = self.of(call)
        try:
            response = await send(call)
        except UpstreamError as error:
            self.failed(gate, call, error)
            raise
        if gate.succeeded(self._now()):
            self.opened(call)
        return response

    def of(self, call: Call) -> HostGate:
        """Return the gate of the host of *call*, which is open.

        Raises:
            UpstreamError: THROTTLED; it is not.
        """
        gate = self._gates.get(call.origin)
        if gate is None:
            gate = self._gates[call.origin] = HostGate(longest=self._longest, window=self._window)
        if gate.until:
            self._require_open(gate, call)
        return gate

    def opened(self, call: Call) -> None:
        """Tell that the gate of the host of *call* opened because it came back."""
        self._notify(GateOpened(*self._names, _origin(call), "success"))

    def failed(self, gate: HostGate, call: Call, error: UpstreamError) -> None:
        """Count that *call* ended with *error*, and close *gate* if the host asks for that."""
        if error.sent is False:
            return
        now = self._now()
        if error.outcome is not Outcome.THROTTLED:
            gate.failed(now)
        elif gate.throttled(now, error.retry_after):
            self._notify(
                GateClosed(
                    *self._names,
                    _origin(call),
                    gate.left(now),
                    "retry_after" if error.retry_after else "throttled_share",
                )
            )

    def _require_open(self, gate: HostGate, call: Call) -> None:
        left = gate.left(self._now())
        if left > 0:
            raise UpstreamError(
                Outcome.THROTTLED,
                f"{call.origin} asked not to be called for another {left:.1f} s",
                sent=False,
                retry_after=left,
            )
        gate.open()
        self._notify(GateOpened(*self._names, _origin(call), "time"))


def _origin(call: Call) -> Origin:
    assert call.origin is not None
    return call.origin
