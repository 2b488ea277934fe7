"""What an operation really cost, counted in its answer along the tree of its estimate (RL-10)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from math import ceil
from typing import Any

from bff.execution.cost.tree import Branch, Field, Spot, Tree

Path = tuple[str, ...]
"""Response keys from the root, places in lists left out."""

_ROUNDING = 6


def actual(
    tree: Tree,
    data: Mapping[str, Any] | None,
    failed: Iterable[Sequence[str | int]],
    sent: Mapping[str, int],
) -> float:
    """Return what the answer *data* cost: a whole number, at least 1.

    A call counts as often as it was made, and not for fields that failed. What came from a cache, joined another
    call or was refused here was never sent (RL-10).

    Args:
        tree: Of the operation.
        data: What was returned; None for nothing.
        failed: Paths of the errors.
        sent: How often each endpoint was called.
    """
    if data is None:
        return 1.0
    failures = Counter(
        tuple(step for step in path if isinstance(step, str))
        for path in failed
        if path and isinstance(path[-1], str)
    )
    counter = _Counter(failures)
    counter.walk(tree.root.branches[0].fields, [data], ())
    calls = sum(min(times, sent.get(name, 0)) * counter.weights[name] for name, times in counter.calls.items())
    return float(max(1, ceil(round(counter.cost + calls, _ROUNDING))))


class _Counter:
    def __init__(self, failures: Counter[Path]) -> None:
        self._failures = failures
        self.cost = 0.0
        self.calls: Counter[str] = Counter()
        self.weights: dict[str, float] = {}

    def walk(self, fields: Iterable[Field], objects: Sequence[Mapping[str, Any]], path: Path) -> None:
        """Count *fields* of *objects*, which stand at *path*."""
        for field in fields:
            place = (*path, field.key)
            values = [one[field.key] for one in objects if field.key in one]
            parents = len(values) - self._failures.get(place, 0)
            if parents <= 0:
                continue
            self._count(field, parents)
            if field.below is not None:
                found = _objects(values)
                for branch, own in _by_branch(field.below, found):
                    self.cost += branch.weight * len(own)
                    self.walk(branch.fields, own, place)

    def _count(self, field: Field, parents: int) -> None:
        own = field.own
        self.cost += own.each * parents + own.once
        for name, weight in own.calls:
            times = 1 if own.once else parents
            self.cost -= weight * times
            self.calls[name] += times
            self.weights[name] = weight


def _objects(values: Iterable[Any]) -> list[Mapping[str, Any]]:
    found: list[Mapping[str, Any]] = []
    todo = list(values)
    for value in todo:
        if isinstance(value, dict):
            found.append(value)
        elif isinstance(value, list):
            todo += value
    return found


def _by_branch(spot: Spot, objects: list[Mapping[str, Any]]) -> Iterable[tuple[Branch, list[Mapping[str, Any]]]]:
    """Return *objects* by what is wanted of them; an object that does not say its type counts as the dearest."""
    if len(spot.branches) == 1:
        return ((spot.branches[0], objects),) if objects else ()
    found: dict[int, list[Mapping[str, Any]]] = {}
    for one in objects:
        found.setdefault(_branch(spot, one), []).append(one)
    return [(spot.branches[number], own) for number, own in found.items()]


def _branch(spot: Spot, value: Mapping[str, Any]) -> int:
    name = value.get(spot.type_key) if spot.type_key else None
    fits = [
        number
        for number, branch in enumerate(spot.branches)
        if (name in branch.names if name else all(field.key in value for field in branch.fields))
    ]
    return max(fits or [0], key=lambda number: (spot.branches[number].weight, len(spot.branches[number].fields)))
