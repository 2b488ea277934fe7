"""What an operation costs: an expression of its variables, whose constant parts are worked out once (RL-9)."""

import heapq
from collections.abc import Mapping
from itertools import count
from math import ceil
from typing import Any

from bff.execution.cost.collect import ALWAYS
from bff.execution.cost.tree import UNGUARDED, Asked, Field, Size, Spot, Tree

Variables = Mapping[str, Any]
"""As the client sent them; what does not fit its type is refused later and counts as not sent here."""

Linear = tuple[float, float]
"""What a position costs for each object there, and besides that once for all of them."""

LOOKED_AT = 500
"""Positions that are looked at to find the most expensive ones."""

_ROUNDING = 6
_LARGEST_INT = 2**31 - 1
"""Beyond it nothing is an `Int`, and the request is refused for that."""


class ListTooLong(Exception):
    """A list is asked for with more items than any may have."""

    def __init__(self, asked: int, allowed: int) -> None:
        super().__init__(f"A list is asked for with {asked} items, and {allowed} is the most.")
        self.asked = asked


class Estimate:
    """The cost of the operation in *tree*.

    Args:
        tree: Its costed positions.
        max_list_size: Most items that one list may be asked for.
    """

    def __init__(self, tree: Tree, max_list_size: int) -> None:
        self._tree = tree
        self._longest = max_list_size
        self._open: list[Spot] = []
        self._values: list[Linear] = [(0.0, 0.0)] * len(tree.spots)
        open_numbers: set[int] = set()
        for spot in tree.spots:
            if _depends(spot, open_numbers):
                open_numbers.add(spot.number)
                self._open.append(spot)
        self._constant: float | None = None
        self._too_long: int | None = None
        try:
            for spot in tree.spots:
                if spot.number not in open_numbers:
                    self._values[spot.number] = self._spot(spot, self._values, {})
            if not self._open:
                self._constant = self._total(self._values)
        except ListTooLong as error:
            self._too_long = error.asked

    def of(self, variables: Variables) -> float:
        """Return the cost with *variables*: a whole number, at least 1.

        Raises:
            ListTooLong: A list is asked for with too many items.
        """
        if self._constant is not None:
            return self._constant
        return self._total(self._worked_out(variables))

    def most_expensive(self, variables: Variables, most: int) -> list[tuple[str, float]]:
        """Return the *most* positions that cost most themselves, and how much, those below them left out."""
        values = self._worked_out(variables)
        found: dict[str, float] = {}
        order = count()
        heap = [(0.0, next(order), "", 1.0, self._tree.root)]
        for _ in range(LOOKED_AT):
            if not heap:
                break
            _, _, path, objects, spot = heapq.heappop(heap)
            for branch in spot.branches:
                for field in branch.fields:
                    if not _wanted(field, variables, self._tree.defaults):
                        continue
                    place = f"{path}.{field.key}" if path else field.key
                    own = objects * field.own.each + field.own.once
                    if field.below is not None:
                        items = objects * self._items(field, variables)
                        own += items * max(one.weight for one in field.below.branches)
                        each, once = values[field.below.number]
                        heapq.heappush(heap, (-items * each - once, next(order), place, items, field.below))
                    found[place] = max(found.get(place, 0.0), own)
        ranked = sorted(found.items(), key=lambda item: -item[1])[:most]
        return [(place, round(cost, 2)) for place, cost in ranked if cost]

    def _worked_out(self, variables: Variables) -> list[Linear]:
        if self._too_long is not None:
            raise ListTooLong(self._too_long, self._longest)
        values = self._values.copy()
        for spot in self._open:
            values[spot.number] = self._spot(spot, values, variables)
        return values

    def _total(self, values: list[Linear]) -> float:
        root = self._tree.root
        each, once = values[root.number]
        return float(max(1, ceil(round(each + once - root.branches[0].weight, _ROUNDING))))

    def _spot(self, spot: Spot, values: list[Linear], variables: Variables) -> Linear:
        most_each = most_once = 0.0
        for branch in spot.branches:
            each, once = branch.weight, 0.0
            for field in branch.fields:
                if field.guards is not UNGUARDED and not _wanted(field, variables, self._tree.defaults):
                    continue
                each += field.own.each
                once += field.own.once
                sized = field.size is not None or field.handed is not None
                items = self._items(field, variables) if sized else field.inner
                if field.below is not None and items:
                    below_each, below_once = values[field.below.number]
                    each += items * below_each
                    once += below_once
            most_each, most_once = max(most_each, each), max(most_once, once)
        return most_each, most_once

    def _items(self, field: Field, variables: Variables) -> int:
        size = field.size or field.handed
        if size is None:
            return field.inner
        asked = _asked(size, variables, self._tree.defaults)
        if asked > self._longest:
            raise ListTooLong(asked, self._longest)
        return asked * field.inner if field.size is not None else field.inner


def _depends(spot: Spot, open_numbers: set[int]) -> bool:
    return any(
        any(guard for guard in field.guards)
        or any(isinstance(term, Asked) for size in (field.size, field.handed) if size for term in size.terms)
        or (field.below is not None and field.below.number in open_numbers)
        for branch in spot.branches
        for field in branch.fields
    )


def _wanted(field: Field, variables: Variables, defaults: Variables) -> bool:
    if field.guards is UNGUARDED or ALWAYS in field.guards:
        return True
    return any(all(_holds(variables, defaults, *literal) for literal in guard) for guard in field.guards)


def _holds(variables: Variables, defaults: Variables, name: str, wanted: bool) -> bool:  # noqa: FBT001 - of a pair
    value = variables.get(name, defaults.get(name))
    return value is wanted or not isinstance(value, bool)


def _asked(size: Size, variables: Variables, defaults: Variables) -> int:
    """Return how many items are asked for; the largest of what the arguments say."""
    best: int | None = None
    for term in size.terms:
        value = _number(term, variables, defaults) if isinstance(term, Asked) else term
        if value is not None and (best is None or value > best):
            best = value
    return size.assumed if best is None else max(0, best)


def _number(term: Asked, variables: Variables, defaults: Variables) -> int | None:
    if term.variable not in variables and term.variable not in defaults:
        return term.default
    value = variables.get(term.variable, defaults.get(term.variable))
    if type(value) in {int, float} and abs(value) <= _LARGEST_INT and value == int(value):
        return int(value)
    return None
