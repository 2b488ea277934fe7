"""How long a client may keep an answer (CA-22, CA-23)."""

import math

from bff.context import Operation
from bff.execution.cache_control import Allowance


def keeping(operation: Operation, allowed: Allowance) -> tuple[int, bool]:
    """Return for how many whole seconds the answer to *operation* may be kept, and whether only by one user.

    Args:
        operation: What its parts said.
        allowed: What the schema says; services may lower it, never raise it.
    """
    told = operation.max_age
    seconds = allowed.max_age if told is None else min(told, allowed.max_age)
    return int(seconds) if math.isfinite(seconds) else 0, operation.private or allowed.private
