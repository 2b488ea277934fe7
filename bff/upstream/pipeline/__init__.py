"""The way of one call: stages around a transport, outermost first (PL-1)."""

from collections.abc import Sequence
from functools import partial

from bff.upstream.pipeline.call import Call, Handler, Stage

__all__ = ["ORDER", "Call", "Handler", "Stage", "build"]

ORDER = (
    "deadline",  # bounds everything below it, sleeps included
    "balance",  # every attempt picks its host anew
)
"""The stages of every upstream, outermost first; `attempt`, innermost, turns the call into one request."""


def build(stages: Sequence[Stage], transport: Handler) -> Handler:
    """Nest *stages* around *transport*; the first stage is the outermost."""
    handler = transport
    for stage in reversed(stages):
        handler = partial(stage, send=handler)
    return handler
