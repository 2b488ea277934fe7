"""What all policies share: immutable, strict about keys, and the kinds of values most of them hold."""

from collections.abc import Iterable
from datetime import timedelta
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, Strict, model_validator

from bff.policy.problem import Clash, Clashes
from bff.policy.units import Duration

Count = Annotated[int, Strict()]
"""A whole number; neither `"3"` nor `3.0` nor `true` is one."""

Switch = Annotated[bool, Strict()]
"""`true` or `false`; YAML 1.2 knows no `yes` and `on`."""

Timeout = Annotated[Duration, Field(gt=timedelta(0), le=timedelta(hours=1))]
"""A time that nobody waits longer than; no time at all would refuse every call."""

Pause = Annotated[Duration, Field(ge=timedelta(0), le=timedelta(minutes=10))]
"""A time that passes anyway; it may be none at all."""


class Policy(BaseModel):
    """Base of all policies."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def clashes(self) -> Iterable[Clash]:
        """Return the values that do not go together; a policy that has any is refused."""
        return ()

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        clashes = tuple(self.clashes())
        if clashes:
            raise Clashes(clashes)
        return self


def whole_milliseconds(span: timedelta) -> timedelta:
    """Return *span* without its fraction of a millisecond, at least one millisecond."""
    one = timedelta(milliseconds=1)
    return max(one, span // one * one)
