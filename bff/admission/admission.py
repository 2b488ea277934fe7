"""Who may run something now (`bff.server.ports.Admission`): the layers of RL-8, one after the other."""

from collections.abc import Awaitable, Sequence
from inspect import isawaitable
from typing import Any, Final, NamedTuple

from bff.admission.addresses import Addresses
from bff.admission.buckets import Bucket, Charge, Decision, Limiter
from bff.admission.charges import Charges, Request
from bff.admission.clients import Clients, Seen
from bff.admission.concurrency import Leave, Places
from bff.admission.entry import Entry
from bff.admission.refusals import Refusals
from bff.admission.usage import Usage
from bff.codes import Code
from bff.context import Principal
from bff.events import ClientRefused, Notify
from bff.policy.clients import ClientDefaults
from bff.server.ports import Arrival
from bff.server.refusal import HeaderList, Refusal

ASKS: Final = b"x-bff-ratelimit"
"""A request with this header gets the figures in `extensions.rateLimit` as well."""

ASKS_COST: Final = b"x-bff-cost"
"""A request with this header gets what is left for cost in `extensions.cost` (RL-12)."""

_NOTHING: Final = Decision((), None, "process")


class _Visit(NamedTuple):
    """One request on its way in: who sends it, whose buckets it draws on, and what it is told of its version."""

    request_id: str
    seen: Seen
    caller: str
    charges: Sequence[Charge]
    fields: HeaderList
    client: dict[str, Any]
    disclosed: bool
    detailed: bool
    priced: bool


