"""Joins from one object to many."""

from collections.abc import Sequence
from itertools import chain, islice
from typing import TypeVar

from bff import Context
from bff.upstream.batch import Batching

Value = TypeVar("Value")


async def grouped(
    endpoint: Batching[Value], context: Context, groups: Sequence[Sequence[str]]
) -> list[list[Value | None | Exception]]:
    """Return the values of the keys of each of *groups*, all asked for at once."""
    found = iter(await endpoint.many(context, list(chain.from_iterable(groups))))
    return [list(islice(found, len(group))) for group in groups]
