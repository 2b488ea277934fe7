"""Who ordered when: the bare list from which orders, customers' segments and charges follow."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from upstreams.simulation.world.draw import Seed

USERS: Final = 2_000
ORDERS: Final = 20_000
DEMO_USER: Final = 1
ON_THE_WAY_ORDER: Final = 19_910
"""The order of the demo's customer that a courier is bringing."""
JUST_PLACED_ORDER: Final = 19_995
"""The order of the demo's customer that can still be cancelled."""

_DEMO_ORDERS: Final = (16_233, 17_500, 18_040, 19_120, 19_702, ON_THE_WAY_ORDER, JUST_PLACED_ORDER)
_SPAN: Final = timedelta(days=730)
_SKEW: Final = 1.2  # customers with low numbers order a little more often


class Ledger:
    """The owner and the age of every order; orders are numbered from 1, the newest last."""

    def __init__(self, seed: Seed) -> None:
        rng = seed.draw("owners")
        self._owners = [int(rng.random() ** _SKEW * USERS) + 1 for _ in range(ORDERS)]
        for order in _DEMO_ORDERS:
            self._owners[order - 1] = DEMO_USER
        self._of_user = self._grouped()

    def _grouped(self) -> Mapping[int, Sequence[int]]:
        grouped: defaultdict[int, list[int]] = defaultdict(list)
        for order, owner in enumerate(self._owners, start=1):
            grouped[owner].append(order)
        return grouped

    def owner(self, order: int) -> int:
        """Return the number of the customer who placed *order*."""
        return self._owners[order - 1]

    def of_user(self, user: int) -> Sequence[int]:
        """Return the orders of *user*, oldest first."""
        return self._of_user.get(user, ())

    def age(self, order: int) -> timedelta:
        """Return how long before the evening *order* was placed; business grows, so new orders are denser."""
        return _SPAN * ((ORDERS - order) / ORDERS) ** 2
