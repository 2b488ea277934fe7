"""Customers, their addresses and payment methods, and couriers."""

import unicodedata
from datetime import timedelta
from random import Random
from typing import Final

from upstreams.simulation.model import Address, Courier, MethodKind, PaymentMethod, Segment, User, Vehicle
from upstreams.simulation.world.draw import Seed, remember
from upstreams.simulation.world.ledger import DEMO_USER, Ledger
from upstreams.simulation.world.words import ADDRESS_LABELS, CITY, FIRST_NAMES, LAST_NAMES, STREETS

COURIERS: Final = 120

_DEMO_NAME: Final = "Lena Vogt"
_NEW_UP_TO: Final = 4
_GOLD_FROM: Final = 16
_CARDS: Final = ("Visa", "Mastercard", "girocard")
_WALLETS: Final = ("PayPal", "Apple Pay", "Google Pay")
_CENTRE: Final = (52.5163, 13.4050)


class People:
    """Everybody who orders or delivers; numbers count from 1."""

    def __init__(self, seed: Seed, ledger: Ledger) -> None:
        self._seed = seed
        self._ledger = ledger
        self.user = remember(self._user)
        self.courier = remember(self._courier)
        self.methods = remember(self._methods)

    def _user(self, index: int) -> User:
        rng = self._seed.draw("user", index)
        name = _DEMO_NAME if index == DEMO_USER else person(rng)
        addresses = tuple(
            Address(f"a{index}-{place}", ADDRESS_LABELS[place - 1], street(rng), CITY, *position(rng))
            for place in range(1, (2 if index == DEMO_USER else rng.choice((1, 1, 2, 2, 3))) + 1)
        )
        return User(
            id=f"u{index}",
            name=name,
            email=f"{_mailbox(name)}{index}@example.com",
            phone=f"+49 30 23125 {rng.randrange(1000):03}",  # numbers reserved for fiction
            avatar_url=f"https://images.example.com/people/u{index}.jpg",
            segment=self.segment(index),
            created_at=self._joined(index, rng),
            addresses=addresses,
        )

    def segment(self, user: int) -> Segment:
        """Return how well *user* is known, which follows from how often they have ordered."""
        orders = len(self._ledger.of_user(user))
        if user == DEMO_USER or orders >= _GOLD_FROM:
            return Segment.GOLD
        return Segment.NEW if orders <= _NEW_UP_TO else Segment.REGULAR

    def _joined(self, user: int, rng: Random) -> str:
        orders = self._ledger.of_user(user)
        first_order = self._ledger.age(orders[0]) if orders else timedelta()
        return self._seed.ago(first_order + timedelta(minutes=rng.randint(10, 30_000)))

    def _methods(self, user: int) -> tuple[PaymentMethod, ...]:
        rng = self._seed.draw("methods", user)
        count = 2 if user == DEMO_USER else rng.choice((1, 1, 2, 2, 3))
        return tuple(self._method(rng, f"pm{user}-{place}", place) for place in range(1, count + 1))

    def _method(self, rng: Random, method_id: str, place: int) -> PaymentMethod:
        if place == 1 or rng.random() < 0.4:  # noqa: PLR2004 - a share, not a setting
            label = f"{rng.choice(_CARDS)} •••• {rng.randrange(10_000):04}"
            expires = f"{self._seed.day.year + rng.randint(1, 5)}-{rng.randint(1, 12):02}"
            return PaymentMethod(method_id, MethodKind.CARD, label, expires, is_default=place == 1)
        return PaymentMethod(method_id, MethodKind.WALLET, rng.choice(_WALLETS), None, is_default=False)

    def _courier(self, index: int) -> Courier:
        rng = self._seed.draw("courier", index)
        return Courier(
            id=f"c{index}",
            name=person(rng),
            vehicle=rng.choices(tuple(Vehicle), weights=(6, 3, 1))[0],
            rating=round(rng.uniform(4.1, 5.0), 1),
            phone=f"+49 176 040690 {rng.randrange(100):02}",  # numbers reserved for fiction
        )


def person(rng: Random) -> str:
    """Return a first and a last name."""
    return f"{rng.choice(FIRST_NAMES)} {rng.choice(LAST_NAMES)}"


def street(rng: Random) -> str:
    """Return a street and a house number."""
    return f"{rng.choice(STREETS)} {rng.randint(1, 180)}"


def position(rng: Random) -> tuple[float, float]:
    """Return latitude and longitude within about five kilometres of the city's centre."""
    latitude, longitude = _CENTRE
    return round(latitude + rng.uniform(-0.045, 0.045), 5), round(longitude + rng.uniform(-0.07, 0.07), 5)


def _mailbox(name: str) -> str:
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss")).encode("ascii", "ignore").decode()
    return plain.lower().replace(" ", ".")