class Admission:
    """Judges addresses, versions, limits and places.

    Args:
        addresses: Finds the client's address.
        clients: Knows clients and their limits; None where nothing is limited.
        defaults: What is told to whom.
        address: The limit of one address.
        limiter: Counts.
        places: Hands out places in this process.
        shared_places: Hands out places among all processes; `places` again where nothing is shared.
        refusals: Words what does not fit.
        usage: Counts who came.
        notify: Told of refused addresses and versions.
    """

    def __init__(
        self,
        addresses: Addresses,
        clients: Clients | None,
        defaults: ClientDefaults,
        *,
        address: Bucket | None,
        limiter: Limiter,
        places: Places,
        shared_places: Places,
        refusals: Refusals,
        usage: Usage,
        notify: Notify,
    ) -> None:
        self._addresses = addresses
        self._clients = clients
        self._disclose = defaults.disclose
        self._legacy = defaults.legacy_headers
        self._detailed = self._priced = defaults.extensions == "always"
        self._address = address
        self._limiter = limiter
        self._places = places
        self._shared_places = shared_places
        self._refusals = refusals
        self._usage = usage
        self._notify = notify
        self._charges = Charges(addresses)

    def knock(self, arrival: Arrival) -> Awaitable[None] | None:
        """Judge by the address alone, before the body is read.

        Raises:
            Refusal: That address is not served, or asks too often.
        """
        key, served = self._addresses.of(arrival.peer, arrival.headers)
        if not served:
            self._notify(ClientRefused(arrival.request_id, "address", key))
            unread = arrival.method == "POST"
            raise Refusal(Code.FORBIDDEN, "This address is not served here.", unread=unread, detail=key)
        bucket = self._address
        if bucket is None:
            return None
        charges = (Charge(bucket, bucket.prefix + key),)
        found = self._limiter.take(charges)
        if isinstance(found, Decision):
            self._knocked(arrival, charges, found)
            return None
        return self._knocking(arrival, charges, found)

    async def _knocking(self, arrival: Arrival, charges: Sequence[Charge], found: Awaitable[Decision]) -> None:
        self._knocked(arrival, charges, await found)

    def _knocked(self, arrival: Arrival, charges: Sequence[Charge], decision: Decision) -> None:
        if decision.refused is not None:
            disclosed = self._disclose == "everybody"
            unread = arrival.method == "POST"
            raise self._refusals.refusal(
                charges,
                decision,
                arrival.request_id,
                "default",
                disclosed=disclosed,
                legacy=self._legacy,
                unread=unread,
            )
        self._measure(charges, decision, arrival.request_id, "default")

    def enter(self, arrival: Arrival, principal: Principal, request: Request) -> Entry | None | Awaitable[Entry]:
        """Let a request in; None where nothing is limited.

        Raises:
            Refusal: Too often, too many at once, too old a client.
        """
        if self._clients is None:
            return None
        seen = self._clients.seen(principal, arrival.headers)
        self._usage.came(seen.name, seen.version)
        fields, client = self._versions(seen, arrival)
        caller = self._charges.caller(arrival, principal)
        charges = self._charges.of(seen, principal, caller, request)
        visit = _Visit(
            arrival.request_id,
            seen,
            caller,
            charges,
            fields,
            client,
            self._disclose == "everybody" or (self._disclose == "authenticated" and bool(principal.issuer)),
            self._detailed or ASKS in arrival.headers.raw,
            self._priced or ASKS_COST in arrival.headers.raw,
        )
        found = self._limiter.take(charges) if charges else _NOTHING
        return self._admit(visit, found) if isinstance(found, Decision) else self._admit_later(visit, found)

    async def _admit_later(self, visit: _Visit, found: Awaitable[Decision]) -> Entry:
        entry = self._admit(visit, await found)
        return await entry if isawaitable(entry) else entry

    def _admit(self, visit: _Visit, decision: Decision) -> Entry | Awaitable[Entry]:
        """Let the request in where its limits allow, and there is a place."""
        policy = visit.seen.limits.policy
        if decision.refused is not None:
            raise self._refusals.refusal(
                visit.charges,
                decision,
                visit.request_id,
                policy,
                disclosed=visit.disclosed,
                detailed=visit.detailed,
                legacy=self._legacy,
            )
        self._measure(visit.charges, decision, visit.request_id, policy)
        rules = visit.seen.limits.concurrency
        if rules.mode == "off":
            return self._entry(visit, decision, None)
        key, enforced = f"rl:{{v1}}:{policy}:concurrency:{visit.caller}", rules.mode == "enforce"
        places = self._shared_places if rules.shared else self._places
        place = places.take(key, rules.max, enforced=enforced)
        if isinstance(place, tuple):
            return self._place(visit, decision, place)
        return self._place_later(visit, decision, place)

    async def _place_later(
        self, visit: _Visit, decision: Decision, place: Awaitable[tuple[Leave | None, bool]]
    ) -> Entry:
        return self._place(visit, decision, await place)

    def _place(self, visit: _Visit, decision: Decision, place: tuple[Leave | None, bool]) -> Entry:
        leave, full = place
        if full:
            limits, enforced = visit.seen.limits, leave is None
            refusal = self._refusals.no_place(
                visit.request_id, limits.policy, limits.concurrency.max, enforced=enforced
            )
            if enforced:
                raise refusal
        return self._entry(visit, decision, leave)

    def _entry(self, visit: _Visit, decision: Decision, leave: Leave | None) -> Entry:
        cost = visit.seen.limits.cost
        return Entry(
            self._limiter,
            self._refusals,
            request_id=visit.request_id,
            policy=visit.seen.limits.policy,
            charges=visit.charges,
            decision=decision,
            cost=None if cost is None else (cost, cost.prefix + visit.caller),
            leave=leave,
            fields=visit.fields,
            client=visit.client,
            disclosed=visit.disclosed,
            detailed=visit.detailed,
            priced=visit.priced,
            legacy=self._legacy,
        )

    def _versions(self, seen: Seen, arrival: Arrival) -> tuple[HeaderList, dict[str, Any]]:
        if not seen.versions.any:
            return (), {}
        try:
            return seen.versions.judge(seen.version)
        except Refusal as refusal:
            self._notify(ClientRefused(arrival.request_id, "version", f"{seen.name!r} {refusal.detail}"))
            raise

    def _measure(self, charges: Sequence[Charge], decision: Decision, request_id: str, policy: str) -> None:
        """Tell of limits that did not fit and only measure."""
        for charge, state in zip(charges, decision.states, strict=False):
            if state is not None and state.over:
                self._refusals.measured(charge, decision, request_id, policy)
