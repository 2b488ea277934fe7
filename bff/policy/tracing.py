"""Who may see what became of each call of an operation, in `extensions.trace`."""

from typing import Annotated, Literal

from pydantic import Field

from bff.policy.base import Policy
from bff.policy.names import Header

TraceAllowance = Literal["development", "scope"]
"""Nobody outside development; callers whose token has `scope`."""


class Trace(Policy):
    """`extensions.trace`: each call to a service with its attempts, cache, breaker and times."""

    header: Header = "x-bff-trace"
    """A request that carries this header, with anything but 0 or false, asks for its trace."""

    allow: TraceAllowance = "development"
    """Who gets it: in development whoever asks; otherwise nobody under `development`, and under `scope` callers
    whose credentials were granted `scope`."""

    scope: Annotated[str, Field(min_length=1, max_length=128)] = "bff:trace"
    """The scope that `allow: scope` wants."""
