"""What one request takes from which buckets (RL-6, RL-8)."""

import re
from collections import Counter
from collections.abc import Mapping
from functools import lru_cache

from bff.admission.addresses import Addresses
from bff.admission.buckets import Charge, partition
from bff.admission.clients import Seen
from bff.context import Principal
from bff.execution.messages import GraphQLRequest
from bff.server.ports import Arrival

Request = GraphQLRequest | list[GraphQLRequest]

_NAMED = re.compile(r"\b(?:query|mutation|subscription)\s+([_A-Za-z][_0-9A-Za-z]*)")
_KEPT = 8192


class Charges:
    """Finds buckets.

    Args:
        addresses: Finds the address of people who do not say who they are.
    """

    def __init__(self, addresses: Addresses) -> None:
        self._addresses = addresses
        self._partition = lru_cache(maxsize=_KEPT)(partition)

    def caller(self, arrival: Arrival, principal: Principal) -> str:
        """Return whose buckets these are: a user's, else an address's; never what a header says (RL-6)."""
        if _is_known(principal):
            return self._partition(principal.issuer, principal.subject or principal.client or "")
        return self._addresses.of(arrival.peer, arrival.headers)[0]

    def of(self, seen: Seen, principal: Principal, caller: str, request: Request) -> list[Charge]:
        """Return what *request* takes, in the order of the layers: client, user, operations."""
        limits, count = seen.limits, len(request) if isinstance(request, list) else 1
        charges = []
        if limits.client is not None and seen.proven is not None:
            issuer = principal.issuer if principal.client else ""
            charges.append(
                Charge(limits.client, limits.client.prefix + self._partition(issuer, seen.proven), count)
            )
        own = limits.user if _is_known(principal) else limits.anonymous
        if own is not None:
            charges.append(Charge(own, own.prefix + caller, count))
        if limits.operations:
            for name, times in _names(request).items():
                bucket = limits.operations.get(name)
                if bucket is not None:
                    charges.append(Charge(bucket, bucket.prefix + caller, times))
        return charges


def _is_known(principal: Principal) -> bool:
    return bool(principal.subject or principal.client)


def _names(request: Request) -> Mapping[str, int]:
    """Return how often each operation is asked for; where no name is sent, the one in the text."""
    if not isinstance(request, list):
        name = _name(request)
        return {name: 1} if name else {}
    return Counter(name for name in map(_name, request) if name)


def _name(request: GraphQLRequest) -> str | None:
    if request.operation_name is not None or request.query is None:
        return request.operation_name
    found = _NAMED.search(request.query)
    return found[1] if found else None
