"""The way of one call: stages around a transport, outermost first (PL-1)."""

from collections.abc import Mapping, Sequence
from functools import partial

from bff.upstream.pipeline.call import Call, Handler, Stage

__all__ = ["ORDER", "SETTINGS", "Call", "Handler", "Stage", "build"]

ORDER = (
    "deadline",  # bounds everything below it, sleeps included
    "retry",  # above the pick of a host, so that every attempt picks anew
    "hedge",  # as retry; below it, so that a call has one hedge however often it is repeated
    "balance",  # above what is known of one host
    "gate",  # a host that asked for silence costs no permission and no permit
    "breaker",  # an open breaker ends the attempt before it waits for anything
)
"""The stages of every upstream, outermost first; `attempt`, innermost, turns the call into one request."""

SETTINGS: Mapping[str, tuple[str, ...]] = {
    "deadline": ("timeouts.total",),
    "retry": ("retry",),
    "hedge": ("hedge",),
    "balance": ("hosts", "balance", "outlier", "health", "slow_start"),
    "gate": ("retry.gate_max",),
    "breaker": ("breaker",),
    "bulkhead": ("bulkhead", "codel", "timeouts.queue"),
    "adaptive": ("adaptive",),
    "attempt": ("timeouts.attempt", "forward"),
    "transport": ("timeouts", "pool", "limits", "plaintext", "ca"),
}
"""Which policy keys a stage goes by: a key, or a section; the longest that fits a key decides."""


def build(stages: Sequence[Stage], transport: Handler) -> Handler:
    """Nest *stages* around *transport*; the first stage is the outermost."""
    handler = transport
    for stage in reversed(stages):
        handler = partial(stage, send=handler)
    return handler
