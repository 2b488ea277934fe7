"""Words for what does not fit, for the client and for the log (RL-13, RL-14)."""

from collections.abc import Mapping, Sequence
from random import Random
from typing import Any

from bff.admission.buckets import TOLD, Charge, Decision
from bff.admission.fields import header_fields, known, members, retry_after_ms
from bff.codes import Code
from bff.events import LimitExceeded, Notify
from bff.execution.messages import Denied
from bff.server.refusal import Refusal

_UNCOUNTED = "Limits cannot be counted at the moment, and this one must be; send it again a little later."
_UNCOUNTED_SECONDS = 2
_PLACE_MS = 1000


class Refusals:
    """Words refusals.

    Args:
        rng: For the jitter of waits.
        notify: Told of each request that did not fit.
    """

    def __init__(self, rng: Random, notify: Notify) -> None:
        self._rng = rng
        self._notify = notify

    def refusal(
        self,
        charges: Sequence[Charge],
        decision: Decision,
        request_id: str,
        policy: str,
        *,
        disclosed: bool = True,
        detailed: bool = False,
        legacy: bool = False,
        unread: bool = False,
    ) -> Refusal:
        """Return what answers a request that *decision* refused."""
        assert decision.refused is not None
        charge = charges[decision.refused]
        code, message, extensions = self._words(charge, decision, request_id, policy)
        tell = disclosed and decision.counted in TOLD
        limits = known(charges, decision.states) if tell else ()
        return Refusal(
            code,
            message,
            headers=header_fields(limits, legacy=legacy),
            unread=unread,
            extensions={**extensions, "rateLimit": members(limits)} if detailed and limits else extensions,
            detail=f"limit {charge.bucket.name} of {policy}, counted in {decision.counted}",
        )

    def denied(
        self, charge: Charge, decision: Decision, request_id: str, policy: str, *, told: Mapping[str, Any]
    ) -> Denied:
        """Return what answers an operation whose cost does not fit."""
        code, message, extensions = self._words(charge, decision._replace(refused=0), request_id, policy)
        return Denied(code, message, detail=f"cost {charge.cost:g}", **{**extensions, **told})

    def measured(self, charge: Charge, decision: Decision, request_id: str, policy: str) -> None:
        """Tell of a request that did not fit a limit which only measures."""
        self._notify(LimitExceeded(request_id, policy, charge.bucket.name, False, decision.counted))

    def no_place(self, request_id: str, policy: str, most: int, *, enforced: bool) -> Refusal:
        """Return what answers a caller who has too much under way, and tell of it."""
        self._notify(LimitExceeded(request_id, policy, "concurrency", enforced, "process"))
        return Refusal(
            Code.RATE_LIMITED,
            f"Only {most} operations may run at the same time; wait for one of them.",
            extensions={"retryAfterMs": _PLACE_MS},
            detail=f"limit concurrency of {policy}",
        )

    def _words(
        self, charge: Charge, decision: Decision, request_id: str, policy: str
    ) -> tuple[Code, str, dict[str, Any]]:
        assert decision.refused is not None
        bucket = charge.bucket
        self._notify(LimitExceeded(request_id, policy, bucket.name, True, decision.counted))
        state = decision.states[decision.refused] if decision.states else None
        if state is None:
            return Code.SERVICE_OVERLOADED, _UNCOUNTED, {"retryAfterMs": _UNCOUNTED_SECONDS * 1000}
        wait = retry_after_ms(bucket, state, self._rng)
        if wait is None:
            most = bucket.law.burst if bucket.algorithm == "gcra" else bucket.rate.amount
            message = (
                f"This asks for {charge.cost:g} at once; the limit {bucket.name!r} never allows more than {most}."
            )
            return Code.COST_LIMIT_EXCEEDED, message, {}
        message = f"Too many requests for the limit {bucket.name!r}; send it again later."
        if bucket.layer == "cost":
            message = f"The operation costs {charge.cost:g}, and {state.remaining} is left; send it again later."
        return Code.RATE_LIMITED, message, {"retryAfterMs": wait}
