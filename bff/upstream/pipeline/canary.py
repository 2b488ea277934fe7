"""Sends a share of an upstream's calls to other hosts, until these do worse than its own."""

from random import Random
from typing import TYPE_CHECKING, Literal
from zlib import crc32

from bff.clock import Clock
from bff.events import CanaryCalled, CanaryStopped, Notify
from bff.policy.experiments import Canary as CanaryPolicy
from bff.upstream.errors import UpstreamError
from bff.upstream.message import Response
from bff.upstream.pipeline.breaker import signal_of
from bff.upstream.pipeline.call import Call, Handler
from bff.upstream.pipeline.window import Window

if TYPE_CHECKING:
    from bff.context import Principal

_BUCKETS = 2**32

Arm = Literal["canary", "stable"]


class Trial:
    """Who goes to the canary, and for how long it may be tried; decisions without socket.

    Args:
        policy: Share, stickiness, and when to stop.
        rng: Draws where nobody sticks.

    Attributes:
        stopped: Whether it gets no more calls, because it did worse.
    """

    def __init__(self, policy: CanaryPolicy, rng: Random) -> None:
        self._policy = policy
        self._rng = rng
        seconds = policy.window.total_seconds()
        self._windows: dict[Arm, Window] = {"canary": Window(seconds), "stable": Window(seconds)}
        self.stopped = False

    def takes(self, principal: "Principal | None") -> bool:
        """Return whether a call of *principal* goes to the canary."""
        if self.stopped:
            return False
        policy = self._policy
        if policy.sticky == "principal" and principal is not None and principal.subject:
            # Not hash(), which differs from process to process.
            bucket = crc32(f"{principal.issuer}\0{principal.subject}".encode())
            return bucket < policy.share * _BUCKETS
        return self._rng.random() < policy.share

    def record(self, arm: Arm, now: float, *, failed: bool) -> bool:
        """Count one attempt at *arm*; return whether the canary has just been stopped for it."""
        self._windows[arm].add(now, failed=failed)
        if arm == "stable" or not failed or self.stopped:
            return False
        canary, stable = self._windows["canary"], self._windows["stable"]
        stable.roll(now)
        if canary.calls < self._policy.min_calls:
            return False
        self.stopped = share(canary) > share(stable) + self._policy.margin
        return self.stopped

    def counts(self, arm: Arm, now: float) -> tuple[int, float]:
        """Return the attempts at *arm* within the window, and the share of them that failed."""
        window = self._windows[arm]
        window.roll(now)
        return window.calls, share(window)


def share(window: Window) -> float:
    """Return the share of failures in *window*, 0 where it is empty."""
    return window.failures / window.calls if window.calls else 0.0


class Canary:
    """Sends first attempts to the canary where its trial says so; repetitions and hedges never.

    Args:
        trial: Decides.
        other: The way to the other hosts.
        clock: Tells the time.
        notify: Told of each attempt, and of the end.
    """

    def __init__(self, trial: Trial, other: Handler, *, clock: Clock, notify: Notify) -> None:
        self._trial = trial
        self._other = other
        self._clock = clock
        self._notify = notify

    async def __call__(self, call: Call, send: Handler) -> Response:
        """Pass *call* on to one of the two; to the own hosts too where the canary has not sent it.

        Raises:
            UpstreamError: What the hosts did that it was sent to.
        """
        if call.attempt == 1 and self._trial.takes(call.principal):
            try:
                return await self._send("canary", call, self._other)
            except UpstreamError as error:
                if error.sent is not False:
                    raise
            call.origin, call.prefix = None, ""
        return await self._send("stable", call, send)

    async def _send(self, arm: Arm, call: Call, send: Handler) -> Response:
        try:
            response = await send(call)
        except UpstreamError as error:
            self._record(arm, call, failed=signal_of(error, slow=False) == "failure", unsent=error.sent is False)
            raise
        self._record(arm, call, failed=False)
        return response

    def _record(self, arm: Arm, call: Call, *, failed: bool, unsent: bool = False) -> None:
        self._notify(CanaryCalled(call.upstream, arm, failed, fell_back=unsent and arm == "canary"))
        now = self._clock.now()
        if not self._trial.record(arm, now, failed=failed):
            return
        calls, failures = self._trial.counts("canary", now)
        _, usual = self._trial.counts("stable", now)
        self._notify(CanaryStopped(call.upstream, failures, usual, calls))
