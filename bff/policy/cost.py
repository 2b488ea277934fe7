"""What operations cost, and how much one of them may (RL-9 to RL-12)."""

from typing import Annotated, Literal

from pydantic import Field

from bff.policy.base import Count, Policy
from bff.policy.resilience import Part

Weight = Annotated[float, Field(ge=0, le=100_000, allow_inf_nan=False)]
"""What something costs; 1 is one object, or one call to a service."""


class CallCost(Policy):
    """What a call to the service costs its caller (RL-9)."""

    weight: Weight = 1.0
    """Added to an operation's cost for each call; a batch is one call. `@cost` on a field stands instead."""


class PartialCallCost(Part, CallCost):
    """What a call of a group or endpoint costs differently."""


class Cost(Policy):
    """What an operation costs, estimated before it runs and counted after (RL-9 to RL-12)."""

    mode: Literal["off", "measure", "enforce"] = "enforce"
    """`enforce` refuses what costs more than `max_cost`; `measure` only tells the log; `off` estimates nothing."""

    max_cost: Annotated[Count, Field(ge=1)] = 1000
    """Most that one operation may cost, by estimate; more is refused with COST_LIMIT_EXCEEDED (RL-11)."""

    list_size: Annotated[Count, Field(ge=1, le=100_000)] = 10
    """Items that a list is expected to have, where neither an argument nor `@listSize` says so."""

    max_list_size: Annotated[Count, Field(ge=1)] = 1000
    """Most items that one list may be asked for; more is refused with COST_LIMIT_EXCEEDED."""

    mutation: Weight = 10.0
    """What a field of a mutation costs at least."""

    report: Literal["never", "ask", "always"] = "ask"
    """Whether answers have `extensions.cost`: `ask` where the request has the header `x-bff-cost` (RL-12)."""
