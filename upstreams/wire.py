"""What several services say in the same way."""

from typing import Generic, TypeVar

import msgspec

Item = TypeVar("Item")


class Money(msgspec.Struct, frozen=True, rename="camel"):
    """An amount in hundredths of `currency` (ISO 4217)."""

    cents: int
    currency: str


class Page(msgspec.Struct, Generic[Item], frozen=True, rename="camel"):
    """One page of a list; `next_cursor` is None on the last one, `total` counts the whole list."""

    items: list[Item]
    next_cursor: str | None
    total: int
