"""Chance and time of the world: everything follows from a seed and a day, in every process alike."""

import re
from collections.abc import Callable
from datetime import UTC, date, datetime, time, timedelta
from functools import cache
from random import Random
from typing import Final, TypeVar

T = TypeVar("T")

_EVENING: Final = time(18, 30, tzinfo=UTC)
_ID: Final = re.compile(r"([a-z]+)([1-9][0-9]{0,8})", re.ASCII)


class Seed:
    """Where the world comes from: a number and the day on whose evening it is seen."""

    def __init__(self, number: int, day: date) -> None:
        self.number = number
        self.day = day
        self.evening = datetime.combine(day, _EVENING)

    def draw(self, kind: str, index: int | str = 0) -> Random:
        """Return the chance of one entity, whatever else was drawn before it."""
        return Random(f"{self.number}/{kind}/{index}")

    def ago(self, age: timedelta) -> str:
        """Return the time *age* before the evening."""
        return timestamp(self.evening - age)


def last_evening(now: datetime) -> date:
    """Return the day whose evening has passed at *now*, so that nothing of the world lies in the future."""
    return now.date() if now >= datetime.combine(now.date(), _EVENING) else now.date() - timedelta(days=1)


def timestamp(moment: datetime) -> str:
    """Return *moment* as RFC 3339 with whole seconds and `Z`."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def number(entity_id: str, prefix: str, last: int) -> int | None:
    """Return 12 for `o12`; None where the id is of another kind or beyond *last*."""
    match = _ID.fullmatch(entity_id)
    if match is None or match[1] != prefix or int(match[2]) > last:
        return None
    return int(match[2])


def remember(make: Callable[[int], T]) -> Callable[[int], T]:
    """Return *make* that makes each entity once; kept as long as its owner lives."""
    return cache(make)
