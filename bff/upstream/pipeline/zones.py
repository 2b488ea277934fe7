"""How calls are spread over priorities, and how they come back (LB-7, LB-8, LB-9); pure arithmetic."""

from collections.abc import Sequence
from typing import NamedTuple

WHOLE = 100.0


class Spread(NamedTuple):
    """What each priority gets.

    Attributes:
        loads: Per cent of the calls, 100 in all; all 0 when there is nobody to call.
        panic: Whether a priority uses all its hosts, whatever their health.
    """

    loads: tuple[float, ...]
    panic: tuple[bool, ...]


def spread(
    available: Sequence[float],
    sizes: Sequence[int],
    *,
    overprovision: float = 1.4,
    panic_threshold: float = 0.5,
    held: Sequence[bool] = (),
) -> Spread:
    """Return how much of the load each priority takes; the first takes what it can, the next the rest (LB-8).

    Args:
        available: The share of usable hosts of each priority, 0 to 1.
        sizes: How many hosts each priority has; they decide when nobody is usable at all.
        overprovision: How much more than its part a healthy host can take.
        panic_threshold: Below this share a priority panics, unless the others can take all calls; 0 for never.
        held: Priorities that get nothing although they have usable hosts, while others can take all calls (LB-9).

    Source: Envoy, "Priority levels" and "Panic threshold".
    """
    health = [min(WHOLE, WHOLE * overprovision * share) for share in available]
    if any(held):
        others = [0.0 if holds else part for holds, part in zip(held, health, strict=True)]
        health = others if sum(others) >= WHOLE else health
    together = sum(health)
    if together >= WHOLE:
        loads, left = [], WHOLE
        for part in health:
            loads.append(min(part, left))
            left -= loads[-1]
        return Spread(tuple(loads), (False,) * len(health))
    panic = tuple(share < panic_threshold for share in available)
    if together == 0:
        wanted = [float(size) if panics else 0.0 for size, panics in zip(sizes, panic, strict=True)]
        together = sum(wanted)
        return Spread(tuple(WHOLE * part / together if together else 0.0 for part in wanted), panic)
    return Spread(tuple(WHOLE * part / together for part in health), panic)


class Failback:
    """Keeps calls away from a priority that had no usable host, until it has recovered for a while (LB-9).

    Args:
        levels: How many priorities there are.
        hold: Seconds that it must have been recovered.
        enough: The share of usable hosts that counts as recovered.
    """

    def __init__(self, levels: int, hold: float, enough: float = 0.5) -> None:
        self._hold = hold
        self._enough = enough
        self._down = [False] * levels
        self._since: list[float | None] = [None] * levels

    def held(self, available: Sequence[float], now: float) -> tuple[bool, ...]:
        """Return which priorities get nothing at *now*, after noting how many of their hosts are usable."""
        for level, share in enumerate(available):
            if share == 0:
                self._down[level], self._since[level] = True, None
            elif not self._down[level]:
                continue
            elif share < self._enough:
                self._since[level] = None
            else:
                since = self._since[level]
                self._since[level] = since = now if since is None else since
                self._down[level] = now - since < self._hold
        return tuple(self._down)

    def next_change(self) -> float:
        """Return when a priority may take calls again if nothing else happens; infinity for never."""
        waiting = [
            since + self._hold
            for down, since in zip(self._down, self._since, strict=True)
            if down and since is not None
        ]
        return min(waiting, default=float("inf"))
