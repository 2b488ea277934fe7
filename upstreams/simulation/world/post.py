"""Offers for customers and the messages in their inboxes."""

from datetime import timedelta
from random import Random
from typing import Final

from upstreams.simulation.model import Message, Offer, Segment
from upstreams.simulation.world.draw import Seed, remember, timestamp
from upstreams.simulation.world.food import Food
from upstreams.simulation.world.people import person
from upstreams.simulation.world.ratings import RESTAURANTS
from upstreams.simulation.world.words import MESSAGES, OFFERS

OFFER_COUNT: Final = 48

_FIRST_ORDER: Final = "WELCOME"
_GOLD: Final = "GOLD"


class Post:
    """What the company tells its customers."""

    def __init__(self, seed: Seed, food: Food) -> None:
        self._seed = seed
        self._food = food
        self.offer = remember(self._offer)
        self.inbox = remember(self._inbox)

    def _offer(self, index: int) -> Offer:
        rng = self._seed.draw("offer", index)
        text, word = OFFERS[(index - 1) % len(OFFERS)]
        percent = rng.choice((5, 10, 15, 20, 25))
        restaurant = f"r{rng.randint(1, RESTAURANTS)}" if rng.random() < 0.5 else None  # noqa: PLR2004 - half of them
        ends = self._seed.evening + timedelta(days=rng.randint(2, 45))
        return Offer(f"of{index}", text.format(percent=percent), f"{word}{percent}-{index}", percent,
                     timestamp(ends), restaurant)  # fmt: skip

    def offers(self, segment: Segment | None) -> list[Offer]:
        """Return the offers for *segment*; all of them when it is None."""
        offers = [self.offer(index) for index in range(1, OFFER_COUNT + 1)]
        return [offer for offer in offers if segment is None or _is_for(offer, segment)]

    def _inbox(self, user: int) -> tuple[Message, ...]:
        """Return the messages of *user*, newest first."""
        rng = self._seed.draw("inbox", user)
        ages = sorted(0.2 + 2_000 * rng.random() ** 3 for _ in range(rng.randint(6, 30)))
        return tuple(
            self._message(rng, f"n{user}-{len(ages) - place}", timedelta(hours=age))
            for place, age in enumerate(ages)
        )

    def _message(self, rng: Random, message_id: str, age: timedelta) -> Message:
        title, body = rng.choice(MESSAGES)
        facts = {
            "restaurant": self._food.restaurant(rng.randint(1, RESTAURANTS)).name,
            "courier": person(rng).split()[0],
        }
        read = rng.random() < min(0.95, age / timedelta(days=3))
        return Message(message_id, title.format(**facts), body.format(**facts), read, self._seed.ago(age))


def _is_for(offer: Offer, segment: Segment) -> bool:
    if offer.code.startswith(_FIRST_ORDER):
        return segment is Segment.NEW
    return segment is Segment.GOLD or not offer.code.startswith(_GOLD)
