"""The application's own context: what its resolvers read from `info.context`, made for each operation."""

from collections.abc import Awaitable, Callable
from inspect import isawaitable, signature
from typing import Any

from bff.context import Context

OwnContext = Callable[[Context], Awaitable[Any]]
"""Makes the own context of one operation."""


def own_context_of(function: Callable[..., Any]) -> OwnContext:
    """Return what calls *function*, plain or async, with nothing or with the `Context`, as it wants.

    What it returns is read through `info.context`: a mapping by `info.context["name"]`, an object by its
    attributes. So a `context_getter` of Strawberry's own router serves as it is, where FastAPI need not feed it.
    """
    wants = any(one.default is one.empty for one in signature(function).parameters.values())

    async def make(context: Context) -> Any:
        made = function(context) if wants else function()
        return await made if isawaitable(made) else made

    return make
