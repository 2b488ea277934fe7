"""What one request that was let in may still spend, and what it is told (RL-9 to RL-16)."""

from collections.abc import Mapping, Sequence
from inspect import isawaitable
from typing import Any

from bff.admission.buckets import TOLD, Bucket, Charge, Decision, Limiter, State
from bff.admission.concurrency import Leave
from bff.admission.fields import header_fields, known, members
from bff.admission.refusals import Refusals
from bff.server.refusal import HeaderList


class Entry:
    """One request that was let in; see `bff.server.ports.Entry`.

    Args:
        limiter: Counts.
        refusals: Words what does not fit.
        request_id: Names the request in logs.
        policy: Whose limits these are.
        charges: What was taken when it came.
        decision: What became of that.
        cost: The bucket of cost and the caller's key in it; None where cost is not counted.
        leave: Gives its place back; None where places are not counted.
        fields: Header fields about the version of its app.
        client: Members of `extensions.client`.
        disclosed: Whether limits are told.
        detailed: Whether they are told in `extensions` too.
        priced: Whether what is left for cost is told in `extensions.cost`.
        legacy: Whether they are told by the old names as well.
    """

    __slots__ = (
        "_charged",
        "_charges",
        "_client",
        "_cost",
        "_counted",
        "_detailed",
        "_disclosed",
        "_fields",
        "_leave",
        "_legacy",
        "_limiter",
        "_policy",
        "_priced",
        "_refusals",
        "_request_id",
        "_spent",
        "_spent_in",
        "_states",
    )

    def __init__(
        self,
        limiter: Limiter,
        refusals: Refusals,
        *,
        request_id: str,
        policy: str,
        charges: Sequence[Charge],
        decision: Decision,
        cost: tuple[Bucket, str] | None,
        leave: Leave | None,
        fields: HeaderList = (),
        client: Mapping[str, Any] | None = None,
        disclosed: bool = True,
        detailed: bool = False,
        priced: bool = False,
        legacy: bool = False,
    ) -> None:
        self._limiter = limiter
        self._refusals = refusals
        self._request_id = request_id
        self._policy = policy
        self._charges = charges
        self._states = decision.states
        self._counted = decision.counted
        self._cost = cost
        self._leave = leave
        self._fields = fields
        self._client = client
        self._disclosed = disclosed
        self._detailed = detailed
        self._priced = priced
        self._legacy = legacy
        self._charged = 0.0
        self._spent: State | None = None
        self._spent_in = decision.counted

    async def charge(self, cost: float) -> None:
        """Take *cost*; 0 looks.

        Raises:
            Denied: There is not so much now (RATE_LIMITED), or never (COST_LIMIT_EXCEEDED).
            ValueError: *cost* is negative or no number.
        """
        if self._cost is None:
            return
        bucket, key = self._cost
        charge = Charge(bucket, key, cost)
        found = self._limiter.take((charge,))
        decision = await found if isawaitable(found) else found
        self._counted = self._spent_in = decision.counted
        self._spent = decision.states[0] if decision.states else None
        if decision.refused is not None:
            raise self._refusals.denied(charge, decision, self._request_id, self._policy, told=self.report())
        if self._spent is not None and self._spent.over:
            self._refusals.measured(charge, decision, self._request_id, self._policy)
        else:
            self._charged += cost

    async def refund(self, unused: float) -> None:
        """Give back *unused*, at most what was charged; never fails."""
        amount = min(unused, self._charged)
        if self._cost is None or not amount > 0:
            return
        self._charged -= amount
        bucket, key = self._cost
        given = self._limiter.give_back((Charge(bucket, key, amount),), self._spent_in)
        if given is not None:
            await given
        if self._spent is not None:
            debt = max(0, self._spent.reset - bucket.law.price(amount))
            self._spent = State(over=False, remaining=bucket.law.remaining(debt), reset=debt)

    def report(self) -> Mapping[str, Any]:
        """Return `rateLimit` and `cost` where asked and disclosed, and `client` where its app grows old."""
        told: dict[str, Any] = {}
        if self._detailed and self._disclosed and self._counted in TOLD and (limits := self._known()):
            told["rateLimit"] = members(limits)
        if self._client:
            told["client"] = self._client
        if self._priced and (budget := self._budget()):
            told["cost"] = budget
        return told

    def _budget(self) -> Mapping[str, float]:
        """Return what is left for cost, and what comes back per second (RL-12); empty where not disclosed."""
        if self._cost is None or self._spent is None or not self._disclosed or self._counted not in TOLD:
            return {}
        rate = self._cost[0].rate
        return {
            "maximumAvailable": self._cost[0].law.burst,
            "currentlyAvailable": self._spent.remaining,
            "restoreRate": rate.amount / rate.get_expiry(),
        }

    def headers(self) -> HeaderList:
        """Return header fields for the answer."""
        if not self._disclosed or self._counted not in TOLD:
            return self._fields
        return (*self._fields, *header_fields(self._known(), legacy=self._legacy))

    def leave(self) -> None:
        """Give the place back; once."""
        leave, self._leave = self._leave, None
        if leave is not None:
            leave()

    def _known(self) -> list[tuple[Bucket, State]]:
        limits = list(known(self._charges, self._states))
        if self._cost is not None and self._spent is not None:
            limits.append((self._cost[0], self._spent))
        return limits
