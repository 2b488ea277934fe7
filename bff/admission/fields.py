"""What is told of limits: `RateLimit-Policy`, `RateLimit`, and the same in `extensions` (RL-14 to RL-16)."""

from collections.abc import Sequence
from functools import lru_cache
from math import ceil
from random import Random
from typing import Any

from bff.admission.buckets import Bucket, Charge, State
from bff.admission.gcra import SECOND
from bff.server.refusal import HeaderList

_LONG_WINDOW = 60
_JITTER = 0.1
_MILLISECOND = 1000

Known = Sequence[tuple[Bucket, State]]
"""Limits that were asked, and what they said."""


def known(charges: Sequence[Charge], states: Sequence[State | None]) -> Known:
    """Return what is known of *charges*."""
    return [(charge[0], state) for charge, state in zip(charges, states, strict=False) if state is not None]


def header_fields(limits: Known, *, legacy: bool = False) -> HeaderList:
    """Return the fields for *limits*; `t` never lies after what `Retry-After` says (RL-15)."""
    if not limits:
        return ()
    left = [f'"{bucket.name}";r={state.remaining};t={-(-_until(state) // SECOND)}' for bucket, state in limits]
    policies = _policies(tuple([bucket for bucket, _ in limits]))
    fields = ((b"ratelimit-policy", policies), (b"ratelimit", ", ".join(left).encode()))
    return (*fields, *_legacy(limits)) if legacy else fields


@lru_cache(maxsize=1024)
def _policies(buckets: tuple[Bucket, ...]) -> bytes:
    """Return what never changes for *buckets*, so that it is written once."""
    return ", ".join(f'"{one.name}";q={one.quota};w={one.window}{_unit(one)}' for one in buckets).encode()


def members(limits: Known) -> list[dict[str, Any]]:
    """Return the same for `extensions.rateLimit`; times in milliseconds but for the window, in seconds."""
    return [
        {
            "name": bucket.name,
            "limit": bucket.quota,
            "windowSeconds": bucket.window,
            "remaining": state.remaining,
            "resetMs": ceil(_until(state) / _MILLISECOND),
        }
        for bucket, state in limits
    ]


def retry_after_ms(bucket: Bucket, state: State, rng: Random) -> int | None:
    """Return after how many milliseconds the same request would fit; None when it never does.

    Where the rate counts over more than a minute, up to a tenth more, so that not all come at once (RL-14).
    """
    if state.wait is None:
        return None
    wait = max(1, ceil(state.wait / _MILLISECOND))
    return wait + int(wait * rng.uniform(0, _JITTER)) if bucket.rate.get_expiry() > _LONG_WINDOW else wait


def _until(state: State) -> int:
    """Return the microseconds for which what is left has to do: until more of it is there, or all of it."""
    return state.wait if state.over and state.wait else state.reset


def _unit(bucket: Bucket) -> str:
    return ';qu="cost"' if bucket.layer == "cost" else ""


def _legacy(limits: Known) -> HeaderList:
    """Return the old fields for the limit that has the smallest part left."""
    bucket, state = min(limits, key=lambda one: one[1].remaining / one[0].quota)
    values = {"limit": bucket.quota, "remaining": state.remaining, "reset": -(-_until(state) // SECOND)}
    return tuple((f"x-ratelimit-{name}".encode(), str(value).encode()) for name, value in values.items())
