"""How many stars each review gives to which restaurant: the bare list behind reviews and averages."""

from collections.abc import Sequence
from typing import Final

from upstreams.simulation.world.draw import Seed

RESTAURANTS: Final = 200
REVIEWS: Final = 30_000

_STARS: Final = (1, 2, 3, 4, 5)
_FEW: Final = (8, 10, 17, 35, 30)
_MANY: Final = (1, 2, 6, 30, 61)


class Ratings:
    """The restaurant and the stars of every review; reviews are numbered from 1, the newest last."""

    def __init__(self, seed: Seed) -> None:
        rng = seed.draw("ratings")
        popularity = [rng.uniform(0.2, 2.0) for _ in range(RESTAURANTS)]
        quality = [rng.random() for _ in range(RESTAURANTS)]
        self._restaurants = rng.choices(range(1, RESTAURANTS + 1), weights=popularity, k=REVIEWS)
        self._of_restaurant: list[list[int]] = [[] for _ in range(RESTAURANTS)]
        cumulative = [_cumulative(share) for share in quality]
        self._stars = []
        for review, restaurant in enumerate(self._restaurants, start=1):
            self._of_restaurant[restaurant - 1].append(review)
            self._stars += rng.choices(_STARS, cum_weights=cumulative[restaurant - 1])

    def restaurant(self, review: int) -> int:
        """Return the number of the restaurant that *review* is about."""
        return self._restaurants[review - 1]

    def stars(self, review: int) -> int:
        """Return the stars of *review*, 1 to 5."""
        return self._stars[review - 1]

    def of_restaurant(self, restaurant: int) -> Sequence[int]:
        """Return the reviews of *restaurant*, oldest first."""
        return self._of_restaurant[restaurant - 1]

    def average(self, restaurant: int) -> float:
        """Return the mean of the stars of *restaurant*."""
        reviews = self.of_restaurant(restaurant)
        return sum(self._stars[review - 1] for review in reviews) / len(reviews)


def _cumulative(quality: float) -> list[float]:
    total, sums = 0.0, []
    for few, many in zip(_FEW, _MANY, strict=True):
        total += few + (many - few) * quality
        sums.append(total)
    return sums
